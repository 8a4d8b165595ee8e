/** The batch runs, the newest first, and starting one. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import RunBatch from "../islands/RunBatch.tsx";
import RunList from "../islands/RunList.tsx";
import type { Services } from "../runtime/ports/services.ts";
import { UserError } from "../runtime/std/errors.ts";
import { FaultNote } from "./(_parts)/Fault.tsx";
import { withoutOf } from "./(_parts)/link_with.ts";
import { define, outcomeOf } from "./(_shared)/define.ts";
import { listedRuns } from "./(_shared)/listed_runs.ts";

const SHOWN = 50;
const action = "Cannot list batch runs";

export const handler = define.handlers({
  async GET({ url, state: { services: { batch }, signal } }) {
    const list = await outcomeOf(runsOf(url.searchParams, batch), signal);
    return page({ ...list, topics: [...batch.keys()] });
  },
});

/** The runs that parameters ask for. @throws {UserError} naming the one at fault. */
async function runsOf(params: URLSearchParams, batch: Services["batch"]) {
  const topics = [...batch.keys()];
  const text = params.get("before");
  const only = text === null || topics.length > 1 ? null : topics[0];
  const topic = params.get("topic") ?? only;
  const wrong = (field: string, wanted: string, got: string | null) => {
    const came = got === null ? "none" : JSON.stringify(got.slice(0, 80));
    return new UserError(`${action}: ${field} must be ${wanted}, got ${came}`, { field });
  };
  if (topic === null ? text !== null : !batch.has(topic)) {
    throw wrong("topic", topics.length > 1 ? `one of ${topics.join(", ")}` : topics[0], topic);
  }
  if (text !== null && !/^[1-9]\d{0,8}$/.test(text)) {
    throw wrong("before", "the number of a run", text);
  }
  const before = text === null ? null : Number(text);
  const layers = topic === null ? batch.values() : [batch.get(topic)!];
  return { runs: await listedRuns(layers, SHOWN, before), topic, before };
}

export default define.page<typeof handler>(({ data, url }) => {
  const { answer, fault, parameter, topics } = data;
  const { runs, topic, before } = answer ?? { runs: null, topic: null, before: null };
  const asked = new URLSearchParams({ limit: String(SHOWN) });
  for (const name of ["topic", "before"]) {
    const value = url.searchParams.get(name);
    if (value !== null) asked.set(name, value);
  }
  return (
    <>
      <Head>
        <title>Batch runs · Twofold</title>
      </Head>
      <div class="heading">
        <h1>Batch runs</h1>
        <p>
          A run recomputes the days that changed from the archive, up to its cut. Drift is the
          difference between the speed and the batch layer over the events that both have seen.
        </p>
      </div>
      <RunBatch topics={topics} />
      {parameter === null
        ? <RunList initial={runs} fault={fault} url={`/api/v1/batch/runs?${asked}`} />
        : <FaultNote fault={fault} without={withoutOf(url, parameter)} />}
      <nav class="pager" aria-label="Pages of runs">
        {before !== null && <a href="/runs">Newest runs</a>}
        {runs?.length === SHOWN && topics
          .filter((each) => topic === null || each === topic)
          .map((each) => (
            <a key={each} href={olderRuns(each, runs)} rel="next">
              Older runs{topics.length > 1 ? ` of ${each}` : ""}
            </a>
          ))}
      </nav>
    </>
  );
});

/** The page of a topic's runs behind those that are listed. */
function olderRuns(
  topic: string,
  runs: readonly { readonly topic: string; readonly run: number }[],
): string {
  const numbers = runs.filter((run) => run.topic === topic).map(({ run }) => run);
  const before = numbers.length === 0 ? "" : `&before=${Math.min(...numbers)}`;
  return `/runs?topic=${encodeURIComponent(topic)}${before}`;
}
