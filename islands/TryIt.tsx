/** Sends a request of the API's reference, and shows what comes back. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { faultyRange } from "../routes/(_parts)/sql_text.ts";
import { withToken, WriteToken } from "../routes/(_parts)/WriteToken.tsx";

/** A parameter to fill in. */
export interface TryParameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required: boolean;
  readonly values: readonly string[];
  readonly example: string;
}

/** What {@link TryIt} takes. */
export interface TryItProps {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly TryParameter[];
  /** Media types of the body; none where there is no body. */
  readonly bodyTypes: readonly string[];
  readonly bodyExample: string;
  readonly writes: boolean;
}

/** What came back. */
interface Answer {
  readonly head: string;
  readonly text: string;
  /** Asks for the page behind; null where there is none. */
  readonly next?: string | null;
}

const MOST_CHARACTERS = 20_000;
const PATIENCE_MS = 30_000;

/** The form and the answer. */
export default function TryIt(props: TryItProps) {
  const { id, method, path, parameters, bodyTypes, bodyExample, writes } = props;
  const alive = useSignal(false);
  const answer = useSignal<Answer | null>(null);
  useEffect(() => {
    alive.value = true;
  }, []);
  const send = async (form: HTMLFormElement) => {
    const given = new FormData(form);
    const value = (name: string) => String(given.get(name) ?? "");
    const inPath = parameters.filter((each) => each.in === "path");
    const filled = inPath.reduce(
      (text, { name }) => text.replace(`{${name}}`, encodeURIComponent(value(name))),
      path,
    );
    const query = new URLSearchParams(
      parameters.filter((each) => each.in === "query" && value(each.name) !== "")
        .map(({ name }) => [name, value(name)]),
    );
    const url = query.size === 0 ? filled : `${filled}?${query}`;
    const body = value("body");
    answer.value = { head: `${method} ${url}`, text: "…" };
    try {
      const response = await fetch(url, {
        ...withToken({
          method,
          ...(body === "" ? {} : { body, headers: { "content-type": value("type") } }),
        }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      answer.value = {
        head: `${response.status} ${method} ${url}`,
        ...await readable(response),
      };
      if (!response.ok) selectFault(form, answer.value.text);
    } catch (error) {
      answer.value = { head: `${method} ${url}`, text: `Not sent: ${(error as Error).message}` };
    }
  };
  return (
    <form
      class="try"
      hidden={!alive.value}
      onSubmit={(event) => {
        event.preventDefault();
        void send(event.currentTarget);
      }}
    >
      {parameters.map(({ name, required, values, example }) => (
        <label key={name}>
          <span>{name}</span>
          {values.length > 0
            ? (
              <select name={name} required={required}>
                {!required && <option value=""></option>}
                {values.map((each) => <option key={each}>{each}</option>)}
              </select>
            )
            : <input name={name} required={required} placeholder={example} />}
        </label>
      ))}
      {bodyTypes.length > 0 && (
        <>
          <label>
            <span>Type</span>
            <select name="type">
              {bodyTypes.map((each) => <option key={each}>{each}</option>)}
            </select>
          </label>
          <label class="wide">
            <span>Body</span>
            <textarea name="body" rows={4}>{bodyExample}</textarea>
          </label>
        </>
      )}
      {writes && <WriteToken />}
      <button type="submit">Send</button>
      {answer.value !== null && (
        <div role="status" id={`${id}-answer`}>
          <p>
            <code>{answer.value.head}</code>
          </p>
          <pre tabIndex={0}><code>{answer.value.text}</code></pre>
          {answer.value.next && parameters.some(({ name }) => name === "after") && (
            <button
              type="button"
              onClick={(event) => askFor(event, answer.value!.next!)}
            >
              Next page
            </button>
          )}
        </div>
      )}
    </form>
  );
}

async function readable(response: Response): Promise<Omit<Answer, "head">> {
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream")) return { text: await firstOf(response) };
  const text = await response.text();
  const value = /json/.test(type) ? parsed(text) : undefined;
  const pretty = value === undefined ? text : JSON.stringify(value, null, 2);
  const cut = pretty.length > MOST_CHARACTERS;
  return {
    text: cut ? `${pretty.slice(0, MOST_CHARACTERS)}\n… ${pretty.length} characters` : pretty,
    next: (value as { next?: string | null } | undefined)?.next,
  };
}

/** The value of a JSON text; undefined for an answer that failed on its way. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Sends the form again, for the next page. */
function askFor({ currentTarget }: { readonly currentTarget: HTMLButtonElement }, next: string) {
  const form = currentTarget.form!;
  (form.elements.namedItem("after") as HTMLInputElement).value = next;
  form.requestSubmit();
}

/** Selects the part of the body at which a fault points by line and column. */
function selectFault(form: HTMLFormElement, fault: string): void {
  const body = form.elements.namedItem("body");
  if (!(body instanceof HTMLTextAreaElement)) return;
  const range = faultyRange(body.value, fault);
  if (range === null) return;
  body.focus();
  body.setSelectionRange(...range);
}

/** A stream never ends: its first parts show what it is. */
async function firstOf(response: Response): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.length < 2000) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += value;
    if (text.includes("data:")) break;
  }
  await reader.cancel();
  return `${text.slice(0, MOST_CHARACTERS)}…`;
}
