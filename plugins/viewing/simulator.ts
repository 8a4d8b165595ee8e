/**
 * Made-up viewing events that look like life: movies whose popularity follows Zipf's law and drifts,
 * users with habits, sessions from view to rating whose events lie as far apart as what is watched
 * takes, events that come late and some that come twice. The same options give the same bytes.
 */
import type { MadeEvents } from "twofold";
import { Audience } from "./audience.ts";
import { type Random, random, trait } from "./chance.ts";
import { HeldEvents } from "./held_events.ts";
import { Popularity } from "./popularity.ts";
import { SESSION_EVENTS, SESSION_MS, Sessions } from "./sessions.ts";
import { ViewingWriter } from "./viewing_writer.ts";

/** Options of {@link simulate}. */
export interface SimulatorOptions {
  /** Any whole number in 0..2³²−1. Default 1. */
  readonly seed?: number;
  /**
   * Events per second of event time, up to 1,000,000, at every moment alike; where so many users do
   * not make so many, movies are shorter.
   */
  readonly rate: number;
  /** The first event's time, in milliseconds since 1970 UTC. */
  readonly startMs: number;
  /** Users, with ids from 1 on; 2 to 10,000,000. Default 100,000. */
  readonly users?: number;
  /** Movies, with ids from 1 on; 1 to 1,000,000. Default 5,000. */
  readonly movies?: number;
  /** The share of events that come late, 0 to 0.5. Default 0.02. */
  readonly late?: number;
  /** The share of lines that repeat an earlier one, byte for byte, 0 to 0.5. Default 0.01. */
  readonly repeat?: number;
}

/** Events that belong to one stretch of time. */
export interface SimulatedChunk extends MadeEvents {
  /** How many of them repeat an earlier event, byte for byte. */
  readonly repeats: number;
  /** How many of them happened well before they come. */
  readonly late: number;
}

/** What is left out of the options. */
const simulatorDefaults = {
  seed: 1,
  users: 100_000,
  movies: 5_000,
  late: 0.02,
  repeat: 0.01,
} as const;

/** At most one user in so many watches at a time: then somebody is always free. */
const USERS_PER_SESSION = 2;
/** Before the start so much goes by unseen, in lengths of a session: others began before. */
const RUN_UP = 2;
/** A chunk covers this long, or longer where that holds no event. */
const CHUNK_MS = 100;
/** Recent events that may come again, each of so many kept. */
const [RECENT, KEPT] = [64, 0.1];
/** Most that are late are so by minutes, few by hours. */
const [LATE_MS, VERY_LATE_MS, VERY_LATE] = [5 * 60_000, 6 * 3_600_000, 0.01];
const LEAST_LATE_MS = 10_000;

/**
 * Endless events from `startMs` on.
 *
 * @example
 * ```ts
 * import { simulate } from "./simulator.ts";
 * const [chunk] = simulate({ rate: 50, startMs: Date.UTC(2026, 0, 1) });
 * const lines = chunk.ndjson.trimEnd().split("\n");
 * if (lines.length !== 5 || chunk.events !== 5) throw new Error("unexpected");
 * ```
 */
export function* simulate(options: SimulatorOptions): Generator<SimulatedChunk, never, void> {
  const simulation = new Simulation({ ...simulatorDefaults, ...options });
  const { rate, startMs } = options;
  const spanMs = Math.max(CHUNK_MS, Math.ceil(1000 / rate));
  let sent = 0;
  for (let chunk = 1;; chunk++) {
    const elapsedMs = chunk * spanMs;
    for (const due = Math.floor(elapsedMs * rate / 1000); sent < due; sent++) {
      simulation.writeAt(startMs + Math.floor(sent * 1000 / rate));
    }
    yield simulation.take(startMs + elapsedMs);
  }
}

class Simulation {
  readonly #options: Required<SimulatorOptions>;
  readonly #random: Random;
  readonly #sessions: Sessions;
  readonly #writer: ViewingWriter;
  readonly #held = new HeldEvents();
  readonly #recent: string[] = [];
  #lines: string[] = [];
  /** Of what happened last. */
  #line = "";
  #kept = 0;
  #isRunUp = true;
  #taken = { events: 0, repeats: 0, late: 0 };

  constructor(options: Required<SimulatorOptions>) {
    const { seed, rate, startMs, users, movies } = options;
    this.#options = options;
    this.#random = random(seed);
    const audience = new Audience(seed, users);
    this.#writer = new ViewingWriter(seed, audience, idOf(options));
    const most = Math.max(1, Math.floor(users / USERS_PER_SESSION));
    const wanted = rate / 1000 * SESSION_MS / SESSION_EVENTS;
    const haste = Math.max(1, 1.25 * wanted / most);
    this.#sessions = new Sessions({
      audience,
      random: this.#random,
      capacity: most,
      haste,
      movies: new Popularity(seed, movies),
      onStep: (session, step, atMs) => {
        if (!this.#isRunUp) this.#line = this.#writer.line(session, step, atMs);
      },
    });
    this.#runUp(startMs - Math.ceil(RUN_UP * SESSION_MS / haste));
  }

  #runUp(fromMs: number): void {
    const { rate, startMs } = this.#options;
    const steps = Math.floor((startMs - fromMs) * rate / 1000);
    for (let i = 0; i < steps; i++) this.#passAt(fromMs + Math.floor(i * 1000 / rate));
    this.#isRunUp = false;
  }

  /** What was written since the last time. */
  take(dueMs: number): SimulatedChunk {
    const [taken, lines] = [this.#taken, this.#lines];
    [this.#taken, this.#lines] = [{ events: 0, repeats: 0, late: 0 }, []];
    return { ndjson: lines.join(""), dueMs, ...taken };
  }

  /** Writes one line for a moment. */
  writeAt(atMs: number): void {
    const { repeat, late } = this.#options;
    this.#taken.events++;
    if (this.#recent.length > 0 && this.#random() < repeat) {
      this.#lines.push(this.#recent[Math.floor(this.#random() * this.#recent.length)]);
      this.#taken.repeats++;
      return;
    }
    for (;;) {
      if (this.#held.nextMs <= atMs) {
        this.#lines.push(this.#held.take());
        this.#taken.late++;
        return;
      }
      this.#passAt(atMs);
      if (this.#random() >= late) {
        this.#lines.push(this.#line);
        if (this.#random() < KEPT) this.#recent[this.#kept++ % RECENT] = this.#line;
        return;
      }
      this.#held.hold(this.#line, atMs + this.#latenessMs());
    }
  }

  #latenessMs(): number {
    const most = this.#random() < VERY_LATE ? VERY_LATE_MS : LATE_MS;
    return LEAST_LATE_MS + Math.floor(this.#random() * most);
  }

  /** Something happens at a moment: what was due, else somebody begins. */
  #passAt(atMs: number): void {
    const sessions = this.#sessions;
    if (sessions.nextMs <= atMs || sessions.isFull) sessions.goOn(atMs);
    else sessions.begin(atMs);
  }
}

/** Options that differ in anything give other ids: no run repeats what another one meant. */
function idOf(options: Required<SimulatorOptions>): string {
  const { seed, rate, startMs, users, movies, late, repeat } = options;
  const text = [seed, rate, startMs, users, movies, late, repeat].join();
  const hash = (seed: number) =>
    Array.from(text).reduce((sum, char) => trait(sum, char.charCodeAt(0)), seed).toString(36);
  return `${hash(1)}${hash(2)}`;
}
