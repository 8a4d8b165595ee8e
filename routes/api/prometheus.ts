/** The status as Prometheus metrics, in the text format. */
import type { BatchRun, Services } from "../../runtime/ports/services.ts";

/** What Prometheus asks for. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string | number>>;

/** Metrics on their way into text, each with its samples. */
class Exposition {
  readonly #lines: string[] = [];

  add(
    name: string,
    type: "counter" | "gauge",
    help: string,
    samples: readonly (readonly [Labels, number | null])[],
  ): void {
    const known = samples.filter(([, value]) => value !== null);
    if (known.length === 0) return;
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of known) this.#lines.push(`${name}${labelText(labels)} ${value}`);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${
      String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
    }"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** `GET /metrics` */
export async function prometheusMetrics(services: Services): Promise<Response> {
  const [status, runs, memory] = await Promise.all([
    services.status(),
    services.newestRuns(),
    services.memory(),
  ]);
  const exposition = new Exposition();
  const add = exposition.add.bind(exposition);
  add("twofold_info", "gauge", "Version of the process.", [[{ version: status.version }, 1]]);
  add("twofold_ready", "gauge", "Whether every partition is read.", [[{}, status.ready ? 1 : 0]]);
  add("twofold_problems", "gauge", "What keeps it from being whole.", [
    [{}, status.problems.length],
  ]);
  addProblems(add, status.problems);
  addParts(add, status.unreached);
  const started = Date.parse(status.started) / 1000;
  add("process_start_time_seconds", "gauge", "Start of the process since 1970.", [[{}, started]]);
  add("process_resident_memory_bytes", "gauge", "Resident memory.", [
    [{}, Deno.memoryUsage().rss],
  ]);
  add(
    "twofold_memory_bytes",
    "gauge",
    "What the resident memory consists of.",
    memory.parts.map(({ part, thread, bytes }) => [{ part, thread: thread ?? "" }, bytes] as const),
  );
  addPartitions(add, status.topics);
  addPlugins(add, status.plugins);
  addRuns(add, runs);
  addSql(add, status.sql);
  addScrub(add, status.scrub);
  return new Response(String(exposition), { headers: { "content-type": PROMETHEUS_TYPE } });
}

type Add = Exposition["add"];
type Status = Awaited<ReturnType<Services["status"]>>;

/** One series per code: of several problems of a kind the oldest counts. */
function addProblems(add: Add, problems: Status["problems"]): void {
  const byCode = Map.groupBy(problems, ({ code }) => code);
  const samples = [...byCode].map(([code, all]) => {
    const oldestMs = Math.min(...all.map(({ since }) => Date.parse(since)));
    return [{ code }, oldestMs / 1000] as const;
  });
  add(
    "twofold_problem_since_seconds",
    "gauge",
    "Since when a problem of this kind stands, since 1970.",
    samples,
  );
}

function addParts(add: Add, unreached: Status["unreached"]): void {
  const sinceOf = (part: string) => {
    const found = unreached.find((each) => each.part === part);
    return found === undefined ? null : Date.parse(found.since) / 1000;
  };
  const samples = (of: (sinceSeconds: number | null) => number | null) =>
    ["log", "archive", "warehouse"].map((part) => [{ part }, of(sinceOf(part))] as const);
  add(
    "twofold_part_reached",
    "gauge",
    "Whether log, archive and warehouse answer.",
    samples((since) => since === null ? 1 : 0),
  );
  add(
    "twofold_part_unreached_since_seconds",
    "gauge",
    "Since when the part does not answer, since 1970.",
    samples((since) => since),
  );
}

/** Nothing where there is no scrub. */
function addScrub(add: Add, scrub: Status["scrub"]): void {
  if (scrub === null) return;
  add("twofold_scrub_checked_bytes", "gauge", "What this pass of the scrub has verified.", [
    [{}, scrub.checked_bytes],
  ]);
  add("twofold_scrub_total_bytes", "gauge", "What a pass of the scrub verifies.", [
    [{}, scrub.total_bytes],
  ]);
  if (scrub.finished === null) return;
  add("twofold_scrub_finished_timestamp_seconds", "gauge", "End of the last whole scrub.", [
    [{}, Date.parse(scrub.finished) / 1000],
  ]);
}

function addPartitions(add: Add, topics: Status["topics"]): void {
  const samples = (of: (partition: Status["topics"][number]["partitions"][number]) => number) =>
    topics.flatMap(({ topic, partitions }) =>
      partitions.map((p) => [{ topic, partition: p.partition }, of(p)] as const)
    );
  const offset = (name: string, help: string, of: Parameters<typeof samples>[0]) =>
    add(`twofold_${name}_offset`, "gauge", help, samples(of));
  offset("log_start", "First offset that the log holds.", (p) => Number(p.log_start));
  offset("log_end", "End of the log.", (p) => Number(p.log_end));
  offset("speed_frontier", "How far the speed layer has read.", (p) => Number(p.speed_frontier));
  offset("archived", "How far the log is archived.", (p) => Number(p.archived));
  offset("cut", "What the published batch runs cover.", (p) => Number(p.cut));
  add(
    "twofold_log_lag_records",
    "gauge",
    "Records behind the end of the log.",
    samples((p) => p.lag_records),
  );
  add(
    "twofold_partition_failed",
    "gauge",
    "Whether the partition stopped.",
    samples((p) => p.error === null ? 0 : 1),
  );
  const counter = (name: string, help: string, of: Parameters<typeof samples>[0]) =>
    add(`twofold_speed_${name}_total`, "counter", help, samples(of));
  counter("events", "Events read.", (p) => p.events);
  counter("late_events", "Late events, which are counted all the same.", (p) => p.late_events);
  counter(
    "future_events",
    "Events further ahead of their append time than --future-after, which are counted all the same.",
    (p) => p.future_events,
  );
  counter("repeats", "Repeats, which are not counted.", (p) => p.repeats);
  counter("dead_letters", "Records that could not be decoded.", (p) => p.dead_letters);
  add(
    "twofold_watermark_timestamp_seconds",
    "gauge",
    "Greatest event time that does not lie in the future, since 1970.",
    topics.flatMap(({ topic, partitions }) =>
      partitions.map((p) =>
        [
          { topic, partition: p.partition },
          p.watermark === null ? null : Date.parse(p.watermark) / 1000,
        ] as const
      )
    ),
  );
}

function addPlugins(add: Add, plugins: Status["plugins"]): void {
  const samples = (of: (plugin: Status["plugins"][number]) => number | null) =>
    plugins.map((p) => [{ topic: p.topic, plugin: p.plugin }, of(p)] as const);
  add(
    "twofold_plugin_failed",
    "gauge",
    "Whether the plugin throws, or does not run because it was refused.",
    samples((p) => p.state === "failed" || p.state === "refused" ? 1 : 0),
  );
  const seconds = (iso: string | null) => iso === null ? null : Date.parse(iso) / 1000;
  add(
    "twofold_batch_failing_since_seconds",
    "gauge",
    "Since when batch runs fail for the plugin, since 1970; absent while they work.",
    samples((p) => seconds(p.batch.failing_since)),
  );
  add(
    "twofold_batch_published_timestamp_seconds",
    "gauge",
    "When the newest run of the plugin was published, since 1970.",
    samples((p) => seconds(p.batch.published)),
  );
  add(
    "twofold_plugin_drift",
    "gauge",
    "By how much speed and batch layer differ on all days whose drift stands.",
    samples((p) => p.drift),
  );
  addDrift(add, plugins);
  add("twofold_plugin_run", "gauge", "Number of the newest published run.", samples((p) => p.run));
  add(
    "twofold_plugin_speed_rows_total",
    "counter",
    "Rows that the speed layer wrote.",
    samples(
      (p) => p.speed_rows,
    ),
  );
}

function addSql(add: Add, { stuck_total, ...states }: Status["sql"]): void {
  add(
    "twofold_sql_statements",
    "gauge",
    "Statements of the SQL console; a stuck one runs on after its time is up.",
    Object.entries(states).map(([state, count]) => [{ state }, count] as const),
  );
  add(
    "twofold_sql_stuck_statements_total",
    "counter",
    "Statements of the SQL console that ran on after their time was up.",
    [[{}, stuck_total]],
  );
}

function addDrift(add: Add, plugins: Status["plugins"]): void {
  add(
    "twofold_drift_dates",
    "gauge",
    "Event days by state: drifting, accepted, waiting for their comparison.",
    plugins.flatMap(({ topic, plugin, drifting_days, accepted_days, waiting_days }) => [
      [{ topic, plugin, state: "drifting" }, drifting_days] as const,
      [{ topic, plugin, state: "accepted" }, accepted_days] as const,
      [{ topic, plugin, state: "waiting" }, waiting_days] as const,
    ]),
  );
  add(
    "twofold_drift_not_compared_since_seconds",
    "gauge",
    "Since when the newest published run could not be compared, since 1970; absent if it was.",
    plugins.flatMap(({ topic, plugin, not_compared }) =>
      not_compared === null || not_compared.since === null ? [] : [
        [
          { topic, plugin, reason: not_compared.reason },
          Date.parse(not_compared.since) / 1000,
        ] as const,
      ]
    ),
  );
}

function addRuns(add: Add, runs: readonly BatchRun[]): void {
  const finished = runs.map((run) =>
    [{ topic: run.topic }, Date.parse(run.finished!) / 1000] as const
  );
  add(
    "twofold_batch_run_timestamp_seconds",
    "gauge",
    "End of the newest run since 1970.",
    finished,
  );
  const samples = (of: (plugin: BatchRun["plugins"][number]) => number) =>
    runs.flatMap((run) =>
      run.plugins.map((p) => [{ topic: run.topic, plugin: p.plugin }, of(p)] as const)
    );
  add(
    "twofold_batch_run_seconds",
    "gauge",
    "Duration of the newest run.",
    samples((p) => p.seconds),
  );
  add("twofold_batch_run_rows", "gauge", "Rows that the newest run wrote.", samples((p) => p.rows));
  add(
    "twofold_batch_run_failed",
    "gauge",
    "Whether the newest run failed.",
    samples((p) => p.status === "failed" ? 1 : 0),
  );
  add(
    "twofold_batch_run_cancelled",
    "gauge",
    "Whether the newest run was cancelled.",
    samples((p) => p.status === "cancelled" ? 1 : 0),
  );
}
