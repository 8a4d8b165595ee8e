import type { EventSchema } from "../events.ts";
import type { ArchivedRecords, Decoder, EventLog, Membership, Warehouse } from "../ports/ports.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { Clock } from "../std/clock.ts";
import type { LedgerFacts } from "./ledger.ts";
import type { OpenPicker } from "./picker.ts";

/** What `openSpeedLayer()` takes. */
export interface SpeedLayerOptions {
  readonly schema: EventSchema;
  readonly log: EventLog;
  /** What the log no longer holds. Default: nothing. */
  readonly archived?: ArchivedRecords;
  /** The list changes where `LogSpeedLayer.replace()` says so, and only there. */
  readonly plugins: readonly PluginTables[];
  readonly warehouse: Warehouse;
  readonly createDecoder: (schema: EventSchema) => Decoder;
  readonly clock: Clock;
  readonly blockSize: number;
  /** Offsets in which repeats are known; a power of two. */
  readonly horizon: number;
  /** The longest that a change waits for its flush while somebody reads, in milliseconds. */
  readonly flushIntervalMs: number;
  /**
   * The same while nobody reads. Default: {@link flushIntervalMs}, which is right where other
   * processes read the tables, too.
   */
  readonly idleFlushIntervalMs?: number;
  /** Lets plugins' own functions look at events. Default: on the caller's thread. */
  readonly openPicker?: OpenPicker;
  /** Bytes of closed blocks that are kept in memory for readers. Default: none. */
  readonly recentBytes?: number;
  /** The ledger's generation; it says which events are late and which lie in the future. */
  readonly ledger: LedgerFacts;
  /** Which partitions fall to this process. Default: all. */
  readonly membership?: Membership;
  /**
   * Whether partitions are taken when the layer is opened, and not only when it runs: what they start
   * from is there. Default true.
   */
  readonly takesAtOnce?: boolean;
  /** Told of every fault that the layer survives, once per occurrence. */
  readonly onProblem: (message: string, error: unknown) => void;
}
