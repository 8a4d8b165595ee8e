/** Records that could not be decoded: a list to filter and to page through. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import { bytesText, instantText } from "../../islands/(_parts)/figures.ts";
import { define, outcomeOf } from "../(_shared)/define.ts";
import { linkWith } from "../(_shared)/metric_view.ts";

const SHOWN = "50";
const filters = ["topic", "partition", "field", "reason", "after"] as const;

export const handler = define.handlers({
  async GET({ url, state: { services, signal } }) {
    const given = filters.map((name) => [name, url.searchParams.get(name) || undefined]);
    const asked = services.deadLetters.list({ ...Object.fromEntries(given), limit: SHOWN }, signal);
    const status = await outcomeOf(services.status(), signal);
    const topics = status.answer?.topics.map(({ topic }) => topic) ?? [];
    return page({ ...await outcomeOf(asked, signal), topics });
  },
});

export default define.page<typeof handler>(({ data: { answer, fault, topics }, url }) => {
  const value = (name: string) => url.searchParams.get(name) ?? "";
  const filtered = filters.some((name) => value(name) !== "");
  return (
    <>
      <Head>
        <title>Dead letters · Twofold</title>
      </Head>
      <div class="heading">
        <h1>Dead letters</h1>
        <p>Records that could not be decoded, kept with their bytes and the reason.</p>
      </div>
      <form method="get" action={url.pathname} class="controls" role="search">
        {topics.length > 1 && (
          <label>
            <span>Topic</span>
            <select name="topic">
              <option value="">All</option>
              {topics.map((topic) => (
                <option key={topic} selected={topic === value("topic")}>{topic}</option>
              ))}
            </select>
          </label>
        )}
        <label>
          <span>Field</span>
          <input name="field" value={value("field")} placeholder="such as rating" />
        </label>
        <label>
          <span>Reason contains</span>
          <input name="reason" value={value("reason")} placeholder="such as at most" />
        </label>
        <label>
          <span>Partition</span>
          <input name="partition" value={value("partition")} inputMode="numeric" />
        </label>
        <button type="submit">Filter</button>
        {filtered && <a href={url.pathname}>Show all</a>}
      </form>
      {fault !== null && <p class="note fault" role="status">{fault}</p>}
      {answer?.items.length === 0 && (
        <p class="note">
          {filtered ? "No matching dead letters." : "No dead letters: every record was decoded."}
        </p>
      )}
      {answer !== null && answer.items.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Dead letters">
          <table>
            <thead>
              <tr>
                <th scope="col">Where</th>
                <th scope="col">Appended (UTC)</th>
                <th scope="col">Field</th>
                <th scope="col">Reason</th>
                <th scope="col" class="number">Size</th>
                <th scope="col">Beginning</th>
              </tr>
            </thead>
            <tbody>
              {answer.items.map((letter) => {
                const at = `${letter.topic}/${letter.partition}/${letter.offset}`;
                return (
                  <tr key={at}>
                    <th scope="row">
                      <a href={`/dead-letters/${at}`}>
                        {topics.length > 1 ? at : `${letter.partition}/${letter.offset}`}
                      </a>
                    </th>
                    <td>{instantText(letter.append_time)}</td>
                    <td>{letter.field || "–"}</td>
                    <td class="wrap">{letter.reason}</td>
                    <td class="number">{bytesText(letter.size_bytes)}</td>
                    <td>
                      <code>{letter.preview.slice(0, 60)}</code>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      <nav class="pager" aria-label="Pages of dead letters">
        {value("after") !== "" && <a href={linkWith(url, { after: null })}>First page</a>}
        {answer?.next != null && (
          <a href={linkWith(url, { after: answer.next })} rel="next">Next page</a>
        )}
      </nav>
    </>
  );
});
