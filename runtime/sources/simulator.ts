/**
 * Made-up viewing events that look like life: a few movies that everybody sees and many that hardly
 * anybody does, sessions from view to rating, events that come late and some that come twice. The
 * same seed and start give the same bytes.
 */
import type { Clock } from "../clock.ts";
import { type Random, random, zipf } from "./chance.ts";
import { constant, EventWriter } from "./event_writer.ts";

/** Options of {@link simulate}. */
export interface SimulatorOptions {
  /** Any whole number in 0..2³²−1. Default 1. */
  readonly seed?: number;
  /** Events per second of event time, 1 to 1,000,000. */
  readonly rate: number;
  /** The first event's time, in milliseconds since 1970 UTC. */
  readonly startMs: number;
}

/** Events that belong to one stretch of time. */
export interface SimulatedChunk {
  /** NDJSON, one event per line; the caller's. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Lines in `bytes`, repeats included; at least 1. */
  readonly events: number;
  /** How many of them repeat an earlier event, byte for byte. */
  readonly repeats: number;
  /** When the stretch ends, in milliseconds since 1970 UTC: the time to send it. */
  readonly dueMs: number;
}

const MOVIES = 2_000;
const USERS = 20_000;
/** Sessions going on at any time; each event moves one of them on. */
const SESSIONS = 2_000;
/** A chunk covers this long, or longer where that holds no event. */
const CHUNK_MS = 100;
/** Recent events that may come again. */
const RECENT = 64;

const REPEAT_SHARE = 0.01;
const LATE_SHARE = 0.02;
const VERY_LATE_SHARE = 0.0005;
const LATE_MS = 5 * 60_000;
const VERY_LATE_MS = 2 * 86_400_000;

const [view, pause, resume, complete, rating] = [0, 1, 2, 3, 4];
const TYPES = ["view", "pause", "resume", "complete", "rating"].map((type) =>
  constant(`,"event_type":"${type}","timestamp":"`)
);
const USER = constant('","user_id":');
const MOVIE = constant(',"movie_id":');
const DURATION = constant('","duration":');
const RATING = constant(',"rating":');
const NULL = constant("null");
const END = constant("}\n");

/**
 * Endless events from `startMs` on, about 100 ms of them at a time.
 *
 * @example
 * ```ts
 * import { simulate } from "./simulator.ts";
 * const [chunk] = simulate({ rate: 50, startMs: Date.UTC(2026, 0, 1) });
 * const lines = new TextDecoder().decode(chunk.bytes).trimEnd().split("\n");
 * if (lines.length !== 5 || chunk.events !== 5) throw new Error("unexpected");
 * ```
 */
export function* simulate(
  { seed = 1, rate, startMs }: SimulatorOptions,
): Generator<SimulatedChunk, never, void> {
  const audience = new Audience(seed, startMs);
  const spanMs = Math.max(CHUNK_MS, Math.ceil(1000 / rate));
  let sent = 0;
  for (let chunk = 1;; chunk++) {
    const elapsedMs = chunk * spanMs;
    const due = Math.floor(elapsedMs * rate / 1000);
    const events = due - sent;
    for (; sent < due; sent++) audience.emit(startMs + Math.floor(sent * 1000 / rate));
    yield { ...audience.take(), events, dueMs: startMs + elapsedMs };
  }
}

/** The viewers and what they are doing. */
class Audience {
  readonly #random: Random;
  readonly #movieRank = zipf(MOVIES);
  readonly #user = new Uint32Array(SESSIONS);
  readonly #movie = new Uint32Array(SESSIONS);
  /** What each session's next event is. */
  readonly #next = new Uint8Array(SESSIONS);
  /** Seconds watched so far, in thousandths, and the length of the movie. */
  readonly #watched = new Float64Array(SESSIONS);
  readonly #length = new Float64Array(SESSIONS);
  readonly #writer = new EventWriter();
  readonly #idStart: Uint8Array;
  readonly #recent: Uint8Array[] = [];
  #kept = 0;
  #count = 0;
  #repeats = 0;

  constructor(seed: number, startMs: number) {
    this.#random = random(seed);
    // Runs that start at different times must not repeat each other's identities.
    this.#idStart = constant(`{"event_id":"sim-${seed}-${startMs.toString(36)}-`);
    for (let session = 0; session < SESSIONS; session++) {
      this.#begin(session);
      this.#next[session] = Math.floor(this.#random() * 4);
    }
  }

  take(): { bytes: Uint8Array<ArrayBuffer>; repeats: number } {
    const repeats = this.#repeats;
    this.#repeats = 0;
    return { bytes: this.#writer.take(), repeats };
  }

  /** Writes the next event, which happens at `nowMs` or, being late, happened before. */
  emit(nowMs: number): void {
    const chance = this.#random();
    if (chance < REPEAT_SHARE && this.#recent.length > 0) {
      this.#writer.raw(this.#recent[Math.floor(this.#random() * this.#recent.length)]);
      this.#repeats++;
      return;
    }
    const start = this.#writer.length;
    this.#event(nowMs - this.#latenessMs());
    if (chance > 0.9) this.#recent[this.#kept++ % RECENT] = this.#writer.copyFrom(start);
  }

  #latenessMs(): number {
    const chance = this.#random();
    if (chance < VERY_LATE_SHARE) return Math.floor(this.#random() * VERY_LATE_MS);
    return chance < LATE_SHARE ? Math.floor(this.#random() * LATE_MS) : 0;
  }

  #begin(session: number): void {
    this.#user[session] = 1 + Math.floor(this.#random() * this.#random() * USERS);
    this.#movie[session] = 1 + this.#movieRank(this.#random());
    this.#next[session] = view;
    this.#watched[session] = 0;
    this.#length[session] = Math.floor((75 + this.#random() * 90) * 60_000);
  }

  #event(atMs: number): void {
    const session = Math.floor(this.#random() * SESSIONS);
    const type = this.#next[session];
    const writer = this.#writer;
    if (type === pause || type === complete) this.#watch(session, type);
    writer.raw(this.#idStart);
    writer.whole(this.#count++);
    writer.raw(USER);
    writer.whole(this.#user[session]);
    writer.raw(MOVIE);
    writer.whole(this.#movie[session]);
    writer.raw(TYPES[type]);
    writer.instantMs(atMs);
    writer.raw(DURATION);
    // A view starts at nothing, a rating watches nothing, and some players do not tell.
    if (type === view || type === rating || this.#random() < 0.03) writer.raw(NULL);
    else writer.thousandths(this.#watched[session]);
    writer.raw(RATING);
    if (type === rating) writer.thousandths(this.#stars(session));
    else writer.raw(NULL);
    writer.raw(END);
    this.#moveOn(session, type);
  }

  #watch(session: number, type: number): void {
    const left = this.#length[session] - this.#watched[session];
    this.#watched[session] += type === complete ? left : Math.floor(left * this.#random() * 0.6);
  }

  /** 0 to 10 in halves, in thousandths; every movie has its own mean. */
  #stars(session: number): number {
    const mean = 4 + (this.#movie[session] * 2_654_435_761 % 4096) / 4096 * 5;
    const stars = mean + (this.#random() + this.#random() - 1) * 3;
    return Math.min(20, Math.max(0, Math.round(stars * 2))) * 500;
  }

  #moveOn(session: number, type: number): void {
    const chance = this.#random();
    if (type === view || type === resume) this.#next[session] = chance < 0.5 ? pause : complete;
    else if (type === pause && chance < 0.8) this.#next[session] = resume;
    else if (type === complete && chance < 0.6) this.#next[session] = rating;
    else this.#begin(session);
    if (type === view && chance > 0.85) this.#begin(session);
  }
}

/** Options of {@link feed}. */
export interface FeedOptions extends Omit<SimulatorOptions, "startMs"> {
  readonly clock: Clock;
  /** Ends the feed. */
  readonly signal: AbortSignal;
  /** Takes a chunk; the next is made when it has resolved. */
  readonly send: (chunk: SimulatedChunk) => Promise<void>;
}

/** Behind by more than this (a slow disk, a laptop that slept), the feed starts again at now. */
const BEHIND_MS = 5_000;

/**
 * Sends simulated events at a steady rate until `signal` aborts. Event time starts at the clock's
 * now and keeps to it: time that was lost is left out and not made up for.
 *
 * @throws what `send` throws.
 */
export async function feed({ clock, signal, send, ...options }: FeedOptions): Promise<void> {
  while (!signal.aborted) {
    for (const chunk of simulate({ ...options, startMs: clock.now() })) {
      const waitMs = chunk.dueMs - clock.now();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      if (signal.aborted) return;
      if (waitMs < -BEHIND_MS) break;
      await send(chunk);
      if (signal.aborted) return;
    }
  }
}
