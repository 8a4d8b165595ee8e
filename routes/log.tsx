/** The logs: their partitions, the newest records as they come, and records at a place. */
import { signal } from "@preact/signals";
import { page } from "fresh";
import { Head } from "fresh/runtime";
import EventTail from "../islands/EventTail.tsx";
import Partitions from "../islands/Partitions.tsx";
import PauseButton from "../islands/PauseButton.tsx";
import RecordSearch from "../islands/RecordSearch.tsx";
import type { RecordPage, RecordQuery } from "../runtime/ports/services.ts";
import { RecordTable } from "./(_parts)/RecordTable.tsx";
import { define, outcomeOf } from "./(_shared)/define.ts";
import { FaultNote } from "./(_parts)/Fault.tsx";
import { linkWith, withoutOf } from "./(_parts)/link_with.ts";

const SHOWN = "50";

export const handler = define.handlers({
  async GET({ url, state: { services, signal } }) {
    const status = await outcomeOf(services.status(), signal);
    const topics = status.answer?.topics ?? [];
    const topic = url.searchParams.get("topic") ?? topics[0]?.topic;
    const partition = url.searchParams.get("partition") || undefined;
    const asked = (name: string) => url.searchParams.get(name) || undefined;
    const seek = {
      offset: asked("offset"),
      time: asked("time"),
      field: asked("field"),
      value: asked("field") === undefined ? undefined : url.searchParams.get("value") ?? "",
      before: asked("before"),
    };
    const query = { topic, partition, ...seek, limit: SHOWN };
    const records = await outcomeOf(services.records.list(query, signal), signal);
    const fields = services.records.fields(topic ?? "");
    return page({ status, records, topic, partition, seek, fields });
  },
});

export default define.page<typeof handler>(({ data, url }) => {
  const { status, records, topic, partition, seek, fields } = data;
  const isNewest = Object.values(seek).every((part) => part === undefined);
  const paused = signal(false);
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
      <FaultNote fault={status.fault} />
      {status.answer !== null && <Partitions status={status.answer} />}
      <section aria-labelledby="newest">
        <div class="row">
          <div class="titled">
            <h2 id="newest">{isNewest ? "Newest records" : "Records"}</h2>
            {isNewest && <PauseButton paused={paused} />}
          </div>
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
            <label>
              <span>Up to offset</span>
              <input name="offset" inputmode="numeric" size={10} value={seek.offset} />
            </label>
            <label>
              <span>Appended up to (UTC)</span>
              <input name="time" type="datetime-local" step="1" value={localTime(seek.time)} />
            </label>
            <label>
              <span>Field</span>
              <select name="field">
                <option value="">Any</option>
                {fields.map((name) => (
                  <option key={name} selected={name === seek.field}>{name}</option>
                ))}
              </select>
            </label>
            <label>
              <span>Value</span>
              <input name="value" value={seek.value} />
            </label>
            <button type="submit">Apply</button>
          </form>
        </div>
        <FaultNote fault={records.fault} without={withoutOf(url, records.parameter)} />
        {records.answer !== null && isNewest && (
          <EventTail
            events={records.answer.items}
            newest={records.answer.newest}
            query={asked.toString()}
            paused={paused}
          />
        )}
        {records.answer !== null && !isNewest && (
          <Sought page={records.answer} seek={seek} asked={asked} url={url} />
        )}
        <nav class="pager" aria-label="Other partitions">
          {isNewest
            ? <a href={linkWith(url, { partition: null, topic: null })}>All partitions</a>
            : <a href={linkWith(url, nowhere)}>Newest records</a>}
          <a href="/dead-letters">Dead letters</a>
        </nav>
      </section>
    </>
  );
});

/** A link to the newest records leaves these out. */
const nowhere = { offset: null, time: null, field: null, value: null, before: null };

/** Records at a place: a list with older ones behind a link, or a search. */
function Sought({ page, seek, asked, url }: {
  readonly page: RecordPage;
  readonly seek: Pick<RecordQuery, "field" | "value">;
  readonly asked: URLSearchParams;
  readonly url: URL;
}) {
  const { items, next, scanned } = page;
  const older = next === null ? null : linkWith(url, { before: next, offset: null, time: null });
  if (scanned === null) {
    return (
      <>
        {items.length === 0
          ? <p class="note">No records up to there.</p>
          : <RecordTable records={items} label="Records" />}
        <nav class="pager" aria-label="Pages of records">
          {older !== null && <a href={older} rel="next">Older records</a>}
        </nav>
      </>
    );
  }
  const query = new URLSearchParams(asked);
  query.set("field", seek.field!);
  query.set("value", seek.value!);
  query.set("limit", SHOWN);
  return (
    <RecordSearch
      first={{ events: items, next, scanned }}
      query={query.toString()}
      more={older}
    />
  );
}

/** A time as the input takes it: in UTC, without a zone. */
function localTime(time: string | undefined): string | undefined {
  return time?.replace(/(\.\d+)?Z$/, "");
}
