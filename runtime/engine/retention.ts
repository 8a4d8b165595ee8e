import type { Archiver } from "../archive/archiver.ts";
import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { type Cut, decodeCut } from "../model/frontier.ts";
import type { ArchiveReader, EventLog, Membership, Warehouse } from "../ports/ports.ts";
import { type ProblemSink, repeated } from "../model/problems.ts";
import type { LogSpeedLayer } from "../speed/speed_layer.ts";
import { BatchLevel, type PluginTables } from "../sql/tables.ts";

/** What {@link Retention} needs. */
export interface RetentionOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly warehouse: Warehouse;
  readonly log: EventLog;
  readonly tables: readonly PluginTables[];
  readonly speed: LogSpeedLayer;
  readonly archiver: Archiver;
  readonly archive: ArchiveReader;
  readonly membership: Membership;
  readonly topic: string;
  /** Where a removal that fails stands until one works. */
  readonly problems: ProblemSink;
}

const PAUSE_MS = 60_000;
/** No reader holds an older pointer for longer than this. */
const LONGEST_READ_MS = 300_000;

/**
 * Forgets what nobody needs any more: speed rows below the cut before the published one, and records
 * that are archived and lie further back than any restart reads. Age decides only when.
 */
export class Retention {
  readonly #options: RetentionOptions;
  /** By partition, up to where manifests were looked at. */
  readonly #looked = new Map<number, bigint>();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Looks once a minute until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, problems, topic, membership } = this.#options;
    const report = { code: "removal_failing", subject: `speed rows and log of ${topic}` } as const;
    while (!signal.aborted) {
      await clock.sleep(PAUSE_MS, signal);
      if (signal.aborted) return;
      if (!membership.assignment().batch) {
        // The process whose turn it is has the problem, if it still stands.
        problems.clear(report.code, report.subject);
        continue;
      }
      const work = async () => {
        await this.expireSpeedRows();
        // A log that several processes share has a retention of its own.
        if (!membership.shared) await this.trimLog();
      };
      await repeated(
        problems,
        report,
        `remove old speed rows and records of ${topic}`,
        work,
        signal,
      );
    }
  }

  /** Removes speed rows that no reader takes any more and that are older than their retention. */
  async expireSpeedRows(): Promise<void> {
    const { config, clock, speed, tables } = this.#options;
    const cuts = new Map<string, Cut>();
    for (const table of tables) {
      const cut = await this.#cutBeforePublished(table);
      if (cut !== null) cuts.set(table.batch, cut);
    }
    if (cuts.size > 0) await speed.expire(cuts, clock.now() - config.speedRetentionMs);
  }

  /**
   * The cut of the run before the published one, once no reader can hold an older one. What other
   * generations of the plugin published does not count: their speed rows are others.
   */
  async #cutBeforePublished({ batch }: PluginTables): Promise<Cut | null> {
    const { clock, warehouse } = this.#options;
    const [row] = await warehouse.query<{ cut: Record<string, number[]> }>(
      `SELECT run, any(cut) AS cut FROM ${batch} WHERE level = ${BatchLevel.pointer}
       GROUP BY run HAVING max(bucket) < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
       ORDER BY run DESC LIMIT 1 OFFSET 1`,
      { params: { before: clock.now() - LONGEST_READ_MS } },
    );
    return row === undefined ? null : decodeCut(row.cut);
  }

  /** Trims the log below what is archived, needed by no restart, and older than its retention. */
  async trimLog(): Promise<void> {
    const { config, clock, log, speed, archiver, archive } = this.#options;
    const archived = archiver.frontier()[log.id];
    const beforeMs = clock.now() - config.logRetentionMs;
    for (let partition = 0; partition < log.partitionCount(); partition++) {
      const needed = speed.neededFrom(partition);
      // A new generation starts at a multiple of the block size with a whole horizon before it, and
      // what lies below that has to be archived.
      const spare = archived[partition] - BigInt(config.horizon + config.blockSize);
      const limit = needed < spare ? needed : spare;
      let below = this.#looked.get(partition) ?? (await log.bounds(partition)).start;
      const base = frontierAt(log, partition, below);
      const cut = frontierAt(log, partition, limit > below ? limit : below);
      for await (const manifest of archive.manifests(base, cut)) {
        if (manifest.log !== log.id || manifest.partition !== partition) continue;
        if (manifest.end > limit || (manifest.appendMs?.[1] ?? 0) >= beforeMs) break;
        below = manifest.end;
      }
      if (below === (this.#looked.get(partition) ?? 0n)) continue;
      this.#looked.set(partition, below);
      await log.trim(partition, below);
    }
  }
}

function frontierAt(log: EventLog, partition: number, offset: bigint): Cut {
  const offsets = new Array<bigint>(log.partitionCount()).fill(0n);
  offsets[partition] = offset;
  return { [log.id]: offsets };
}
