/** One dead letter: where it is, why, and its bytes. */
import { page } from "fresh";
import { instantText } from "../../../(_parts)/figures.ts";
import { RecordPage } from "../../../(_components)/record_page.tsx";
import { define, namedOr404 } from "../../../(_shared)/define.ts";

export const handler = define.handlers({
  async GET({ params, state: { services, signal } }) {
    const { topic, partition, offset } = params;
    return page(await namedOr404(services.deadLetters.one({ topic, partition, offset }, signal)));
  },
});

export default define.page<typeof handler>(({ data, url }) => (
  <RecordPage
    kind="Dead letter"
    list={{ title: "Dead letters", path: "/dead-letters" }}
    record={data}
    reason={data.reason}
    facts={[["Field", data.field || "the whole record"]]}
    size={data.size_bytes}
    url={url}
  >
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
  </RecordPage>
));
