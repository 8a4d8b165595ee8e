/** Talks to the process that owns a data folder, and keeps to it when it restarts. */
import {
  ExternalError,
  NotFoundError,
  ProblemError,
  retry,
  TwofoldError,
  UserError,
} from "../std/errors.ts";
import type {
  AcceptedDamage,
  IngestAnswer,
  ReloadAnswer,
  VerifyReport,
} from "../ports/services.ts";
import type { Config } from "../settings/config.ts";
import {
  ANSWER_MS,
  type Call,
  type Caller,
  queryText,
  remoteQuestions,
} from "./remote_questions.ts";
import type { InspectedPlugin, RebuildReport, RunReport, Target } from "./target.ts";
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
/**
 * The running process as a target. Where it listens is read from the data folder before every
 * attempt, because a restarted process may listen elsewhere.
 */
export function connect(options: ClientOptions): Target {
  const call = caller(options);
  const questions = remoteQuestions(call);
  /** Has something done with plugins. */
  const post = <Answer>(path: string, body: object = {}) =>
    call<Answer>({
      method: "POST",
      path: `/api/v1/plugins/${path}`,
      type: "application/json",
      body: JSON.stringify(body),
    });
  return {
    ...questions,
    name: options.url,
    own: false,
    ingest: (bytes, format, topic) =>
      call<IngestAnswer>({
        method: "POST",
        path: `/api/v1/events${queryText({ format, topic })}`,
        type: format === "ndjson" ? "application/x-ndjson" : "text/plain",
        body: bytes,
        timeoutMs: ANSWER_MS,
      }),
    async batch({ full }) {
      const runs: (RunReport | null)[] = [];
      for (const { topic } of (await questions.status()).topics) {
        const answer = await call<{ run: RunReport | null }>({
          method: "POST",
          path: `/api/v1/batch/runs${queryText({ topic })}`,
          type: "application/json",
          body: JSON.stringify({ full }),
        });
        runs.push(answer.run);
      }
      return runs;
    },
    cancelRun: async (run, by, topic) =>
      (await call<{ run: RunReport }>({
        method: "POST",
        path: `/api/v1/batch/runs/${run}/cancel${queryText({ topic })}`,
        type: "application/json",
        body: JSON.stringify({ by }),
      })).run,
    plugin: (name) =>
      call<InspectedPlugin>({
        method: "GET",
        path: `/api/v1/plugins/${encodeURIComponent(name)}`,
        timeoutMs: ANSWER_MS,
      }),
    reloadPlugins: () => post<ReloadAnswer>("reload"),
    prunePlugins: async () => (await post<{ removed: string[] }>("prune")).removed,
    lifecycle: {
      pause: async (name, by) => void await post(`${encodeURIComponent(name)}/pause`, { by }),
      resume: async (name, by) => void await post(`${encodeURIComponent(name)}/resume`, { by }),
      drop: async (name) =>
        (await post<{ removed: string[] }>(`${encodeURIComponent(name)}/drop`)).removed,
      rebuild: (name, request) =>
        post<RebuildReport>(`${encodeURIComponent(name)}/rebuild`, request),
    },
    acceptDamage: (damage) =>
      call<AcceptedDamage>({
        method: "POST",
        path: "/api/v1/verify/accept",
        type: "application/json",
        body: JSON.stringify(damage),
      }),
    verify: ({ fast }) =>
      call<VerifyReport>({
        method: "POST",
        path: `/api/v1/verify${queryText({ fast })}`,
        type: "application/json",
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Calls until there is an answer, as long as a fault says that trying again may help. */
function caller(options: ClientOptions): Caller {
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
  { method, path, type, body, timeoutMs, streamed = false, signal: given }: Call,
  { dataDir, readTokens, writeTokens }: Config,
  { readOwner }: Pick<World, "readOwner">,
): Promise<Answer> {
  const url = (await readOwner(dataDir))?.url;
  if (!url) throw new ExternalError(`Cannot reach the process that owned ${dataDir}: it is gone`);
  const headers = new Headers();
  if (type !== undefined) headers.set("content-type", type);
  const token = (writeTokens ?? readTokens)?.[0];
  if (token !== undefined) headers.set("authorization", `Bearer ${token.reveal()}`);
  const deadline = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
  const signal = AbortSignal.any([...deadline, ...given ? [given] : []]);
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(path, url), { method, headers, body, signal });
    if (response.ok && streamed) return response.body as Answer;
    text = await response.text();
  } catch (cause) {
    given?.throwIfAborted();
    throw new ExternalError(`Cannot reach ${url}: the connection failed`, { cause });
  }
  if (!response.ok) throw faultOf(url, response.status, text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ExternalError(`Cannot read the answer of ${url}: expected JSON`, { cause });
  }
}

/** What a status that is no success means for the caller. */
function faultOf(url: string, status: number, text: string): TwofoldError {
  const detail = detailOf(text);
  const why = `${url} answered ${status}${detail === null ? "" : `: ${detail}`}`;
  if (status === 401 || status === 403) {
    return new UserError(
      `Not allowed: ${why}; set TWOFOLD_WRITE_TOKEN (or, to read only, TWOFOLD_READ_TOKEN) as the process has it`,
    );
  }
  const code = membersOf(text).code;
  if (typeof code === "string") return new ProblemError(code, detail ?? why);
  if ([408, 429, 502, 503, 504, 507].includes(status)) return new ExternalError(why);
  // What the data folder itself would have said.
  if (status === 404) return new NotFoundError(detail ?? why);
  if (status >= 400 && status < 500) return new UserError(detail ?? why);
  if (membersOf(text).type === "urn:twofold:problem:deployment-fault") {
    return new ExternalError(detail ?? why, { retriable: false });
  }
  return new TwofoldError(why);
}

/** The detail of an RFC 9457 problem; null where it is none. */
function detailOf(text: string): string | null {
  const { detail, title } = membersOf(text);
  const words = detail ?? title;
  return typeof words === "string" ? words : null;
}

/** The members of a problem; none where the text is no JSON object. */
function membersOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
