/** What the serving layer is put together from. */
import type { Clock } from "../std/clock.ts";
import type { DamagedError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import type { Cut } from "../model/frontier.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { Problem } from "../model/problems.ts";
import type { FutureEvents, MetricAnswer, SpeedLayer } from "../ports/services.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { PublishedRuns } from "./published_runs.ts";

/** The generation of a metric that answers. */
export interface ServedGeneration {
  readonly tables: PluginTables;
  /** How far its speed rows are. */
  readonly speed: SpeedLayer;
  /** See `AnsweringGeneration.frozen_at`. */
  readonly frozenAt: string | null;
  /** See `AnsweringGeneration.rebuilding`. */
  readonly rebuilding: number | null;
  /** Whether the archive has events of earlier logs that no run of it has read. */
  readonly lacksEarlierLogs: boolean;
}

/** A topic that is served. */
export interface ServedTopic {
  readonly schema: EventSchema;
  /** The log that the speed layer follows. */
  readonly logId: string;
  /** Those that run. The list may change. */
  readonly plugins: readonly PluginTables[];
  readonly speed: SpeedLayer;
  /** Names of plugins that are refused. Default: none. */
  readonly refused?: () => readonly string[];
  /**
   * The generation of a plugin that answers now; null where it is refused and none did.
   * Default: that of {@link plugins}.
   */
  readonly served?: (plugin: string) => ServedGeneration | null;
  /** The future events that lie beyond the watermarks; null for none. Default: none. */
  readonly future?: () => Promise<FutureEvents | null>;
  /**
   * The time of the newest event, without those in the future, in milliseconds since 1970 UTC; -1 for
   * none. Default: there are none.
   */
  readonly watermarkMs?: () => Promise<number>;
  /**
   * The greatest append time of the records below a cut of the log, by partition, in milliseconds
   * since 1970 UTC; null where it is not known. Default: it never is.
   */
  readonly appended?: (cut: readonly bigint[]) => Promise<readonly (number | null)[]>;
  /**
   * The greatest event time below a cut in other logs than {@link logId}, in milliseconds since 1970
   * UTC; -1 for none. Default: the topic never had another log.
   */
  readonly earlierLogs?: (cut: Cut) => Promise<number>;
  /** Moves when this process may have published a run. Default: never. */
  readonly runsEnded?: () => number;
}

/**
 * Adds the columns of catalogs to an answer's rows.
 *
 * @param names the catalogs, with commas between.
 * @throws {UserError} when there is no such catalog, or none for the answer's keys.
 */
export type Expand = (answer: MetricAnswer, names: string) => Promise<MetricAnswer>;

/** Options of {@link createServing}. */
export interface ServingOptions {
  /** The list may change. */
  readonly topics: readonly ServedTopic[];
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** The greatest `limit` of a question. Default 10,000. */
  readonly maxLimit?: number;
  /** The longest that a statement may take, in milliseconds. Default 10,000. */
  readonly queryTimeoutMs?: number;
  /** Adds catalogs' columns to answers. Default: there are none. */
  readonly expand?: Expand;
  /** The problems that a metric's answers carry, by metric and topic. Default: there are none. */
  readonly concerning?: (metric: string, topic: string) => readonly Problem[];
  /** Called when an answer meets damage, which is then no answer. Default: nobody is. */
  readonly onDamage?: (error: DamagedError, metric: string) => void;
  /** The problem that keeps a metric from running; null where none does. Default: there are none. */
  readonly refused?: (metric: string) => Pick<Problem, "code" | "message"> | null;
  /** The published runs. Default: those of the warehouse, looked up for every question. */
  readonly published?: PublishedRuns;
  /**
   * The most statements at once that answer questions; the others wait. Default: one per core, 2 to
   * 4.
   */
  readonly statements?: number;
  /** The longest that `wait_for` waits, in milliseconds. Default 10,000. */
  readonly waitTimeoutMs?: number;
}
