/** One record of the log: where it is, its fields, and its bytes. */
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import CopyText from "../../../../islands/CopyText.tsx";
import { NotFoundError, UserError } from "../../../../runtime/std/errors.ts";
import { RecordBytes } from "../../../(_components)/record_bytes.tsx";
import { bytesText, instantText } from "../../../(_parts)/figures.ts";
import { define } from "../../../(_shared)/define.ts";

export const handler = define.handlers({
  async GET({ params, state: { services, signal } }) {
    const { topic, partition, offset } = params;
    try {
      return page(await services.records.one({ topic, partition, offset }, signal));
    } catch (error) {
      if (!(error instanceof UserError || error instanceof NotFoundError)) throw error;
      throw new HttpError(404, error.message, { cause: error });
    }
  },
});

export default define.page<typeof handler>(({ data, url }) => {
  const { topic, partition, offset, append_time, kind, event, bytes } = data;
  const facts: [string, string][] = [
    ["Topic", topic],
    ["Partition", String(partition)],
    ["Offset", offset],
    ["Appended (UTC)", instantText(append_time)],
    ["Kind", kind],
    ["Size", bytesText(bytes.length)],
  ];
  const around = new URLSearchParams({ topic, partition: String(partition), offset });
  return (
    <>
      <Head>
        <title>Record {partition}/{offset} · Twofold</title>
      </Head>
      <div class="heading">
        <p>
          <a href="/log">Log</a>
        </p>
        <h1>{partition}/{offset}</h1>
      </div>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
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
      <RecordBytes bytes={bytes} url={url} label="This record" />
    </>
  );
});

const searchFor = (topic: string, field: string, value: unknown) =>
  new URLSearchParams({ topic, field, value: String(value) });
