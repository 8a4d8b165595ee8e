/** One record of the log: where it is, its fields, and its bytes. */
import { page } from "fresh";
import CopyText from "../../../../islands/CopyText.tsx";
import { RecordPage } from "../../../(_components)/record_page.tsx";
import { define, namedOr404 } from "../../../(_shared)/define.ts";

export const handler = define.handlers({
  async GET({ params, state: { services, signal } }) {
    const { topic, partition, offset } = params;
    return page(await namedOr404(services.records.one({ topic, partition, offset }, signal)));
  },
});

export default define.page<typeof handler>(({ data, url }) => {
  const { topic, partition, offset, kind, event, bytes } = data;
  const around = new URLSearchParams({ topic, partition: String(partition), offset });
  return (
    <RecordPage
      kind="Record"
      list={{ title: "Log", path: "/log" }}
      record={data}
      facts={[["Kind", kind]]}
      size={bytes.length}
      url={url}
    >
      <p class="controls">
        <CopyText text={new TextDecoder().decode(bytes)} label="Copy record" />
        <CopyText text={null} label="Copy link" />
        <a href={`/log?${around}`}>This and older records</a>
      </p>
      {event !== null && (
        <section aria-labelledby="fields">
          <h2 id="fields">Fields</h2>
          <div class="scroll" tabIndex={0} role="region" aria-label="Fields of the event">
            <table>
              <thead>
                <tr>
                  <th scope="col">Field</th>
                  <th scope="col">Value</th>
                </tr>
              </thead>
              <tbody>
                {Object.entries(event).map(([name, value]) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>
                      {value === null
                        ? "–"
                        : <a href={`/log?${searchFor(topic, name, value)}`}>{String(value)}</a>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </RecordPage>
  );
});

const searchFor = (topic: string, field: string, value: unknown) =>
  new URLSearchParams({ topic, field, value: String(value) });
