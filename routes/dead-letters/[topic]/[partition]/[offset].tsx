/** One dead letter: where it is, why, and its bytes. */
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { bytesText, instantText } from "../../../(_parts)/figures.ts";
import { UserError } from "../../../../runtime/std/errors.ts";
import { RecordBytes } from "../../../(_components)/record_bytes.tsx";
import { define } from "../../../(_shared)/define.ts";

export const handler = define.handlers({
  async GET({ params, state: { services, signal } }) {
    const { topic, partition, offset } = params;
    try {
      return page(await services.deadLetters.one({ topic, partition, offset }, signal));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new HttpError(404, error.message, { cause: error });
    }
  },
});

export default define.page<typeof handler>(({ data, url }) => {
  const facts: [string, string][] = [
    ["Topic", data.topic],
    ["Partition", String(data.partition)],
    ["Offset", data.offset],
    ["Appended (UTC)", instantText(data.append_time)],
    ["Field", data.field || "the whole record"],
    ["Size", bytesText(data.size_bytes)],
  ];
  return (
    <>
      <Head>
        <title>Dead letter {data.partition}/{data.offset} · Twofold</title>
      </Head>
      <div class="heading">
        <p>
          <a href="/dead-letters">Dead letters</a>
        </p>
        <h1>{data.partition}/{data.offset}</h1>
        <p class="fault">{data.reason}</p>
      </div>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {data.redrives.length > 0 && (
        <section aria-labelledby="redrives">
          <h2 id="redrives">Redriven</h2>
          <ul>
            {data.redrives.map(({ at, by, set, event_id, event_time, sent }) => (
              <li key={at}>
                {instantText(at)} by {by}
                {Object.keys(set).length > 0 && (
                  <>
                    {" "}with <code>{JSON.stringify(set)}</code>
                  </>
                )}, as event <code>{event_id}</code> at {event_time}
                {sent ? "" : " (not known to be sent)"}
              </li>
            ))}
          </ul>
        </section>
      )}
      <RecordBytes bytes={data.bytes} url={url} label="This dead letter" />
    </>
  );
});
