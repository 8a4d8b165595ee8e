/** Dead letters to choose from and to send again. The rows are there without a script. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { DeadLetter, RedriveAnswer } from "../runtime/ports/services.ts";
import { bytesText, figure, instantText } from "../routes/(_parts)/figures.ts";
import { OperatorName } from "../routes/(_parts)/OperatorName.tsx";
import { postJson, WriteToken } from "../routes/(_parts)/WriteToken.tsx";

/** What the table shows. */
export interface DeadLetterTableProps {
  readonly letters: readonly DeadLetter[];
  /** The filter by which the letters were chosen, as the API's body has it. */
  readonly filter: Readonly<Record<string, string | number>>;
  /** How many letters match the filter; null where that is not known. */
  readonly matching: number | null;
  /** Whether places name their topic. */
  readonly showsTopic: boolean;
}

const addressOf = ({ topic, partition, offset }: DeadLetter) => `${topic}/${partition}/${offset}`;

/** The table, and the controls of a redrive. */
export default function DeadLetterTable(props: DeadLetterTableProps) {
  const { letters, filter, matching, showsTopic } = props;
  const alive = useSignal(false);
  const chosen = useSignal<readonly string[]>([]);
  useEffect(() => {
    alive.value = true;
  }, []);
  const choose = (address: string, isChosen: boolean) => {
    const others = chosen.value.filter((each) => each !== address);
    chosen.value = isChosen ? [...others, address] : others;
  };
  const all = letters.map(addressOf);
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Dead letters">
        <table>
          <thead>
            <tr>
              {alive.value && (
                <th scope="col">
                  <input
                    type="checkbox"
                    aria-label="Select all on this page"
                    checked={chosen.value.length === all.length}
                    onChange={(event) => chosen.value = event.currentTarget.checked ? all : []}
                  />
                </th>
              )}
              <th scope="col">Where</th>
              <th scope="col">Appended (UTC)</th>
              <th scope="col">Field</th>
              <th scope="col">Reason</th>
              <th scope="col">Redriven (UTC)</th>
              <th scope="col" class="number">Size</th>
              <th scope="col">Beginning</th>
            </tr>
          </thead>
          <tbody>
            {letters.map((letter) => {
              const address = addressOf(letter);
              return (
                <tr key={address}>
                  {alive.value && (
                    <td>
                      <input
                        type="checkbox"
                        aria-label={`Select ${address}`}
                        checked={chosen.value.includes(address)}
                        onChange={(event) => choose(address, event.currentTarget.checked)}
                      />
                    </td>
                  )}
                  <th scope="row">
                    <a href={`/dead-letters/${address}`}>
                      {showsTopic ? address : `${letter.partition}/${letter.offset}`}
                    </a>
                  </th>
                  <td>{instantText(letter.append_time)}</td>
                  <td>{letter.field || "–"}</td>
                  <td class="wrap">{letter.reason}</td>
                  <td>{letter.redriven === null ? "–" : instantText(letter.redriven)}</td>
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
      <div data-waiting={!alive.value}>
        <Redrive chosen={chosen.value} filter={filter} matching={matching} />
      </div>
    </>
  );
}

/** Sets fields and sends the letters; a dry run comes first, to see how many would decode. */
function Redrive({ chosen, filter, matching }: {
  readonly chosen: readonly string[];
  readonly filter: DeadLetterTableProps["filter"];
  readonly matching: number | null;
}) {
  const fields = useSignal("");
  const by = useSignal("");
  const busy = useSignal(false);
  const fault = useSignal("");
  const answer = useSignal<RedriveAnswer | null>(null);
  const meant = chosen.length > 0
    ? { letters: chosen }
    : Object.keys(filter).length > 0
    ? filter
    : { all: true };
  const number = matching === null ? "all" : `all ${figure(matching)}`;
  const scope = chosen.length > 0 ? `${figure(chosen.length)} selected` : `${number} matching`;
  const send = async (dry: boolean) => {
    busy.value = true;
    fault.value = "";
    answer.value = null;
    try {
      const who = dry ? { dry_run: true } : { by: by.value };
      const body = { ...meant, set: fieldsOf(fields.value), ...who };
      answer.value = await postJson("/api/v1/dead-letters/redrive", body);
    } catch (error) {
      fault.value = `Not done: ${(error as Error).message}`;
    }
    busy.value = false;
  };
  return (
    <section aria-labelledby="redrive">
      <h2 id="redrive">Redrive</h2>
      <p class="hint">
        Sends dead letters again as events. Repeating it is safe: an event counts once.
      </p>
      <div class="controls">
        <label>
          <span>Set fields, one FIELD=VALUE per line</span>
          <textarea
            rows={2}
            placeholder="such as rating=10"
            value={fields.value}
            onInput={(event) => fields.value = event.currentTarget.value}
          />
        </label>
        <OperatorName by={by} />
        <button type="button" disabled={busy.value} onClick={() => send(true)}>Dry run</button>
        <button
          type="button"
          class="primary"
          disabled={busy.value || by.value.trim() === ""}
          onClick={() => send(false)}
        >
          Redrive {scope}
        </button>
        <WriteToken />
      </div>
      <div role="status">
        {busy.value && <p>Working …</p>}
        {fault.value !== "" && <p class="fault">{fault.value}</p>}
        {answer.value !== null && <Answer answer={answer.value} />}
      </div>
    </section>
  );
}

function Answer({ answer }: { readonly answer: RedriveAnswer }) {
  const { letters, decodable, repeated, sent, refused, refused_total } = answer;
  return (
    <>
      <p>
        {answer.dry_run ? "Dry run: " : `Sent ${figure(sent)}. `}
        {figure(decodable)} of {figure(letters)} decode
        {repeated > 0 ? `, ${figure(repeated)} of them redriven before with the same values` : ""}.
      </p>
      {refused_total > 0 && (
        <ul>
          {refused.slice(0, 5).map(({ letter, reason }) => (
            <li key={letter}>
              <code>{letter}</code>: {reason}
            </li>
          ))}
          {refused_total > 5 && <li>and {figure(refused_total - 5)} more</li>}
        </ul>
      )}
    </>
  );
}

/** The fields of lines such as `rating=10`; nothing behind the sign leaves a field out. */
function fieldsOf(text: string): Record<string, string | null> {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`a line must be FIELD=VALUE, got "${line}"`);
    return [line.slice(0, at).trim(), line.slice(at + 1).trim() || null];
  }));
}
