/** Sends a request of the API's reference, and shows what comes back. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { withToken, WriteToken } from "./(_parts)/WriteToken.tsx";

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

const MOST_CHARACTERS = 20_000;
const PATIENCE_MS = 30_000;

/** The form and the answer. */
export default function TryIt(props: TryItProps) {
  const { id, method, path, parameters, bodyTypes, bodyExample, writes } = props;
  const alive = useSignal(false);
  const answer = useSignal<{ readonly head: string; readonly text: string } | null>(null);
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
        text: await readable(response),
      };
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
        </div>
      )}
    </form>
  );
}

async function readable(response: Response): Promise<string> {
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("text/event-stream")) return await firstOf(response);
  const text = await response.text();
  const pretty = /json/.test(type) ? JSON.stringify(JSON.parse(text), null, 2) : text;
  const cut = pretty.length > MOST_CHARACTERS;
  return cut ? `${pretty.slice(0, MOST_CHARACTERS)}\n… ${pretty.length} characters` : pretty;
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
