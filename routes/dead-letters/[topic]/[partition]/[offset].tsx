/** One dead letter: where it is, why, and its bytes. */
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { bytesText, instantText } from "../../../(_parts)/figures.ts";
import { UserError } from "../../../../runtime/std/errors.ts";
import { define } from "../../../(_shared)/define.ts";

/** Shown bytes at most; all of them are one link away. */
const SHOWN_BYTES = 4096;
const LINE_BYTES = 16;

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
  const shown = data.bytes.subarray(0, SHOWN_BYTES);
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
      <section aria-labelledby="text">
        <h2 id="text">Text</h2>
        <pre tabIndex={0}><code>{new TextDecoder().decode(shown)}</code></pre>
      </section>
      <section aria-labelledby="bytes">
        <h2 id="bytes">Bytes</h2>
        <pre tabIndex={0}><code>{hexOf(shown)}</code></pre>
        {data.bytes.length > shown.length && (
          <p class="note">First {bytesText(SHOWN_BYTES)} of {bytesText(data.bytes.length)}.</p>
        )}
        <nav class="pager" aria-label="This dead letter">
          <a href={`/api/v1${url.pathname}`}>Full record as JSON</a>
        </nav>
      </section>
    </>
  );
});

/** Bytes as lines of offset, hexadecimal digits and printable characters. */
function hexOf(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = [...bytes.subarray(at, at + LINE_BYTES)];
    const digits = line.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = line.map((byte) => byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".");
    const offset = at.toString(16).padStart(6, "0");
    lines.push(`${offset}  ${digits.padEnd(LINE_BYTES * 3 - 1)}  ${text.join("")}`);
  }
  return lines.join("\n");
}
