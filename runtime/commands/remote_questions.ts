/** Asks the running process by its API. */
import type {
  CatalogInfo,
  CatalogPage,
  CatalogPut,
  DeadLetter,
  DriftDay,
  MetricAnswer,
  ProcessMemory,
  RecordPage,
  RecordView,
  Redrive,
  RedriveAnswer,
  Status,
} from "../ports/services.ts";
import { streamedRows } from "./streamed_rows.ts";
import type { Questions } from "./target.ts";

/** A request to the API. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly type?: string;
  readonly body?: BodyInit;
  /** The longest wait for an answer in milliseconds. Default: the process ends it itself. */
  readonly timeoutMs?: number;
  /** Whether the answer is the body as it comes, a stream of bytes. Default: parsed JSON. */
  readonly streamed?: boolean;
  /** Gives up before that. */
  readonly signal?: AbortSignal;
}

/** Makes a request until there is an answer, as long as trying again may help. */
export type Caller = <Answer>(call: Call) => Promise<Answer>;

/** A chunk takes milliseconds; a process that is silent for longer has hung. */
export const ANSWER_MS = 60_000;

const TYPES = {
  ndjson: "application/x-ndjson",
  "json-array": "application/json",
  csv: "text/csv",
} as const;

/** The questions that a process answers. */
export function remoteQuestions(call: Caller): Questions {
  const get = <Answer>(path: string, query: object = {}, signal?: AbortSignal) =>
    call<Answer>({
      method: "GET",
      path: `/api/v1/${path}${queryText(query)}`,
      timeoutMs: ANSWER_MS,
      signal,
    });
  return {
    status: () => get<Status>("status"),
    memory: () => get<ProcessMemory>("status/memory"),
    query: (metric, { keys, ...query }, signal) =>
      get<MetricAnswer>(path`metrics/${metric}`, { ...query, ...keys }, signal),
    records: {
      async list(query, signal) {
        type Answer = Omit<RecordPage, "items"> & { readonly events: readonly RecordView[] };
        const { events, ...page } = await get<Answer>("events", query, signal);
        return { ...page, items: events };
      },
    },
    deadLetters: {
      async list(query, signal) {
        type Answer = { dead_letters: DeadLetter[]; next: string | null };
        const answer = await get<Answer>("dead-letters", query, signal);
        return { items: answer.dead_letters, next: answer.next };
      },
      async one({ topic, partition, offset }, signal) {
        type Answer = DeadLetter & { text?: string; base64: string; redrives: Redrive[] };
        const at = path`dead-letters/${topic}/${partition}/${offset}`;
        const { text: _, base64, ...letter } = await get<Answer>(at, {}, signal);
        return { ...letter, bytes: Uint8Array.fromBase64(base64) };
      },
      redrive: (request) =>
        call<RedriveAnswer>({
          method: "POST",
          path: "/api/v1/dead-letters/redrive",
          type: "application/json",
          body: JSON.stringify(
            request,
            (name, value) => /^(partition|(from|to)_offset)$/.test(name) ? Number(value) : value,
          ),
        }),
    },
    drifts: {
      async list(query, signal) {
        type Answer = { days: DriftDay[]; next: string | null };
        const { days, next } = await get<Answer>("drift", query, signal);
        return { items: days, next };
      },
      accept: async (acceptance) =>
        (await call<{ accepted: string[] }>({
          method: "POST",
          path: "/api/v1/drift/accept",
          type: "application/json",
          body: JSON.stringify(acceptance),
          timeoutMs: ANSWER_MS,
        })).accepted,
    },
    catalogs: {
      list: async (signal) =>
        (await get<{ catalogs: CatalogInfo[] }>("catalogs", {}, signal)).catalogs,
      async get(name, query, signal) {
        type Answer = Omit<CatalogPage, "items"> & { rows: CatalogPage["items"] };
        const { rows, ...page } = await get<Answer>(path`catalogs/${name}`, query, signal);
        return { ...page, items: rows };
      },
      put: async (name, body, format) =>
        await call<CatalogPut>({
          method: "PUT",
          path: `/api/v1/${path`catalogs/${name}`}`,
          timeoutMs: ANSWER_MS,
          // Sent again when the process restarts meanwhile: a stream could be read only once.
          type: TYPES[format],
          body: await new Response(body as BodyInit).bytes(),
        }),
    },
    sql: {
      open: async (sql, { limit, signal } = {}) =>
        await streamedRows(
          await call<ReadableStream<Uint8Array<ArrayBuffer>>>({
            method: "POST",
            path: "/api/v1/sql",
            type: "application/json",
            signal,
            body: JSON.stringify({ sql, limit }),
            streamed: true,
          }),
        ),
    },
  };
}

/** A path whose parts may hold anything. */
function path(texts: TemplateStringsArray, ...parts: string[]): string {
  return String.raw({ raw: texts }, ...parts.map(encodeURIComponent));
}

/** The query of a URL; what is left out is not in it. */
export function queryText(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
