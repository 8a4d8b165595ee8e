/** Made-up access logs, and what the metrics of `examples/access_logs` say of them. */
import { type Random, random, zipf } from "../../plugins/viewing/chance.ts";

/** A request that a server answered. */
interface Request {
  /** Whole seconds, in milliseconds since 1970 UTC. */
  readonly ms: number;
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly status: number;
  readonly bytes: number;
  /** Thousandths; null where the log does not tell. */
  readonly took: number | null;
  readonly referer: string;
  readonly agent: string;
}

/** Two log files of the same servers. */
export interface AccessLogs {
  readonly combined: string;
  readonly ndjson: string;
  readonly lines: number;
  readonly broken: number;
  /** Each once. */
  readonly requests: readonly Request[];
}

const START_MS = Date.UTC(2026, 0, 3, 22);
const SPAN_SECONDS = 4 * 86_400;
/** Minutes east of Greenwich. */
const ZONES = [0, 60, -480, 330];
const AGENTS = [
  "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
  "curl/8.5.0",
  "-",
  "Mozilla/5.0 (compatible; Googlebot/2.1)",
  String.raw`odd \"quoted\" agent`,
];

/**
 * Makes logs of about so many lines: out of order, 5 % of them hours late, 8 % repeated in another
 * time zone and perhaps in the other file, 1 % broken.
 */
export function accessLogs(lines: number, seed: number): AccessLogs {
  const next = random(seed);
  const requests = distinctRequests(Math.round(lines / 1.09), next);
  const written: { at: number; line: string; json: boolean }[] = [];
  let broken = 0;
  const write = (at: number, request: Request) => {
    const json = next() < 0.4;
    const zone = ZONES[Math.floor(next() * ZONES.length)];
    written.push({ at, json, line: (json ? jsonLine : combinedLine)(request, zone) });
  };
  for (const [i, request] of requests.entries()) {
    const at = i + (next() < 0.05 ? next() * requests.length : next() * 50);
    write(at, request);
    if (next() < 0.08) write(at + next() * requests.length, request);
    if (next() >= 0.01) continue;
    const json = next() < 0.5;
    const line = (json ? jsonLine : combinedLine)(request, 0);
    written.push({ at, json, line: brokenLine(line, next) });
    broken++;
  }
  written.sort((a, b) => a.at - b.at);
  const file = (json: boolean) =>
    written.filter((one) => one.json === json).map(({ line }) => `${line}\n`).join("");
  const logs = { combined: file(false), ndjson: file(true) };
  return { ...logs, lines: written.length, broken, requests };
}

function distinctRequests(count: number, next: Random): Request[] {
  const client = zipf(3000), path = zipf(60);
  const requests = new Map<string, Request>();
  for (let i = 0; requests.size < count; i++) {
    const number = client(next());
    const timed = next() < 0.8;
    const request: Request = {
      ms: START_MS + Math.floor((i / count) * SPAN_SECONDS) * 1000,
      client: number % 7 === 0 ? `2001:db8::${number.toString(16)}` : `192.0.2.${number}`,
      method: ["GET", "GET", "GET", "POST", "HEAD"][Math.floor(next() * 5)],
      path: `/page/${path(next())}`,
      query: next() < 0.3 ? `?q=${Math.floor(next() * 100)}` : "",
      status: [200, 200, 200, 304, 404, 499, 500, 503][Math.floor(next() * 8)],
      bytes: Math.floor(next() * 50_000),
      took: timed ? Math.floor(exponential(next) * 120) : null,
      referer: next() < 0.5 ? "-" : "https://example.org/",
      agent: AGENTS[number % AGENTS.length],
    };
    requests.set(JSON.stringify(request), request);
  }
  return [...requests.values()];
}

const two = (value: number) => String(value).padStart(2, "0");

/** The clock of a zone, ISO 8601 without the zone; and the zone as `+0530`. */
function local(ms: number, zone: number) {
  const minutes = Math.abs(zone);
  return {
    clock: new Date(ms + zone * 60_000).toISOString().slice(0, 19),
    offset: `${zone < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`,
  };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function combinedLine(request: Request, zone: number): string {
  const { clock, offset } = local(request.ms, zone);
  const [year, month, day] = clock.slice(0, 10).split("-");
  const { client, method, path, query, status, bytes, took, referer, agent } = request;
  const at = `${day}/${MONTHS[Number(month) - 1]}/${year}:${clock.slice(11)} ${offset}`;
  const time = took === null ? "" : ` ${(took / 1000).toFixed(3)}`;
  return `${client} - - [${at}] "${method} ${path}${query} HTTP/1.1" ${status} ` +
    `${bytes === 0 ? "-" : bytes} "${referer}" "${agent}"${time}`;
}

function jsonLine(request: Request, zone: number): string {
  const { clock, offset } = local(request.ms, zone);
  const { client, method, path, query, status, bytes, took, referer, agent } = request;
  return JSON.stringify({
    time_iso8601: `${clock}${offset.slice(0, 3)}:${offset.slice(3)}`,
    remote_addr: client,
    request: `${method} ${path}${query} HTTP/1.1`,
    status: String(status),
    body_bytes_sent: String(bytes),
    http_referer: referer === "-" ? "" : referer,
    http_user_agent: agent === "-" ? "" : agent,
    request_time: took === null ? "" : (took / 1000).toFixed(3),
  });
}

function brokenLine(line: string, next: Random): string {
  const broken = [
    line.slice(0, 40),
    "not a line of a log",
    // A status that no schema takes: the decoder refuses it, not the format.
    line.replace(/(" |"status":")\d{3}/, "$1999"),
    line.replace(/\/Jan\/|"remote_addr"/, "/Foo/"),
  ];
  return broken[Math.floor(next() * broken.length)];
}

/** What a metric says of the requests of one bucket and key. */
export type Figures = Readonly<Record<string, number | string | null>>;

const DAY_MS = 86_400_000;

/** How each metric follows from requests, told apart from the plugins. */
const metrics: Readonly<
  Record<string, {
    readonly key: (request: Request) => Figures;
    readonly counts: (request: Request) => boolean;
    /** @param ofKey all requests of the key, in the order of time. */
    readonly figures: (requests: readonly Request[], ofKey: readonly Request[]) => Figures;
  }>
> = {
  path_errors: {
    key: ({ path }) => ({ path }),
    counts: () => true,
    figures: (requests) => {
      const errors = requests.filter(({ status }) => status >= 500).length;
      const { length } = requests;
      return { requests: length, errors, error_share: errors / length };
    },
  },
  response_times: {
    key: ({ method }) => ({ method }),
    counts: ({ took }) => took !== null,
    figures: (requests) => {
      const sorted = requests.map(({ took }) => took!).sort((a, b) => a - b);
      const at = (q: number) => sorted[Math.floor(q * sorted.length)] / 1000;
      return { timed: sorted.length, seconds_p50: at(0.5), seconds_p95: at(0.95) };
    },
  },
  daily_visitors: {
    key: () => ({}),
    counts: ({ agent }) => !/bot/i.test(agent),
    figures: (requests) => {
      const visitors = new Set(requests.map(({ client }) => client)).size;
      return { visitors, views: requests.length, views_per_visitor: requests.length / visitors };
    },
  },
  visits: {
    key: ({ client }) => ({ client }),
    counts: () => true,
    figures: (requests, ofKey) => {
      const own = new Set(requests.map(({ ms }) => ms));
      const begins = (i: number) => i === 0 || ofKey[i].ms - ofKey[i - 1].ms > 30 * 60_000;
      const firsts = [...ofKey.keys()].filter(begins);
      const visits = firsts.map((first, i) => ofKey.slice(first, firsts[i + 1]))
        .filter(([{ ms }]) => own.has(ms));
      const mean = (of: (visit: readonly Request[]) => number, unit: number) =>
        visits.length === 0
          ? null
          : visits.reduce((sum, visit) => sum + of(visit), 0) / unit / visits.length;
      return {
        visits: visits.length,
        visits_mean_seconds: mean((visit) => visit.at(-1)!.ms - visit[0].ms, 1000),
        visits_mean_events: mean(({ length }) => length, 1),
        requests: requests.length,
      };
    },
  },
};

/** The names of the metrics. */
export const metricNames = Object.keys(metrics);

/** By `bucket` (a day, or "" for all time) and key as JSON, what a metric should say. */
export function expectedFigures(
  metric: string,
  requests: readonly Request[],
  bucket: "all" | "day",
): ReadonlyMap<string, Figures> {
  const { key, counts, figures } = metrics[metric];
  const head = (request: Request) => ({
    ...bucket === "day"
      ? { bucket: new Date(request.ms - request.ms % DAY_MS).toISOString().slice(0, 10) }
      : {},
    ...key(request),
  });
  const keyOf = (request: Request) => JSON.stringify(key(request));
  const counted = requests.filter(counts).sort((a, b) => a.ms - b.ms);
  const byKey = Map.groupBy(counted, keyOf);
  const groups = Map.groupBy(counted, (request) => JSON.stringify(head(request)));
  return new Map([...groups].map(([name, of]) => [name, figures(of, byKey.get(keyOf(of[0]))!)]));
}

/**
 * Exponentially distributed with mean 1, by von Neumann's comparisons (1951), which need no
 * logarithm.
 */
function exponential(next: Random): number {
  for (let whole = 0;; whole++) {
    const first = next();
    let length = 1;
    for (let last = first, other; (other = next()) < last; last = other) length++;
    if (length % 2 === 1) return whole + first;
  }
}
