/** The logs: their partitions, and the newest records as they come. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import EventTail from "../islands/EventTail.tsx";
import Partitions from "../islands/Partitions.tsx";
import { define, outcomeOf } from "./(_shared)/define.ts";
import { linkWith } from "./(_shared)/metric_view.ts";

const SHOWN = "50";

export const handler = define.handlers({
  async GET({ url, state: { services, signal } }) {
    const status = await outcomeOf(services.status(), signal);
    const topics = status.answer?.topics ?? [];
    const topic = url.searchParams.get("topic") ?? topics[0]?.topic;
    const partition = url.searchParams.get("partition") || undefined;
    const query = { topic, partition, limit: SHOWN };
    const records = await outcomeOf(services.records.list(query, signal), signal);
    return page({ status, records, topic, partition });
  },
});

export default define.page<typeof handler>(({ data, url }) => {
  const { status, records, topic, partition } = data;
  const topics = status.answer?.topics ?? [];
  const asked = new URLSearchParams({ topic: topic ?? "", ...(partition ? { partition } : {}) });
  const shown = topics.find((each) => each.topic === topic);
  return (
    <>
      <Head>
        <title>Log · Twofold</title>
      </Head>
      <div class="heading">
        <h1>Log</h1>
        <p>
          Records by partition, in order. Late events count in the window of their event time;
          repeats do not count.
        </p>
      </div>
      {status.fault !== null && <p class="note fault" role="status">{status.fault}</p>}
      {status.answer !== null && <Partitions status={status.answer} />}
      <section aria-labelledby="newest">
        <div class="row">
          <h2 id="newest">Newest records</h2>
          <form method="get" action={url.pathname} class="controls">
            {topics.length > 1 && (
              <label>
                <span>Topic</span>
                <select name="topic">
                  {topics.map((each) => (
                    <option key={each.topic} selected={each.topic === topic}>{each.topic}</option>
                  ))}
                </select>
              </label>
            )}
            <label>
              <span>Partition</span>
              <select name="partition">
                <option value="">All</option>
                {shown?.partitions.map((each) => (
                  <option key={each.partition} selected={String(each.partition) === partition}>
                    {each.partition}
                  </option>
                ))}
              </select>
            </label>
            <button type="submit">Apply</button>
          </form>
        </div>
        {records.fault !== null && <p class="note fault" role="status">{records.fault}</p>}
        {records.answer !== null && (
          <EventTail
            events={records.answer.items}
            newest={records.answer.newest}
            query={asked.toString()}
          />
        )}
        <nav class="pager" aria-label="Other partitions">
          <a href={linkWith(url, { partition: null, topic: null })}>All partitions</a>
          <a href="/dead-letters">Dead letters</a>
        </nav>
      </section>
    </>
  );
});
