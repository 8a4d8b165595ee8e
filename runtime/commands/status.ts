import type { ConfigInput } from "../settings/config.ts";
import type { PartitionStatus, PluginStatus, ProcessMemory, Status } from "../ports/services.ts";
import { settingSources } from "../settings/setting_sources.ts";
import { ask, type Invocation } from "./invocation.ts";
import { table } from "./table.ts";
import { driftText, grouped, paint } from "./text.ts";
import type { Terminal, World } from "./world.ts";

/** Shows the status, or what the memory of the process consists of; returns the exit code: 1 when it is not ready. */
export async function statusCommand(invocation: Invocation): Promise<number> {
  if (invocation.flags.memory === true) {
    await ask(invocation, (target) => target.memory(), memoryText);
    return 0;
  }
  const text = (status: Status) => statusText(status, invocation.world.out);
  const { ready } = await ask(invocation, (target) => target.status(), text);
  return ready ? 0 : 1;
}

function memoryText({ resident_bytes, anonymous_bytes, parts }: ProcessMemory): string {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  const rows = parts.map(({ part, thread, bytes }) => [part, thread ?? "–", mebibytes(bytes)]);
  const anonymous = anonymous_bytes === null
    ? ""
    : `, ${mebibytes(anonymous_bytes)} MiB of it anonymous`;
  const head = `${mebibytes(resident_bytes)} MiB resident${anonymous}\n`;
  return head + table(["part", "thread", "MiB"], rows);
}

/** Shows every setting, its value and where that comes from; returns the exit code. */
export function configCommand(
  { json }: { readonly json: boolean },
  given: ConfigInput,
  { out }: World,
): number {
  // As a process would have them that is started with these variables.
  const sources = settingSources({ ...given, command: "start" });
  if (json) out.write(`${JSON.stringify({ settings: sources }, null, 2)}\n`);
  else {
    const rows = sources.map(({ flag, variable, value, source }) => [
      flag ?? "–",
      variable,
      value ?? "none",
      source,
    ]);
    out.write(table(["flag", "variable", "value", "from"], rows));
  }
  return 0;
}

/** A problem and what it affects, in one line. */
export function problemText({ message, since, affects = [] }: Status["problems"][number]): string {
  const affected = affects.map(({ code, subject }) => `${code} (${subject})`).join(", ");
  return `${message} (since ${since}${affected === "" ? "" : `; affects ${affected}`})`;
}

/** The status as tables. */
function statusText(status: Status, terminal: Terminal): string {
  const { version, started, ready, problems } = status;
  const state = ready ? paint(terminal, "green", "ready") : paint(terminal, "red", "not ready");
  const topics = status.topics.map(({ topic, log, partitions }) =>
    `\n${paint(terminal, "bold", topic)}, log ${log}\n${partitionTable(partitions)}`
  );
  const plugins = `\n${paint(terminal, "bold", "Plugins")}\n${pluginTable(status.plugins)}`;
  const troubles = problems.length === 0
    ? ""
    : `\n${paint(terminal, "yellow", "Problems")}\n${
      problems.map((problem) => `  ${problemText(problem)}\n`).join("")
    }`;
  const scrub = `\n${scrubText(status)}\n`;
  const head = `Twofold ${version}, ${state}, since ${started}\n`;
  return `${head}${topics.join("")}${plugins}${scrub}${troubles}`;
}

function scrubText({ scrub }: Status): string {
  if (scrub === null) return "Scrub: off";
  const { started, finished, checked_bytes: checked, total_bytes: total } = scrub;
  const done = Math.min(100, Math.floor(checked / Math.max(1, total) * 100));
  const now = started === null
    ? "waiting for the next pass"
    : `${done} % of the pass since ${started}`;
  return `Scrub: ${now}; last whole pass: ${finished ?? "none yet"}`;
}

function partitionTable(partitions: readonly PartitionStatus[]): string {
  const headings = [
    "partition",
    "log end",
    "speed",
    "lag",
    "archived",
    "cut",
    "events",
    "late",
    "future",
    "repeats",
    "dead letters",
    "watermark",
  ];
  const rows = partitions.map((of) => [
    String(of.partition),
    ...[of.log_end, of.speed_frontier, of.lag_records, of.archived, of.cut].map(grouped),
    ...[of.events, of.late_events, of.future_events, of.repeats, of.dead_letters].map(grouped),
    of.watermark ?? "–",
  ]);
  return table(headings, rows);
}

function pluginTable(plugins: readonly PluginStatus[]): string {
  const rows = plugins.map(({ plugin, state, run, speed_rows, drift, not_compared }) => [
    plugin,
    state,
    run === null ? "–" : grouped(run),
    grouped(speed_rows),
    driftText(drift, not_compared),
  ]);
  return table(["plugin", "state", "run", "speed rows", "drift"], rows);
}
