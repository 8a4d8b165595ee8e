/** What the first page shows, as of now. */
import type { OverviewData, TopRows } from "../../islands/Overview.tsx";
import type { MetricInfo, Services } from "../../runtime/ports/services.ts";
import { outcomeOf } from "./define.ts";
import { listedRuns } from "./listed_runs.ts";
import { movieExample, namesOf } from "./movie_example.ts";

const HOUR_MS = 3_600_000;
const ACTIVE_MS = 300_000;
/** So long a count of users is told again. */
const COUNTED_MS = 5000;

/** Asks for everything; what cannot be answered is left out or says why. */
export async function overviewOf(services: Services, signal: AbortSignal): Promise<OverviewData> {
  const now = Date.now();
  const [status, run, today, activeUsers, tops] = await Promise.all([
    services.status().catch(() => null),
    listedRuns(services.batch.values(), 1).then(([run]) => run ?? null, () => null),
    todayOf(services, now, signal).catch(() => null),
    activeUsersOf(services, now, signal).catch(() => null),
    Promise.all(services.serving.metrics().map((info) => topOf(services, info, signal))),
  ]);
  return { at: new Date(now).toISOString(), status, run, today, activeUsers, tops };
}

async function topOf(services: Services, info: MetricInfo, signal: AbortSignal): Promise<TopRows> {
  const asked = services.serving.query(info.name, { limit: "10", keys: {} }, signal);
  const { answer, fault } = await outcomeOf(asked, signal);
  const names = answer === null ? {} : await namesOf(services, [answer], signal).catch(() => ({}));
  return { info, answer, fault, names };
}

async function todayOf(services: Services, now: number, signal: AbortSignal) {
  if (!movieExample(services).events) return null;
  const from = Math.floor(now / HOUR_MS - 23) * HOUR_MS;
  const { time, series: [all] } = await services.serving.series("hourly_stats", {
    ...{ from: new Date(from).toISOString(), to: new Date(from + 24 * HOUR_MS).toISOString() },
    ...{ bucket: "hour", measure: "event_count", keys: {} },
  }, signal);
  const midnight = Math.floor(now / (24 * HOUR_MS)) * 24 * 3600;
  const hours = all?.values ?? [];
  const today = hours.filter((_, i) => time[i] >= midnight);
  return { hours, events: today.reduce<number>((sum, count) => sum + (count ?? 0), 0) };
}

const counts = new WeakMap<Services, { atMs: number; count: Promise<number> }>();

/** Distinct users of the newest windows of the speed layer. */
async function activeUsersOf(services: Services, now: number, signal: AbortSignal) {
  if (!movieExample(services).users) return null;
  const known = counts.get(services);
  if (known !== undefined && now - known.atMs < COUNTED_MS) return await known.count;
  const { speed } = services.plugins.get("user_stats")!.relations;
  const { window_seconds } = services.serving.metrics().find(({ name }) => name === "user_stats")!;
  const from = Math.floor((now - ACTIVE_MS) / 1000 / window_seconds) * window_seconds;
  const statement =
    `SELECT uniqExact(user_id) AS users FROM ${speed} WHERE window_start >= ${from}`;
  const count = services.pageSql.query(statement, { limit: 1, signal })
    .then(({ rows: [row] }) => Number(row.users));
  counts.set(services, { atMs: now, count });
  // A fault is not told again.
  count.catch(() => counts.delete(services));
  return await count;
}
