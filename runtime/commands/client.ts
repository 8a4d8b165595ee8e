/** Talks to the process that owns a data folder, and keeps to it when it restarts. */
import { ExternalError, retry, TwofoldError, UserError } from "../errors.ts";
import type { IngestAnswer, Status } from "../services.ts";
import type { Config } from "../config.ts";
import type { RunReport, Target } from "./target.ts";
import type { World } from "./world.ts";

/** Options of {@link connect}. */
export interface ClientOptions {
  readonly config: Config;
  readonly world: Pick<World, "readOwner" | "clock" | "stop">;
  /** Where it listens now: for messages. */
  readonly url: string;
  /** Told once per outage, and when it is over. */
  readonly onOutage?: (what: string) => void;
  /** The most attempts at one request; the default waits about a minute in all. */
  readonly attempts?: number;
}

const ATTEMPTS = 36;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 2000;
/** A chunk takes milliseconds; a process that says nothing for so long has hung. */
const ANSWER_MS = 60_000;

interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly type?: string;
  readonly body?: BodyInit;
  /** The longest wait for an answer in milliseconds; none for a batch run. */
  readonly timeoutMs?: number;
}

/**
 * The running process as a target. Where it listens is read from the data folder before every
 * attempt, because a restarted process may listen elsewhere.
 */
export function connect(options: ClientOptions): Target {
  const call = caller(options);
  const topicQuery = (topic?: string) =>
    topic === undefined ? "" : `?topic=${encodeURIComponent(topic)}`;
  const status = () =>
    call<Status>({ method: "GET", path: "/api/v1/status", timeoutMs: ANSWER_MS });
  return {
    name: options.url,
    status,
    ingest: (bytes, topic) =>
      call<IngestAnswer>({
        method: "POST",
        path: `/api/v1/events${topicQuery(topic)}`,
        type: "application/x-ndjson",
        body: bytes,
        timeoutMs: ANSWER_MS,
      }),
    async batch({ full }) {
      const runs: (RunReport | null)[] = [];
      for (const { topic } of (await status()).topics) {
        const answer = await call<{ run: RunReport | null }>({
          method: "POST",
          path: `/api/v1/batch/runs${topicQuery(topic)}`,
          type: "application/json",
          body: JSON.stringify({ full }),
        });
        runs.push(answer.run);
      }
      return runs;
    },
    close: () => Promise.resolve(),
  };
}

/** Calls until there is an answer, as long as a fault says that trying again may help. */
function caller(options: ClientOptions): <Answer>(call: Call) => Promise<Answer> {
  const { config, world, onOutage = () => {}, attempts = ATTEMPTS } = options;
  const { clock, stop } = world;
  let out = false;
  return <Answer>(call: Call) =>
    retry(async () => {
      try {
        const answer = await callOnce<Answer>(call, config, world);
        if (out) onOutage("it answers again");
        out = false;
        return answer;
      } catch (error) {
        const again = error instanceof TwofoldError && error.retriable;
        if (again && !out) onOutage(`${error.message}; trying again`);
        out = again;
        throw error;
      }
    }, {
      attempts,
      firstDelayMs: FIRST_DELAY_MS,
      maxDelayMs: MAX_DELAY_MS,
      signal: stop,
      sleep: (ms) => clock.sleep(ms, stop),
    });
}

async function callOnce<Answer>(
  { method, path, type, body, timeoutMs }: Call,
  { dataDir, writeToken }: Config,
  { readOwner }: Pick<World, "readOwner">,
): Promise<Answer> {
  const url = (await readOwner(dataDir))?.url;
  if (!url) throw new ExternalError(`Cannot reach the process that owned ${dataDir}: it is gone`);
  const headers = new Headers();
  if (type !== undefined) headers.set("content-type", type);
  if (writeToken !== null) headers.set("authorization", `Bearer ${writeToken.reveal()}`);
  const signal = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(path, url), { method, headers, body, signal });
    text = await response.text();
  } catch (cause) {
    throw new ExternalError(`Cannot reach ${url}: the connection failed`, { cause });
  }
  if (!response.ok) throw faultOf(url, response.status, text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ExternalError(`Cannot read the answer of ${url}: wanted JSON`, { cause });
  }
}

/** What a status that is no success means for the caller. */
function faultOf(url: string, status: number, text: string): TwofoldError {
  const why = `${url} answered ${status}${detailOf(text)}`;
  if (status === 401 || status === 403) {
    return new UserError(`Not allowed: ${why}; set TWOFOLD_WRITE_TOKEN as the process has it`);
  }
  if ([408, 429, 502, 503, 504, 507].includes(status)) return new ExternalError(why);
  if (status >= 400 && status < 500) return new UserError(why);
  return new TwofoldError(why);
}

/** The detail of an RFC 9457 problem, if it is one. */
function detailOf(text: string): string {
  try {
    const { detail, title } = JSON.parse(text);
    const words = detail ?? title;
    return typeof words === "string" ? `: ${words}` : "";
  } catch {
    return "";
  }
}
