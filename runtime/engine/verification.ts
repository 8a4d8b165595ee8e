/** Looks whether everything that is stored is what was written: on demand, and slowly all the time. */
import { type ArchiveScan, isReplaced, scanArchive } from "../archive/archive_scan.ts";
import { ARCHIVE_ADVICE, type FileChecks, type HashOptions } from "../archive/file_checks.ts";
import { claimBeyond, readRunObjects, type RunObjects } from "../batch/check_runs.ts";
import { loadNewest, storedCatalogs } from "../catalogs/catalog_store.ts";
import type { Clock } from "../std/clock.ts";
import { DamagedError, messageOf, NotFoundError, UserError } from "../std/errors.ts";
import { loopTurn } from "../std/loop_turn.ts";
import type { EventLog, ObjectStore, Warehouse } from "../ports/ports.ts";
import type { ProblemCode } from "../model/problem_code.ts";
import type { ProblemReport, Problems } from "../model/problems.ts";
import type {
  AcceptedDamage,
  Finding,
  ScrubStatus,
  Verification,
  VerifyReport,
} from "../ports/services.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { CheckedLedger } from "./ledger_check.ts";
import { checkRows } from "./rows_check.ts";
import type { CheckedPlugin, SpeedEnd } from "./speed_check.ts";
import {
  checkTable,
  detachedParts,
  type StoredTable,
  storedTables,
  unlessUnreadable,
} from "./warehouse_check.ts";

/** A topic as it is verified. */
export interface VerifiedTopic {
  readonly topic: string;
  /** The root of the archive that is complete. Default: the topic, the root of its first decoding. */
  readonly root?: () => string;
  readonly log: EventLog;
  readonly checks: FileChecks;
  /** The generations that answer, and those that are being built. */
  readonly plugins: () => readonly CheckedPlugin[];
  readonly ledger: () => Omit<CheckedLedger, "topic" | "logId">;
  /** Whether other processes write and remove speed rows, too. */
  readonly shared: boolean;
}

/** What {@link createVerification} needs. */
export interface VerificationOptions {
  readonly topics: readonly VerifiedTopic[];
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  readonly problems: Problems;
  /** Whether the logs are files of this machine; others check their records themselves. */
  readonly ownLogs: boolean;
  /** Bytes that the scrub reads a second; 0 when there is none. */
  readonly scrubBytesPerSecond: number;
  /** Whether this process scrubs now: one at a time is enough. */
  readonly isOurTurn: () => boolean;
}

/** A scrub, and what the services offer of it. */
export interface Scrubber extends Verification {
  /** Looks at everything again and again until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** From the begin of one scrub to the next, at least. */
const PASS_MS = 3_600_000;
const LOOK_AGAIN_MS = 60_000;

/** How what is damaged is mended, by its code. */
const ADVICE: Readonly<Record<Finding["code"], string>> = {
  archive_damaged: ARCHIVE_ADVICE,
  log_damaged: "Stop Twofold and restore the log's file from a copy; what was archived is safe",
  warehouse_damaged: "Stop Twofold, move the warehouse away (the folder `warehouse`, or the " +
    "database's tables) and start: all of it is computed again from the archive and the log",
};

/** Creates the verification of a process's data. */
export function createVerification(options: VerificationOptions): Scrubber {
  return new DataVerification(options);
}

/** Lets what is not urgent wait after `count` bytes. */
type Pace = (count: number) => Promise<void>;

class DataVerification implements Scrubber {
  readonly #options: VerificationOptions;
  #scrub: ScrubStatus = { started: null, finished: null, checked_bytes: 0, total_bytes: 0 };

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  scrub(): ScrubStatus | null {
    return this.#options.scrubBytesPerSecond === 0 ? null : this.#scrub;
  }

  async verify(
    { fast = false, signal }: { fast?: boolean; signal?: AbortSignal } = {},
  ): Promise<VerifyReport> {
    return await this.#pass(fast, () => loopTurn(), signal);
  }

  async accept(
    { object, reason, by }: { object: string; reason: string; by: string },
  ): Promise<AcceptedDamage> {
    const { topics, store, clock } = this.#options;
    const of = topics.find(({ topic }) => object.startsWith(`${topic}/`));
    const file = of && (await scanArchive({ ...of, root: of.root?.(), store })).files
      .find(({ name }) => name === object);
    if (of === undefined || file === undefined) {
      throw new NotFoundError(
        `Cannot accept damage: no manifest lists a file "${object}"; only files of events and of ` +
          "dead letters can be given up",
      );
    }
    if (await of.checks.hash(file) === null) {
      throw new UserError(`Cannot accept damage: "${object}" is what was written`, {
        field: "object",
      });
    }
    const at = new Date(clock.now()).toISOString();
    const accepted = { object, rows: file.rows, reason, by, at };
    await of.checks.accept(accepted);
    return accepted;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, isOurTurn, scrubBytesPerSecond: rate, problems } = this.#options;
    const pace: Pace = async (count) => {
      this.#scrub = { ...this.#scrub, checked_bytes: this.#scrub.checked_bytes + count };
      await clock.sleep(count / rate * 1000, signal);
      signal.throwIfAborted();
    };
    while (rate > 0 && !signal.aborted) {
      const startedMs = clock.now();
      let whole = false;
      if (isOurTurn()) {
        const started = new Date(startedMs).toISOString();
        this.#scrub = { ...this.#scrub, started, checked_bytes: 0, total_bytes: 0 };
        try {
          await this.#pass(false, pace, signal);
          const finished = new Date(clock.now()).toISOString();
          this.#scrub = { ...this.#scrub, started: null, finished };
          whole = true;
          problems.clear("scrub_failing", "scrub");
        } catch (error) {
          if (signal.aborted) return;
          this.#scrub = { ...this.#scrub, started: null };
          const message = `Stored data cannot be verified, it is tried again: ${messageOf(error)}`;
          problems.set({ code: "scrub_failing", subject: "scrub", message, error });
        }
      }
      // What failed, and whose turn it is, is looked at again in a minute.
      const untilMs = whole ? startedMs + PASS_MS : clock.now() + LOOK_AGAIN_MS;
      await clock.sleep(Math.max(1000, untilMs - clock.now()), signal);
    }
  }

  async #pass(fast: boolean, pace: Pace, signal?: AbortSignal): Promise<VerifyReport> {
    const { warehouse, store, ownLogs } = this.#options;
    // Topics may be opened meanwhile: the next pass has them.
    const topics = [...this.#options.topics];
    const findings: Finding[] = [];
    const scans: ArchiveScan[] = [];
    for (const { topic, root, log, checks, plugins, ledger, shared } of topics) {
      // Claims first: meanwhile the archive may only reach further.
      const runs = await readRunObjects(store, topic);
      const scan = await scanArchive({ topic, root: root?.(), store, checks, signal });
      scans.push(scan);
      const structure = [...scan.faults, ...runs.faults, ...claimBeyond(runs, scan.cut)];
      findings.push(...this.#found("archive_damaged", `archive of ${topic}`, structure));
      const of = { topic, log, plugins: plugins(), ledger: ledger(), shared };
      const rows = await checkRows(warehouse, of, runs.decisions, fast);
      findings.push(...this.#found("warehouse_damaged", `rows of ${topic}`, rows.faults));
      for (const object of rows.whole) this.#options.problems.clear("warehouse_damaged", object);
      const ends = [
        ...await shortLog(log, scan.cut[log.id] ?? [], rows.ends),
        ...ownLogs ? replacedLog(log, runs) : [],
      ];
      findings.push(...this.#found("log_damaged", `end of ${topic}`, ends));
    }
    const catalogs = await catalogFaults(store);
    findings.push(...this.#found("archive_damaged", "catalogs", catalogs));
    const detached = await detachedParts(warehouse);
    findings.push(...this.#found("warehouse_damaged", "detached parts", detached));
    const stored = await storedTables(warehouse);
    const files = scans.flatMap((scan) => scan.files);
    const sum = (of: readonly { sizeBytes: number }[]) =>
      of.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    const report = {
      manifests: scans.reduce((total, { manifests }) => total + manifests, 0),
      files: files.length,
      bytes: sum(files),
      tables: stored.length,
    };
    this.#scrub = { ...this.#scrub, total_bytes: report.bytes + sum(stored) };
    if (!fast) {
      for (const [i, { checks }] of topics.entries()) {
        const { topic, root = () => topic } = topics[i];
        const replaced = (name: string) => isReplaced(store, root(), name);
        findings.push(
          ...await hashFaults(checks, scans[i], { onBytes: pace, isReplaced: replaced }, signal),
        );
      }
      findings.push(...await this.#checkTables(stored, pace, signal));
      if (ownLogs) findings.push(...await this.#checkLogs(pace, signal));
    }
    return {
      ok: findings.length === 0,
      fast,
      ...report,
      findings: unique(findings),
      accepted: topics.flatMap(({ checks }) => checks.accepted.all()),
    };
  }

  async #checkTables(
    stored: readonly StoredTable[],
    pace: Pace,
    signal?: AbortSignal,
  ): Promise<Finding[]> {
    const { warehouse } = this.#options;
    const faults: DamagedError[] = [];
    for (const table of stored) {
      signal?.throwIfAborted();
      const check = () => checkTable(warehouse, table, { signal });
      faults.push(...await unlessUnreadable(`table ${table.name}`, check));
      await pace(table.sizeBytes);
    }
    return this.#found("warehouse_damaged", "tables", faults);
  }

  /** Reads every chunk of the logs, which verifies their checksums. */
  async #checkLogs(pace: Pace, signal?: AbortSignal): Promise<Finding[]> {
    const faults: DamagedError[] = [];
    for (const { log } of this.#options.topics) {
      for (let partition = 0; partition < log.partitionCount(); partition++) {
        const { start, end } = await log.bounds(partition);
        const check = async () => {
          for (let at = start; at < end;) {
            signal?.throwIfAborted();
            const held = (await log.bounds(partition)).start;
            const chunk = await log.read(partition, at > held ? at : held);
            if (chunk.to <= at) break;
            at = chunk.to;
            await pace(chunk.valueEnd[chunk.count - 1] ?? 0);
          }
          return [];
        };
        faults.push(...await unlessUnreadable(`log/${log.topic}.sqlite`, check));
      }
    }
    return this.#found("log_damaged", "logs", faults);
  }

  /** Makes faults problems, in place of those that the same source found before. */
  #found(code: Finding["code"], source: string, faults: readonly DamagedError[]): Finding[] {
    const findings = faults.map(({ object, damage }): Finding => ({
      code,
      object,
      damage,
      advice: ADVICE[code],
    }));
    this.#options.problems.observe(
      `verify: ${source}`,
      findings.map((found) => this.#problem(found)),
    );
    return findings;
  }

  #problem({ code, object, damage, advice }: Finding): ProblemReport {
    const of = this.#options.topics.find(({ topic, log, ledger, plugins }) =>
      object.startsWith(`${topic}/`) || object === `log/${log.topic}.sqlite` ||
      object === `table dead_letters, topic ${topic}` || isTable(object, ledger().table) ||
      plugins().some(({ tables }) => isOf(object, tables, log))
    );
    const plugin = of?.plugins().find(({ tables }) => isOf(object, tables, of.log))?.tables.plugin
      .name;
    return {
      code: code satisfies ProblemCode,
      subject: object,
      message: `"${object}" is damaged: ${damage}. ${advice}`,
      // Rows may be missing from what is answered; what was computed from the archive is not.
      blocking: code === "warehouse_damaged" && plugin !== undefined,
      ...(plugin !== undefined ? { plugin } : of !== undefined ? { topic: of.topic } : {}),
    };
  }
}

const isTable = (object: string, name: string) =>
  new RegExp(`^table ${name}(_local)?(,|$)`).test(object);

const isOf = (object: string, { batch, speed }: PluginTables, { id }: EventLog) =>
  isTable(object, batch) || isTable(object, speed(id));

/** A log that ends below what was archived or counted was cut, or replaced by an old copy. */
async function shortLog(
  log: EventLog,
  archived: readonly bigint[],
  speed: readonly SpeedEnd[],
): Promise<DamagedError[]> {
  const faults: DamagedError[] = [];
  const known = [
    ...archived.map((end, partition) => ({ table: "the archive", partition, end })),
    ...speed,
  ];
  for (const { table, partition, end } of known) {
    // A changed offset of the tables may name a partition that does not exist.
    const found = partition < log.partitionCount() ? (await log.bounds(partition)).end : 0n;
    if (found >= end) continue;
    faults.push(
      new DamagedError(
        `log/${log.topic}.sqlite`,
        `partition ${partition} ends at ${found}, below ${end}, up to where ${table} has read it`,
      ),
    );
  }
  return faults;
}

/** A log whose file is gone is made anew, empty and with another identity. */
function replacedLog({ id, topic }: EventLog, { cut }: RunObjects): DamagedError[] {
  const others = Object.keys(cut);
  if (others.length === 0 || others.includes(id)) return [];
  const damage = `it is log "${id}", and the newest batch run was cut at log ` +
    `${
      others.join(", ")
    }: the file was replaced, and events that were not archived are gone. Where ` +
    "that was meant, as after restoring the archive alone, nothing is to be done: the first batch " +
    "run over events of the new log clears this";
  return [new DamagedError(`log/${topic}.sqlite`, damage)];
}

/** Versions of catalogs that are not what was put. */
async function catalogFaults(store: ObjectStore): Promise<DamagedError[]> {
  const faults: DamagedError[] = [];
  for (const catalog of await storedCatalogs(store)) {
    await loadNewest(store, catalog).catch((error) => {
      if (!(error instanceof DamagedError)) throw error;
      faults.push(error);
    });
  }
  return faults;
}

async function hashFaults(
  checks: FileChecks,
  { files, faults }: ArchiveScan,
  options: HashOptions,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const found: Finding[] = [];
  const known = new Set(faults.map(({ object }) => object));
  for (const file of files) {
    if (known.has(file.name)) continue;
    signal?.throwIfAborted();
    const fault = await checks.hash(file, options);
    if (fault === null) continue;
    const { object, damage } = fault;
    found.push({ code: "archive_damaged", object, damage, advice: ADVICE.archive_damaged });
  }
  return found;
}

/** One finding per object and damage. */
function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((found) => [`${found.object} ${found.damage}`, found])).values()];
}
