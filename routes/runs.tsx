/** The batch runs, the newest first, and starting one. */
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import RunBatch from "../islands/RunBatch.tsx";
import RunList from "../islands/RunList.tsx";
import { define, outcomeOf } from "./(_shared)/define.ts";
import { listedRuns } from "./(_shared)/listed_runs.ts";

const SHOWN = 50;

export const handler = define.handlers({
  async GET({ url, state: { services: { batch }, signal } }) {
    const topics = [...batch.keys()];
    const topic = url.searchParams.get("topic") ?? (topics.length === 1 ? topics[0] : null);
    if (topic !== null && !batch.has(topic)) throw new HttpError(404, `Unknown topic ${topic}.`);
    const text = topic === null ? null : url.searchParams.get("before");
    if (text !== null && !/^[1-9]\d{0,8}$/.test(text)) {
      throw new HttpError(400, `before must be the number of a run, got ${JSON.stringify(text)}`);
    }
    const before = text === null ? null : Number(text);
    const layers = topic === null ? batch.values() : [batch.get(topic)!];
    const { answer, fault } = await outcomeOf(listedRuns(layers, SHOWN, before), signal);
    return page({ runs: answer, fault, topics, topic, before });
  },
});

export default define.page<typeof handler>(({ data }) => {
  const { runs, fault, topics, topic, before } = data;
  const asked = new URLSearchParams({
    limit: String(SHOWN),
    ...(topic === null ? {} : { topic }),
    ...(before === null ? {} : { before: String(before) }),
  });
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
      <RunList initial={runs} fault={fault} url={`/api/v1/batch/runs?${asked}`} />
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
