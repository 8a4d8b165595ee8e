/** What a status says, added up for the page. `static/live.js` adds up the same way. */
import type { Status } from "../runtime/services.ts";

/** The figures of the page's diagram. */
export interface Figures {
  readonly partitions: number;
  /** Records that the logs hold or held. */
  readonly records: bigint;
  readonly events: number;
  readonly lag: number;
  /** Offsets that the speed layer, the archive and the published runs have come to, added up. */
  readonly frontier: bigint;
  readonly archived: bigint;
  readonly cut: bigint;
  readonly late: number;
  readonly repeats: number;
  readonly deadLetters: number;
  /** Greatest event time, ISO 8601. */
  readonly watermark: string | null;
  /** Newest run of any plugin. */
  readonly run: number | null;
  /** Greatest drift of any plugin. */
  readonly drift: number | null;
}

/** Adds up a status. */
export function figuresOf(status: Status): Figures {
  const all = status.topics.flatMap((topic) => topic.partitions);
  const sum = (of: (partition: typeof all[number]) => number) =>
    all.reduce((total, partition) => total + of(partition), 0);
  const offsets = (of: (partition: typeof all[number]) => string) =>
    all.reduce((total, partition) => total + BigInt(of(partition)), 0n);
  const most = <T extends string | number>(values: readonly (T | null)[]) =>
    values.reduce<T | null>((a, b) => a === null || (b !== null && b > a) ? b : a, null);
  return {
    partitions: all.length,
    records: offsets((p) => p.log_end),
    events: sum((p) => p.events),
    lag: sum((p) => p.lag_records),
    frontier: offsets((p) => p.speed_frontier),
    archived: offsets((p) => p.archived),
    cut: offsets((p) => p.cut),
    late: sum((p) => p.late_events),
    repeats: sum((p) => p.repeats),
    deadLetters: sum((p) => p.dead_letters),
    watermark: most(all.map((p) => p.watermark)),
    run: most(status.plugins.map((plugin) => plugin.run)),
    drift: most(status.plugins.map((plugin) => plugin.drift)),
  };
}

/** What keeps things from being whole, each in a sentence. */
export function problemsOf(status: Status): string[] {
  const partitions = status.topics.flatMap(({ topic, partitions }) =>
    partitions.filter((p) => p.error !== null).map((p) =>
      `${topic}, partition ${p.partition}: ${p.error}`
    )
  );
  const plugins = status.plugins.filter((plugin) => plugin.error !== null).map((plugin) =>
    `${plugin.plugin}: ${plugin.error}`
  );
  return [...new Set([...status.problems, ...partitions, ...plugins])];
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fraction = new Intl.NumberFormat("en", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});

/** A figure as text: thousands apart, a dash for nothing. */
export function figure(value: number | bigint | null): string {
  return value === null ? "–" : whole.format(value);
}

/** A cell of an answer as text, by its column's type. */
export function cellText(value: unknown, type: string): string {
  if (value === null || value === undefined) return "–";
  if (type === "integer") return whole.format(Number(value));
  if (type === "number" || type === "decimal") return fraction.format(Number(value));
  return String(value);
}

/** An ISO 8601 instant as short text in UTC; a dash for none. */
export function instantText(iso: string | null): string {
  return iso === null ? "–" : iso.slice(0, 19).replace("T", " ");
}

/** A column's name as a label. */
export function label(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
