/** Polling while a page is visible, with retries until the server is back. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/**
 * The state of the connection. `late`: answers come, but too slowly for the shown figures to be new;
 * `waiting`: the page shows the figures that it was loaded with.
 */
export type Connection = "live" | "late" | "lost" | "waiting";

const FIRST_WAIT_MS = 1000;
const MOST_WAIT_MS = 15_000;
/** A longer answer is late. */
const LATE_MS = 1000;
const LOOK_MS = 250;

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

/** Fetches JSON; any answer but 200 is an error with the server's own words. */
export async function getJson<Answer>(url: string, signal?: AbortSignal): Promise<Answer> {
  return await answerOf(await fetch(url, { signal: within(signal) }));
}

/** Fetches JSON unless it has the tag still; null where it has. */
export async function getChanged<Answer>(
  url: string,
  tag: string | null,
  signal: AbortSignal,
): Promise<{ readonly answer: Answer; readonly tag: string | null } | null> {
  const headers: HeadersInit = tag === null ? {} : { "if-none-match": tag };
  const response = await fetch(url, { headers, cache: "no-store", signal: within(signal) });
  if (response.status === 304) return null;
  return { answer: await answerOf(response), tag: response.headers.get("etag") };
}

const within = (signal?: AbortSignal) =>
  AbortSignal.any([AbortSignal.timeout(10_000), ...signal ? [signal] : []]);

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
    /** When the shown figures were requested; at first by the navigation. */
    let askedMs = performance.timeOrigin;
    const look = setInterval(() => {
      const isLate = Date.now() - askedMs > everyMs + LATE_MS - LOOK_MS;
      if (isLate && connection.value !== "lost") connection.value = "late";
    }, LOOK_MS);
    signal.addEventListener("abort", () => clearInterval(look));
    (async () => {
      let waitMs = firstMs;
      while (!signal.aborted) {
        await pause(waitMs, signal);
        await seen(signal);
        if (signal.aborted) return;
        const sinceMs = Date.now();
        try {
          await ask(signal);
          askedMs = sinceMs;
          // Where answers are slow, the next one is late as well: no change there and back each time.
          connection.value = Date.now() - sinceMs > LATE_MS ? "late" : "live";
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
