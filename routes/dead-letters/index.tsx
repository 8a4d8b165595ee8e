/** Records that could not be decoded: by reason, and a list to filter and to send again. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import { figure, instantText } from "../(_parts)/figures.ts";
import DeadLetterTable from "../../islands/DeadLetterTable.tsx";
import { deadLetterFilters, type DeadLetterReason } from "../../runtime/ports/services.ts";
import { define, outcomeOf } from "../(_shared)/define.ts";
import { FaultNote } from "../(_parts)/Fault.tsx";
import { linkWith, withoutOf } from "../(_parts)/link_with.ts";

const SHOWN = "50";
/** Of more reasons than these, the service tells the most frequent ones. */
const MOST_REASONS = 100;
const wholes: readonly string[] = ["partition", "from_offset", "to_offset"];

export const handler = define.handlers({
  async GET({ url, state: { services, signal } }) {
    const given = deadLetterFilters.map((name) =>
      [name, url.searchParams.get(name) || undefined] as const
    )
      .filter(([, value]) => value !== undefined);
    const filter = Object.fromEntries(given);
    const after = url.searchParams.get("after") || undefined;
    const asked = services.deadLetters.list({ ...filter, after, limit: SHOWN }, signal);
    const grouped = outcomeOf(services.deadLetters.reasons(filter, signal), signal);
    const status = await outcomeOf(services.status(), signal);
    const topics = status.answer?.topics.map(({ topic }) => topic) ?? [];
    const body = Object.fromEntries(
      given.map(([name, value]) => [name, wholes.includes(name) ? Number(value) : value!]),
    );
    const reasons = (await grouped).answer ?? [];
    return page({ ...await outcomeOf(asked, signal), reasons, topics, filter: body });
  },
});

export default define.page<typeof handler>(({ data, url }) => {
  const { answer, fault, parameter, reasons, topics, filter } = data;
  const value = (name: string) => url.searchParams.get(name) ?? "";
  const filtered = deadLetterFilters.some((name) => value(name) !== "");
  const exported = (as: string) => {
    const query = new URLSearchParams(
      Object.entries(filter).map(([name, given]) => [name, String(given)]),
    );
    query.set("as", as);
    return `/api/v1/dead-letters/export?${query}`;
  };
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
      <FaultNote fault={fault} without={withoutOf(url, parameter)} />
      {answer?.items.length === 0 && (
        <p class="note">
          {filtered ? "No matching dead letters." : "No dead letters: every record was decoded."}
        </p>
      )}
      {answer !== null && answer.items.length > 0 && (
        <>
          <Reasons reasons={reasons} url={url} showsTopic={topics.length > 1} />
          <section aria-labelledby="letters">
            <h2 id="letters">{filtered ? "Matching dead letters" : "All dead letters"}</h2>
            <DeadLetterTable
              letters={answer.items}
              filter={filter}
              matching={reasons.length === 0 || reasons.length === MOST_REASONS
                ? null
                : reasons.reduce((sum, { letters }) => sum + letters, 0)}
              showsTopic={topics.length > 1}
            />
          </section>
        </>
      )}
      <nav class="pager" aria-label="Pages of dead letters">
        {value("after") !== "" && <a href={linkWith(url, { after: null })}>First page</a>}
        {answer?.next != null && (
          <a href={linkWith(url, { after: answer.next })} rel="next">Next page</a>
        )}
        {answer !== null && answer.items.length > 0 && (
          <>
            <a href={exported("csv")}>Export CSV</a>
            <a href={exported("ndjson")}>Export NDJSON</a>
          </>
        )}
      </nav>
    </>
  );
});

/** What is wrong with the letters, each reason with a link to its own. */
function Reasons({ reasons, url, showsTopic }: {
  readonly reasons: readonly DeadLetterReason[];
  readonly url: URL;
  readonly showsTopic: boolean;
}) {
  if (reasons.length === 0) return null;
  return (
    <section aria-labelledby="reasons">
      <h2 id="reasons">Reasons</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Reasons">
        <table>
          <thead>
            <tr>
              {showsTopic && <th scope="col">Topic</th>}
              <th scope="col">Field</th>
              <th scope="col">Reason</th>
              <th scope="col" class="number">Dead letters</th>
              <th scope="col">First (UTC)</th>
              <th scope="col">Last (UTC)</th>
            </tr>
          </thead>
          <tbody>
            {reasons.map(({ topic, field, reason, letters, first, last }) => (
              <tr key={`${topic} ${field} ${reason}`}>
                {showsTopic && <td>{topic}</td>}
                <td>{field || "–"}</td>
                <th scope="row" class="wrap">
                  <a
                    href={linkWith(url, {
                      topic: showsTopic ? topic : null,
                      field: field || null,
                      reason,
                      after: null,
                    })}
                  >
                    {reason}
                  </a>
                </th>
                <td class="number">{figure(letters)}</td>
                <td>{instantText(first)}</td>
                <td>{instantText(last)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
