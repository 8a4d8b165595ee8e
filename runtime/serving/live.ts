/**
 * Followed questions. Each distinct question is asked at most once a second, however many follow it, and
 * not at all while the speed layer stands still; all of them together take a third of the time at
 * most, so that they come less often where answers take long, and never before everything else. What
 * changed is kept per row, by the revision that changed it, and that the answer reaches further is a
 * change too. A reader has nothing but its last revision: what it missed is put together when it asks,
 * so one that never asks costs nothing.
 */
import type { Clock } from "../std/clock.ts";
import { BusyError, UserError } from "../std/errors.ts";
import type { LiveUpdate, MetricAnswer, MetricQuery } from "../ports/services.ts";
import { Semaphore } from "../std/semaphore.ts";

/** What is asked of a metric. */
export interface LiveSource {
  query(metric: string, query: MetricQuery, signal: AbortSignal): Promise<MetricAnswer>;
  /** The columns that tell one of the metric's rows from another, as far as an answer has them. */
  identity(metric: string): readonly string[];
  /** Moves whenever a new answer may differ: then it is asked again. */
  position(metric: string): Promise<string>;
}

const PERIOD_MS = 1000;
/** Asked again after so long whatever the position says: a run may have been published. */
const STALE_MS = 10_000;
/** After an answer no question is asked for so many times what it took. */
const REST = 2;
/** Removed rows that are remembered; who misses more begins again with a snapshot. */
const REMEMBERED_REMOVALS = 10_000;
/** Each question that is followed costs a statement a second. */
const MAX_QUESTIONS = 100;

/** The questions that are being followed. */
export class LiveQuestions {
  readonly #clock: Clock;
  readonly #source: LiveSource;
  readonly #followed = new Map<string, Followed>();
  /** One question is asked again at a time. */
  readonly #turns = new Semaphore(1);
  #made = 0;

  constructor(clock: Clock, source: LiveSource) {
    this.#clock = clock;
    this.#source = source;
  }

  /**
   * @throws what the first answer to a question throws; BusyError when too many other questions are
   * followed.
   */
  async follow(
    metric: string,
    query: MetricQuery,
    { lastId, signal }: { readonly lastId?: string; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<LiveUpdate>> {
    const name = JSON.stringify([metric, query]);
    let followed = this.#followed.get(name);
    if (followed === undefined) {
      if (this.#followed.size >= MAX_QUESTIONS) {
        throw new BusyError(
          `Cannot follow metric "${metric}": ${MAX_QUESTIONS} different questions are followed, ` +
            `which is the most; try again, or ask what others ask`,
        );
      }
      const tag = `${this.#clock.now().toString(36)}${(this.#made++).toString(36)}`;
      const ended = () => {
        if (this.#followed.get(name) === followed) this.#followed.delete(name);
      };
      followed = new Followed(this.#clock, this.#source, this.#turns, metric, query, tag, ended);
      this.#followed.set(name, followed);
    }
    await followed.join(signal);
    return followed.updates(lastId, signal);
  }
}

interface LiveRow {
  readonly row: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The revision in which it became what it is. */
  readonly revision: number;
}

/** One question and its newest answer. */
class Followed {
  readonly #stop = new AbortController();
  readonly #rows = new Map<string, LiveRow>();
  /** Identities of rows that are gone, with the revision that removed them, oldest first. */
  readonly #removed = new Map<string, { key: Record<string, unknown>; revision: number }>();
  /** Removals up to this revision may have been forgotten. */
  #forgotten = 0;
  #revision = 0;
  /** As of when the newest answer was asked for: what moved while it was being made is asked again. */
  #asked = { position: "", atMs: 0 };
  /** Updates to the newest revision, by the one that a reader has: most readers have the same. */
  readonly #updates = new Map<number, LiveUpdate>();
  #answer: MetricAnswer | null = null;
  #readers = 0;
  #first: Promise<void> | null = null;
  /** Wakes the readers that have all there is. */
  readonly #waiting = new Set<() => void>();

  constructor(
    readonly clock: Clock,
    readonly source: LiveSource,
    readonly turns: Semaphore,
    readonly metric: string,
    readonly query: MetricQuery,
    readonly tag: string,
    readonly ended: () => void,
  ) {}

  /** Adds a reader until `signal` aborts; the first starts the asking. */
  async join(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#readers++;
    signal.addEventListener("abort", () => this.#leave(), { once: true });
    this.#first ??= this.#ask().then(() => void this.#keepAsking());
    try {
      await this.#first;
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  #leave(): void {
    if (--this.#readers === 0) this.#end();
  }

  #end(): void {
    this.#stop.abort();
    this.#wake();
    this.ended();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  async #keepAsking(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      // All questions at the same moment: they share a flush.
      await this.clock.sleep(PERIOD_MS - this.clock.now() % PERIOD_MS, signal);
      if (signal.aborted) return;
      const { position, atMs } = this.#asked;
      const now = await this.source.position(this.metric).catch(() => null);
      const moved = now !== position;
      if (!moved && this.clock.now() - atMs < STALE_MS) continue;
      // A fault passes: the next second asks again, and readers keep what they have. A range that is
      // not answered any more stays so: readers that ask again are told why.
      await this.#askInTurn().catch((error) => {
        if (error instanceof UserError) this.#end();
      });
    }
  }

  async #askInTurn(): Promise<void> {
    const { clock, turns } = this;
    const { signal } = this.#stop;
    await turns.take(signal);
    const sinceMs = clock.now();
    try {
      await this.#ask();
    } finally {
      void clock.sleep(REST * (clock.now() - sinceMs), signal).finally(() => turns.give());
    }
  }

  async #ask(): Promise<void> {
    const asked = { position: await this.source.position(this.metric), atMs: this.clock.now() };
    const answer = await this.source.query(this.metric, this.query, this.#stop.signal);
    const names = answer.columns.map((column) => column.name);
    const keys = this.source.identity(this.metric).filter((name) => names.includes(name));
    const revision = this.#revision + 1;
    const replaced = this.#answer !== null && answer.generation !== this.#answer.generation;
    if (replaced) {
      // Another generation may have other columns and keys: every reader begins again.
      this.#rows.clear();
      this.#removed.clear();
      this.#forgotten = revision;
    }
    const gone = new Set(this.#rows.keys());
    let changed = replaced || answer.frontier !== this.#answer?.frontier ||
      answer.cut !== this.#answer.cut ||
      JSON.stringify(answer.not_compared) !== JSON.stringify(this.#answer.not_compared) ||
      JSON.stringify(answer.problems) !== JSON.stringify(this.#answer.problems);
    for (const row of answer.rows) {
      const identity = JSON.stringify(keys.map((name) => row[name]));
      const text = JSON.stringify(row);
      gone.delete(identity);
      if (this.#rows.get(identity)?.text === text) continue;
      this.#rows.set(identity, { row, text, revision });
      this.#removed.delete(identity);
      changed = true;
    }
    for (const identity of gone) {
      const { row } = this.#rows.get(identity)!;
      this.#rows.delete(identity);
      const key = Object.fromEntries(keys.map((name) => [name, row[name]]));
      this.#removed.set(identity, { key, revision });
      changed = true;
    }
    this.#forget();
    this.#answer = answer;
    this.#asked = asked;
    if (!changed) return;
    this.#revision = revision;
    this.#updates.clear();
    this.#wake();
  }

  #forget(): void {
    for (const [identity, { revision }] of this.#removed) {
      if (this.#removed.size <= REMEMBERED_REMOVALS) return;
      this.#removed.delete(identity);
      this.#forgotten = revision;
    }
  }

  async *updates(lastId: string | undefined, signal: AbortSignal): AsyncGenerator<LiveUpdate> {
    let seen = this.#revisionOf(lastId);
    while (!signal.aborted && !this.#stop.signal.aborted) {
      if (seen === this.#revision) {
        await this.#next(signal);
        continue;
      }
      const update = this.#since(seen);
      seen = this.#revision;
      yield update;
    }
  }

  /** The revision that an id names; 0, which is before all, where it names none of this question. */
  #revisionOf(id: string | undefined): number {
    const [tag, text] = (id ?? "").split("-");
    const revision = tag === this.tag && /^\d{1,15}$/.test(text ?? "") ? Number(text) : 0;
    return revision <= this.#revision ? revision : 0;
  }

  /** Resolves when there is more, or when it ends. */
  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #since(seen: number): LiveUpdate {
    const from = seen < this.#forgotten ? 0 : seen;
    const known = this.#updates.get(from);
    if (known !== undefined) return known;
    const update = this.#made(from);
    this.#updates.set(from, update);
    return update;
  }

  #made(seen: number): LiveUpdate {
    const answer = this.#answer!;
    const id = `${this.tag}-${this.#revision}`;
    if (seen === 0) return { id, kind: "snapshot", answer, removed: [] };
    const rows = [...this.#rows.values()].filter(({ revision }) => revision > seen);
    const removed = [...this.#removed.values()].filter(({ revision }) => revision > seen);
    return {
      id,
      kind: "change",
      answer: { ...answer, rows: rows.map(({ row }) => row) },
      removed: removed.map(({ key }) => key),
    };
  }
}
