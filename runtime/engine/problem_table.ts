import type { Clock } from "../std/clock.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { ProblemCode } from "../model/problem_code.ts";
import type { Consequence, Problem, Problems } from "../model/problems.ts";

/** A process with problems says so often that it still runs. */
const REPORT_MS = 60_000;
/** How often the problems of other processes are read. */
const READ_MS = 5000;
/** The problems of a process that has been silent for longer are removed. */
const FORGOTTEN_MS = 86_400_000;

/** Options of {@link ProblemTable}. */
export interface ProblemTableOptions {
  readonly warehouse: Pick<Warehouse, "query" | "command">;
  readonly clock: Clock;
  readonly problems: Problems;
  /** Names this process in the table; the same after a restart. */
  readonly process: string;
  /** Whether no other process can write the table: then it is not read again. */
  readonly alone: boolean;
  /** Called with one line when the problems of a process that is gone are removed. */
  readonly onRemoved: (message: string) => void;
}

/**
 * The table behind the relation `twofold_problems`. Each process writes one row, which holds all of
 * its problems, when they change; while it has any it writes the row once a minute, which shows that
 * it still runs. It reads the rows of others, so that its answers carry their problems too.
 *
 * Nothing is removed because time has passed, with one exception: a process that has not reported
 * for a day is taken for gone, and its row is emptied with a line in the log.
 */
export class ProblemTable {
  readonly #options: ProblemTableOptions;
  /** What the table holds of this process: {@link Problems.changes} and when it was written. */
  #written = { changes: 0, atMs: 0, count: 0 };
  /** Of the row of this process: it grows although the clock may go back. */
  #version = 0;
  #readMs = 0;

  constructor(options: ProblemTableOptions) {
    this.#options = options;
  }

  /**
   * What this process reported before it was started again. Called once, first.
   *
   * @returns the problems that it had, the oldest first.
   */
  async earlier(): Promise<readonly Problem[]> {
    const rows = await this.#rows();
    const own = rows.find(({ process }) => process === this.#options.process);
    if (own === undefined) return [];
    this.#written = { changes: -1, atMs: 0, count: own.problems.length };
    this.#version = own.version;
    return own.problems;
  }

  /** Writes what has changed, and reads what others wrote, where either is due. */
  async sync(): Promise<void> {
    const { clock, problems, alone } = this.#options;
    const { changes, atMs, count } = this.#written;
    const changed = problems.changes !== changes && (problems.standing().length > 0 || count > 0);
    const due = count > 0 && clock.now() - atMs >= REPORT_MS;
    if (changed || due) await this.#write();
    if (alone || clock.now() - this.#readMs < READ_MS) return;
    this.#readMs = clock.now();
    await this.#readOthers();
  }

  async #readOthers(): Promise<void> {
    const { problems, process, onRemoved } = this.#options;
    const others = (await this.#rows()).filter((row) =>
      row.process !== process && row.problems.length > 0
    );
    const here = [];
    for (const other of others) {
      if (other.silentMs < FORGOTTEN_MS) {
        here.push(...other.problems);
        continue;
      }
      await this.#put(other.process, [], other.version + 1);
      const codes = [...new Set(other.problems.map(({ code }) => code))].join(", ");
      onRemoved(
        `Process ${other.process} has not reported since ${other.seen}: its problems are ` +
          `removed (${codes})`,
      );
    }
    problems.seeOthers(here);
  }

  async #write(): Promise<void> {
    const { problems, process, clock } = this.#options;
    const { changes } = problems;
    const standing = problems.standing();
    this.#version = Math.max(clock.now(), this.#version + 1);
    await this.#put(process, standing, this.#version);
    this.#written = { changes, atMs: clock.now(), count: standing.length };
  }

  async #put(
    process: string,
    problems: readonly Problem[],
    version: number,
  ): Promise<void> {
    const texts = (of: (problem: Problem) => string) => problems.map(of);
    await this.#options.warehouse.command(
      `INSERT INTO state_problems (process, seen, problems.since, problems.code, problems.subject,
  problems.message, problems.blocking, problems.plugin, problems.topic, problems.affects, version)
SELECT {process:String}, now64(3, 'UTC'),
  arrayMap(ms -> fromUnixTimestamp64Milli(ms, 'UTC'), {since:Array(Int64)}), {code:Array(String)},
  {subject:Array(String)}, {message:Array(String)}, {blocking:Array(Bool)}, {plugin:Array(String)},
  {topic:Array(String)}, {affects:Array(String)}, {version:UInt64}`,
      {
        params: {
          process,
          version,
          since: problems.map(({ since }) => Date.parse(since)),
          code: texts(({ code }) => code),
          subject: texts(({ subject }) => subject),
          message: texts(({ message }) => message),
          blocking: problems.map(({ blocking }) => blocking),
          plugin: texts(({ plugin }) => plugin ?? ""),
          topic: texts(({ topic }) => topic ?? ""),
          affects: texts(({ affects = [] }) => JSON.stringify(affects)),
        },
        settings: { async_insert: 0, insert_deduplicate: 0 },
      },
    );
  }

  async #rows(): Promise<ProcessRow[]> {
    const rows = await this.#options.warehouse.query<TableRow>(
      `SELECT process, version, seen, dateDiff('second', seen, now64(3, 'UTC')) AS silent_seconds, problems.since AS since,
  problems.code AS code, problems.subject AS subject, problems.message AS message,
  problems.blocking AS blocking, problems.plugin AS plugin, problems.topic AS topic,
  problems.affects AS affects
FROM state_problems FINAL`,
    );
    return rows.map((row) => ({
      process: row.process,
      version: Number(row.version),
      seen: row.seen,
      silentMs: Number(row.silent_seconds) * 1000,
      problems: row.code.map((code, i) => ({
        code: code as ProblemCode,
        subject: row.subject[i],
        message: row.message[i],
        since: row.since[i],
        blocking: row.blocking[i],
        ...(row.plugin[i] === "" ? {} : { plugin: row.plugin[i] }),
        ...(row.topic[i] === "" ? {} : { topic: row.topic[i] }),
        ...affectsOf(row.affects[i]),
      })),
    }));
  }
}

interface ProcessRow {
  readonly process: string;
  readonly version: number;
  /** When it reported last, by the warehouse's clock; ISO 8601. */
  readonly seen: string;
  /** How long ago that is. */
  readonly silentMs: number;
  readonly problems: readonly Problem[];
}

interface TableRow {
  readonly process: string;
  readonly version: number | string;
  readonly seen: string;
  readonly silent_seconds: number | string;
  readonly since: readonly string[];
  readonly code: readonly string[];
  readonly subject: readonly string[];
  readonly message: readonly string[];
  readonly blocking: readonly boolean[];
  readonly plugin: readonly string[];
  readonly topic: readonly string[];
  readonly affects: readonly string[];
}

/** Processes of an earlier build write none. */
function affectsOf(json: string): Pick<Problem, "affects"> {
  const affects: Consequence[] = JSON.parse(json || "[]");
  return affects.length === 0 ? {} : { affects };
}
