/** An editor for SQL, its result as a table or a chart, and the statements that ran before. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { figure } from "../routes/(_parts)/figures.ts";
import { answerOf } from "../routes/(_parts)/poll.ts";
import { SqlEditor } from "../routes/(_parts)/SqlEditor.tsx";
import { SqlResult } from "../routes/(_parts)/SqlResult.tsx";
import { faultyRange } from "../routes/(_parts)/sql_text.ts";
import { withToken, WriteToken } from "../routes/(_parts)/WriteToken.tsx";
import type { SqlAnswer } from "../runtime/ports/services.ts";

/** A relation with its columns. */
export interface SqlRelation {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

const HISTORY = "twofold-sql-history";
const KEPT = 20;

/** The statements that ran in this browser, the newest first. */
function readHistory(): readonly string[] {
  try {
    const kept = JSON.parse(localStorage.getItem(HISTORY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((each) => typeof each === "string") : [];
  } catch {
    return [];
  }
}

const request = (sql: string, query: string, signal: AbortSignal) =>
  fetch(
    `/api/v1/sql?${query}`,
    withToken({ method: "POST", headers: { "content-type": "text/plain" }, body: sql, signal }),
  );

/** The rows of a response. @throws with the reason of one that failed, maybe on its way. */
async function rowsOf(response: Response): Promise<SqlAnswer> {
  if (!response.ok) return await answerOf(response);
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const reason = /"error":("(?:[^"\\]|\\.)*")$/.exec(text)?.[1];
    throw new Error(reason === undefined ? "The answer ended early." : JSON.parse(reason));
  }
}

/** The page below its heading. */
export default function SqlConsole(props: {
  readonly relations: readonly SqlRelation[];
  /** The statement to begin with; it runs when the reader says so. */
  readonly sql: string;
}) {
  const sql = useSignal(props.sql);
  const answer = useSignal<SqlAnswer | null>(null);
  const fault = useSignal<string | null>(null);
  const running = useSignal<AbortController | null>(null);
  const history = useSignal<readonly string[]>([]);
  const alive = useSignal(false);
  const editor = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    history.value = readHistory();
    alive.value = true;
    return () => running.peek()?.abort();
  }, []);

  const ask = async (action: (signal: AbortSignal) => Promise<void>) => {
    running.peek()?.abort();
    const controller = new AbortController();
    running.value = controller;
    fault.value = null;
    try {
      await action(controller.signal);
    } catch (error) {
      if (running.peek() !== controller) return;
      fault.value = controller.signal.aborted ? "Stopped." : (error as Error).message;
      const range = faultyRange(sql.peek(), fault.value);
      if (range !== null) {
        editor.current?.focus();
        editor.current?.setSelectionRange(...range);
      }
    } finally {
      if (running.peek() === controller) running.value = null;
    }
  };
  const run = () =>
    ask(async (signal) => {
      const text = sql.peek();
      // Rows of an earlier statement would be taken for those of this one.
      answer.value = null;
      answer.value = await rowsOf(await request(text, "limit=1000", signal));
      history.value = [text, ...history.peek().filter((each) => each !== text)].slice(0, KEPT);
      localStorage.setItem(HISTORY, JSON.stringify(history.value));
      const url = new URL(location.href);
      url.searchParams.set("sql", text);
      globalThis.history.replaceState(null, "", url);
    });
  const download = () =>
    ask(async (signal) => {
      const response = await request(sql.peek(), "limit=1000000&format=csv", signal);
      if (!response.ok) await answerOf(response);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await response.blob());
      link.download = "result.csv";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  const insert = (name: string) => {
    const { selectionStart: from, selectionEnd: to } = editor.current!;
    sql.value = sql.peek().slice(0, from) + name + sql.peek().slice(to);
    editor.current!.focus();
  };
  const busy = running.value !== null;
  return (
    <div class="sql" data-waiting={!alive.value}>
      <div class="workbench">
        <SqlEditor sql={sql} field={editor} onRun={run} />
        <div class="controls">
          {busy
            ? <button type="button" onClick={() => running.value?.abort()}>Stop</button>
            : <button type="button" class="primary" onClick={run}>Run</button>}
          <button type="button" disabled={busy} onClick={download}>Download CSV</button>
          <span class="hint">Press Ctrl+Enter to run. The URL keeps the statement.</span>
          <WriteToken />
        </div>
        {fault.value !== null && <p class="note fault" role="alert">{fault.value}</p>}
        {busy && <p class="note" role="status">Running …</p>}
        {answer.value !== null && <SqlResult answer={answer.value} />}
      </div>
      <aside aria-label="Relations and history">
        <h2>Relations</h2>
        <ul class="relations">
          {props.relations.map(({ name, columns }) => (
            <li key={name}>
              <details>
                <summary>{name}</summary>
                <ul>
                  {columns.map((column) => (
                    <li key={column.name}>
                      <button type="button" onClick={() => insert(column.name)}>
                        {column.name}
                      </button>{" "}
                      <small>{column.type}</small>
                    </li>
                  ))}
                </ul>
                <button type="button" onClick={() => insert(name)}>Insert name</button>
              </details>
            </li>
          ))}
        </ul>
        {history.value.length > 0 && (
          <details class="history">
            <summary>History ({figure(history.value.length)})</summary>
            <ul>
              {history.value.map((each) => (
                <li key={each}>
                  <button type="button" title={each} onClick={() => sql.value = each}>
                    {each.replace(/\s+/g, " ")}
                  </button>
                </li>
              ))}
            </ul>
          </details>
        )}
      </aside>
    </div>
  );
}
