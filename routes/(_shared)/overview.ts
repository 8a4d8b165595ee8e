/** The data of the first page, as of now. */
import type { OverviewData } from "../../islands/Overview.tsx";
import type { MetricInfo, Services, Status } from "../../runtime/ports/services.ts";
import type { MetricCardData } from "../(_parts)/MetricCard.tsx";
import { outcomeOf } from "./define.ts";
import { listedRuns } from "./listed_runs.ts";
import { newestOf, yearBefore } from "./metric_view.ts";
import { movieExample, namesOf } from "./movie_example.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const ACTIVE_MS = 5 * MINUTE_MS;
/** How long the count of users is kept. */
const COUNTED_MS = 5000;
/** How long the chart of a metric's last day is kept. */
const CHARTED_MS = 10_000;
const CARD_ROWS = "3";

/** Asks for everything; parts that cannot be answered are left out or have a fault. */
export async function overviewOf(services: Services, signal: AbortSignal): Promise<OverviewData> {
  const now = Date.now();
  const asked = services.status().catch(() => null);
  const [status, run, today, traffic, activeUsers, found] = await Promise.all([
    asked,
    listedRuns(services.batch.values(), 1).then(([run]) => run ?? null, () => null),
    todayOf(services, now, signal).catch(() => null),
    trafficOf(services, now, signal).catch(() => null),
    activeUsersOf(services, now, signal).catch(() => null),
    Promise.all(
      services.serving.metrics().map((info) => cardOf(services, info, asked, now, signal)),
    ),
  ]);
  const answers = found.flatMap(({ answer }) => answer === null ? [] : [answer]);
  const names = await namesOf(services, answers, signal).catch(() => ({}));
  const cards = found.map((card) => ({ ...card, names }));
  return { at: new Date(now).toISOString(), status, run, today, traffic, activeUsers, cards };
}

async function cardOf(
  services: Services,
  info: MetricInfo,
  status: Promise<Status | null>,
  now: number,
  signal: AbortSignal,
): Promise<Omit<MetricCardData, "names">> {
  const since = info.needs_from
    ? new Date(yearBefore(newestOf(info, await status))).toISOString().slice(0, 10)
    : null;
  const range = since === null ? {} : { from: since };
  const asked = services.serving.query(info.name, { ...range, limit: CARD_ROWS, keys: {} }, signal);
  const [{ answer, fault }, hours] = await Promise.all([
    outcomeOf(asked, signal),
    remembered(services, info.name, now, CHARTED_MS, () => hoursOf(services, info, now))
      .catch(() => null),
  ]);
  return { info, since, answer, fault, hours };
}

/** A metric by hour of the last 24; null where it has no such buckets. */
async function hoursOf({ serving }: Services, info: MetricInfo, now: number) {
  const [first] = info.series_measures;
  if (first === undefined || !info.layers.batch.includes("hour")) return null;
  const sort = info.sort.replace(/^-/, "");
  const { series: [all], time } = await serving.series(info.name, {
    ...lastHours(now),
    bucket: "hour",
    measure: info.series_measures.includes(sort) ? sort : first,
    keys: {},
  });
  return all?.values ?? time.map(() => null);
}

function lastHours(now: number) {
  const from = Math.floor(now / HOUR_MS - 23) * HOUR_MS;
  return { from: new Date(from).toISOString(), to: new Date(from + 24 * HOUR_MS).toISOString() };
}

async function todayOf(services: Services, now: number, signal: AbortSignal) {
  if (!movieExample(services).events) return null;
  const { time, series: [all] } = await services.serving.series("hourly_stats", {
    ...lastHours(now),
    bucket: "hour",
    measure: "event_count",
    keys: {},
  }, signal);
  const midnight = Math.floor(now / (24 * HOUR_MS)) * 24 * 3600;
  const hours = all?.values ?? [];
  const today = hours.filter((_, i) => time[i] >= midnight);
  return { hours, events: today.reduce<number>((sum, count) => sum + (count ?? 0), 0) };
}

/** The last hour by minute: from the speed layer, whose windows are fine enough. */
async function trafficOf(services: Services, now: number, signal: AbortSignal) {
  if (!movieExample(services).events) return null;
  const to = (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS;
  return await services.serving.series("hourly_stats", {
    from: new Date(to - HOUR_MS).toISOString(),
    to: new Date(to).toISOString(),
    layer: "speed",
    bucket: "minute",
    measure: "event_count",
    keys: {},
  }, signal);
}

/** Distinct users of the newest windows of the speed layer. */
async function activeUsersOf(services: Services, now: number, signal: AbortSignal) {
  if (!movieExample(services).users) return null;
  return await remembered(services, "active users", now, COUNTED_MS, async () => {
    const { speed } = services.plugins.get("user_stats")!.relations;
    const { window_seconds } = services.serving.metrics().find(({ name }) =>
      name === "user_stats"
    )!;
    const from = Math.floor((now - ACTIVE_MS) / 1000 / window_seconds) * window_seconds;
    const statement =
      `SELECT uniqExact(user_id) AS users FROM ${speed} WHERE window_start >= ${from}`;
    const { rows: [row] } = await services.pageSql.query(statement, { limit: 1, signal });
    return Number(row.users);
  });
}

interface Answer {
  readonly atMs: number;
  readonly answer: Promise<unknown>;
}

const answers = new WeakMap<Services, Map<string, Answer>>();

/** An answer that all readers share for a while; a fault is asked again. */
function remembered<T>(
  services: Services,
  name: string,
  now: number,
  keptMs: number,
  ask: () => Promise<T>,
): Promise<T> {
  const known = answers.get(services) ?? new Map<string, Answer>();
  answers.set(services, known);
  const last = known.get(name);
  if (last !== undefined && now - last.atMs < keptMs) return last.answer as Promise<T>;
  const answer = ask();
  known.set(name, { atMs: now, answer });
  answer.catch(() => known.delete(name));
  return answer;
}
