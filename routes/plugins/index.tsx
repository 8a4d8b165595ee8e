/** The plugins: what each declares, and its state. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import { figure } from "../(_parts)/figures.ts";
import type { PluginStatus } from "../../runtime/ports/services.ts";
import { driftText } from "../(_parts)/drift_text.ts";
import { Term } from "../(_parts)/Term.tsx";
import { define } from "../(_shared)/define.ts";

export const handler = define.handlers({
  async GET({ state: { services } }) {
    const status = await services.status().catch(() => null);
    const infos = services.serving.metrics();
    return page({
      metrics: infos.map((info) => ({
        info,
        file: services.plugins.get(info.name)?.file ?? "",
        state: status?.plugins.find(({ plugin }) => plugin === info.name) ?? null,
      })),
      silent: status?.plugins.filter(({ plugin, state }) =>
        (state === "refused" || state === "paused") && infos.every(({ name }) =>
          name !== plugin
        )
      ) ?? [],
    });
  },
});

/** Why a plugin fails in either layer. */
const whyOf = (state: PluginStatus | null) => state?.error ?? state?.batch.error ?? null;

export default define.page<typeof handler>(({ data }) => (
  <>
    <Head>
      <title>Metrics · Twofold</title>
    </Head>
    <div class="heading">
      <h1>Metrics</h1>
      <p>
        One plugin per metric: a file in <code>plugins/</code> declares it for both layers.
      </p>
    </div>
    {data.silent.map(({ plugin, error }) => (
      <p key={plugin} class="note fault" role="status">{error}</p>
    ))}
    {data.metrics.length + data.silent.length === 0 && (
      <p class="note">
        No plugins. Add one to <code>plugins/</code> and run{" "}
        <code>twofold plugins reload</code>; with <code>dev</code>, saving the file is enough.
      </p>
    )}
    <div class="scroll" tabIndex={0} role="region" aria-label="Metrics">
      <table>
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col">State</th>
            <th scope="col">Topic</th>
            <th scope="col">Keys</th>
            <th scope="col">Measures</th>
            <th scope="col" class="number">
              <Term of="run">Batch run</Term>
            </th>
            <th scope="col" class="number">
              <Term of="drift">Drift</Term>
            </th>
          </tr>
        </thead>
        <tbody>
          {data.metrics.map(({ info, file, state }) => (
            <tr key={info.name}>
              <th scope="row">
                <a href={`/plugins/${info.name}`}>{info.title}</a>
                <p>{info.summary}</p>
                <p>
                  <code>{file}</code>, version {info.version}
                </p>
              </th>
              <td>
                <span data-state={state?.state}>{state?.state ?? "unknown"}</span>
                {whyOf(state) !== null && <p class="fault">{whyOf(state)}</p>}
              </td>
              <td>{info.topic}</td>
              <td>{info.keys.map(({ name }) => name).join(", ")}</td>
              <td>{info.measures.join(", ")}</td>
              <td class="number">{figure(state?.run)}</td>
              <td class="number">{driftText(state)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  </>
));
