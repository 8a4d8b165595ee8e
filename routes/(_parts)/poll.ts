/** Polling and following while a page is visible, with retries until the server is back. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** The state of the connection. */
export type Connection = "live" | "lost" | "waiting";

const FIRST_WAIT_MS = 1000;
const MOST_WAIT_MS = 15_000;

/** Waits, and removes its listeners afterwards, because a page may be open for days. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, signal.aborted ? 0 : ms);
    signal.addEventListener("abort", done);
  });
}

/** Resolves when the page is seen: what nobody looks at asks for nothing. */
function seen(signal: AbortSignal): Promise<void> {
  if (document.visibilityState === "visible" || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** Fetches JSON; what is no answer of 200 is an error with the server's own words. */
export async function getJson<Answer>(url: string, signal?: AbortSignal): Promise<Answer> {
  const within = AbortSignal.any([AbortSignal.timeout(10_000), ...signal ? [signal] : []]);
  return await answerOf(await fetch(url, { signal: within }));
}

/** What a server answered as JSON. @throws with the server's own words when it is no success. */
export async function answerOf<Answer>(response: Response): Promise<Answer> {
  if (response.ok) return await response.json();
  const problem = await response.json().catch(() => null);
  throw new Error(problem?.detail ?? `The server answered ${response.status}`);
}

/**
 * Asks `ask` again and again, `everyMs` after each answer; less often while it fails.
 *
 * @param firstMs when it asks first. Default `everyMs`: the page came with an answer.
 */
export function usePoll(
  everyMs: number,
  ask: (signal: AbortSignal) => Promise<void>,
  firstMs: number = everyMs,
): Signal<Connection> {
  const connection = useSignal<Connection>("waiting");
  useEffect(() => {
    const end = new AbortController();
    const { signal } = end;
    (async () => {
      let waitMs = firstMs;
      while (!signal.aborted) {
        await pause(waitMs, signal);
        await seen(signal);
        if (signal.aborted) return;
        try {
          await ask(signal);
          connection.value = "live";
          waitMs = everyMs;
        } catch {
          if (signal.aborted) return;
          connection.value = "lost";
          waitMs = Math.min(Math.max(waitMs, FIRST_WAIT_MS) * 1.5, MOST_WAIT_MS);
        }
      }
    })();
    return () => end.abort();
  }, []);
  return connection;
}

/**
 * Follows server-sent events while the page is seen: a browser keeps few connections, and a hidden
 * page needs none.
 */
export function useFollow<Update>(
  url: string | null,
  onUpdate: Told<Update>,
): Signal<Connection> {
  const connection = useSignal<Connection>("waiting");
  useEffect(() => {
    if (url === null) return;
    const end = new AbortController();
    const { signal } = end;
    (async () => {
      let waitMs = FIRST_WAIT_MS;
      while (!signal.aborted) {
        await seen(signal);
        if (signal.aborted) return;
        connection.value = await followOnce(url, signal, (kind, update: Update) => {
          connection.value = "live";
          waitMs = FIRST_WAIT_MS;
          onUpdate(kind, update);
        });
        if (connection.value === "lost") {
          await pause(waitMs, signal);
          waitMs = Math.min(waitMs * 1.5, MOST_WAIT_MS);
        }
      }
    })();
    return () => end.abort();
  }, [url]);
  return connection;
}

type Told<Update> = (kind: "snapshot" | "change", update: Update) => void;

/** One connection; resolves when it is lost, or let go of because nobody looks. */
function followOnce<Update>(
  url: string,
  signal: AbortSignal,
  onUpdate: Told<Update>,
): Promise<Connection> {
  return new Promise((resolve) => {
    const source = new EventSource(url);
    const close = (connection: Connection) => {
      source.close();
      document.removeEventListener("visibilitychange", hidden);
      signal.removeEventListener("abort", leave);
      resolve(connection);
    };
    const leave = () => close("waiting");
    const hidden = () => document.visibilityState === "hidden" && leave();
    document.addEventListener("visibilitychange", hidden);
    signal.addEventListener("abort", leave);
    for (const kind of ["snapshot", "change"] as const) {
      source.addEventListener(kind, (event) => onUpdate(kind, JSON.parse(event.data)));
    }
    source.onerror = () => close("lost");
  });
}
