import type { VNode } from "preact";

/** Values by name as bars with their numbers. */
export function Distribution({ title, values }: {
  readonly title: string;
  readonly values: readonly { readonly name: string; readonly value: number }[];
}): VNode {
  const most = Math.max(...values.map(({ value }) => value), 1);
  const width = 100 / Math.max(values.length, 1);
  return (
    <figure class="distribution">
      <svg viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
        {values.map(({ name, value }, i) => {
          const height = value / most * 29;
          return (
            <rect
              key={name}
              x={i * width + width * 0.1}
              y={30 - height}
              width={width * 0.8}
              height={height}
            >
              <title>{`${name}: ${value.toLocaleString("en")}`}</title>
            </rect>
          );
        })}
      </svg>
      <div class="names" aria-hidden="true">
        {values.map(({ name }) => <span key={name}>{name}</span>)}
      </div>
      <details class="data">
        <summary>View as table</summary>
        <table>
          <caption class="unseen">{title}</caption>
          <tbody>
            {values.map(({ name, value }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="number">{value.toLocaleString("en")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
