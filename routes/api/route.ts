/** One entry of the table of routes: what there is, who may, how much, how long, and its documentation. */
import type { Context } from "hono";
import type { z } from "zod";
import type { Table } from "./csv.ts";

/** What a route may use of a request. */
export interface Asked {
  readonly c: Context;
  /** Query parameters by name, each at most once; unknown ones are refused before. */
  readonly params: Readonly<Record<string, string>>;
  /** Aborts when the client leaves, or when the route's time is up. */
  readonly signal: AbortSignal;
  readonly maxBodyBytes: number;
  /** Whether the client may read everything, or only asks a probe that is answered to all. */
  readonly mayRead: boolean;
}

/** A body that a route reads. */
export interface BodySpec {
  /** Media types. */
  readonly types: readonly string[];
  readonly maxBytes: number;
  readonly required: boolean;
  readonly summary: string;
  readonly schema?: z.ZodType;
}

/** A parameter in a path. */
export interface PathParam {
  readonly description: string;
  /** What there is, for the document; others are 404. */
  readonly names?: () => Promise<readonly string[]>;
  /** The greatest whole number, where it is one. */
  readonly max?: number;
}

/** A route. Handlers answer with the schema's type: the document cannot tell another one. */
export interface Route {
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT";
  /** With parameters in braces: `/api/v1/metrics/{name}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly pathParams: Readonly<Record<string, PathParam>>;
  readonly query: z.ZodObject | null;
  /** Key columns, which are parameters too where a metric has them; the service validates them. */
  readonly keyParams: (() => readonly string[]) | null;
  readonly body: BodySpec | null;
  /** What a token has to allow, where one is set. `sql` reads, but costs more than other reads. */
  readonly access: "read" | "sql" | "write";
  /** The longest that it may take, in milliseconds; null where it ends by itself. */
  readonly timeoutMs: number | null;
  /** `no-cache`: kept by clients, asked again with its ETag each time. */
  readonly cache: "no-store" | "no-cache";
  readonly answer: z.ZodType | null;
  /** Media types of answers beside JSON. */
  readonly otherAnswers: readonly string[];
  /** Statuses of faults that can come beside those of every route. */
  readonly faults: readonly number[];
  /** Rows and columns of an answer, for CSV. */
  readonly table: ((answer: unknown) => Table) | null;
  readonly handle: (asked: Asked) => unknown;
}

type Optional = Partial<
  Pick<
    Route,
    | "description"
    | "pathParams"
    | "query"
    | "keyParams"
    | "body"
    | "access"
    | "timeoutMs"
    | "cache"
    | "otherAnswers"
    | "faults"
  >
>;

/** What {@link route} takes: {@link Route} with its defaults left out. */
export interface RouteSpec<Answer> extends Optional {
  readonly id: string;
  readonly at: `${Route["method"]} /${string}`;
  readonly tag: string;
  readonly summary: string;
  readonly answer: z.ZodType<Answer> | null;
  readonly table?: (answer: Answer) => Table;
  /** Its value is sent as JSON, a Response as it is. */
  readonly handle: (asked: Asked) => Promise<Answer | Response> | Answer | Response;
}

const ANSWER_MS = 30_000;

/** Makes an entry of the table. */
export function route<Answer>(spec: RouteSpec<Answer>): Route {
  const [method, path] = spec.at.split(" ") as [Route["method"], string];
  const { at: _at, table, handle, ...rest } = spec;
  return {
    pathParams: {},
    query: null,
    keyParams: null,
    body: null,
    faults: [],
    access: "read",
    timeoutMs: ANSWER_MS,
    cache: "no-store",
    otherAnswers: [],
    ...rest,
    method,
    path,
    table: (table ?? null) as Route["table"],
    handle,
  };
}
