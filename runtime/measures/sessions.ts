import type { BooleanExpression } from "../expressions/typed.ts";
import type { Columns } from "../model/columns.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";
import { secondsOf } from "../std/seconds_of.ts";
import {
  type Adder,
  type CellStates,
  type DefinedMeasure,
  type Measure,
  type MeasureColumn,
  type MeasureKind,
  measureOf,
  type ShownMeasure,
} from "./measure.ts";
import { numbersOf } from "./numbers.ts";

/** A measure of sessions. */
export interface SessionsMeasure extends Measure {
  readonly gapSeconds: number;
}

/** What {@link sessions} takes. */
export interface SessionsOptions {
  /** A whole number and `s`, `m` or `h`, such as `"30m"`. */
  readonly gap: string;
  /** Which of the metric's events count: those for which it is true. Default: all. */
  readonly where?: BooleanExpression;
}

/**
 * How many sessions begin, per key: `<name>`, with `<name>_mean_seconds`, the mean time from their
 * first event to their last, and `<name>_mean_events`. Events of a key belong to one session if each
 * is at most `gap` after the one before, in whole milliseconds.
 *
 * A session counts in the bucket in which it begins, with all of its events up to the end of the
 * range. Sessions have no all-time roll-up: questions give `from`.
 *
 * @throws {TypeError} where `gap` is no span of time.
 * @example
 * ```ts
 * import { sessions } from "./sessions.ts";
 * if (sessions({ gap: "30m" }).gapSeconds !== 1800) throw new Error("unexpected");
 * ```
 */
export function sessions({ gap, where }: SessionsOptions): SessionsMeasure {
  const gapSeconds = secondsOf("declare sessions: gap", gap);
  return where === undefined
    ? { kind: "sessions", gapSeconds }
    : { ...measureOf("sessionsIf", where), gapSeconds };
}

/** Events that belong together: the first's and the last's time in milliseconds since 1970 UTC. */
type Interval = readonly [start: number, end: number, events: number];
type State = readonly Interval[];

/** Joins intervals that are at most `gapMs` apart. */
function joined(intervals: readonly Interval[], gapMs: number): [number, number, number][] {
  const found: [number, number, number][] = [];
  for (const [start, end, events] of intervals.toSorted(([a], [b]) => a - b)) {
    const last = found.at(-1);
    if (last === undefined || start - last[1] > gapMs) {
      found.push([start, end, events]);
      continue;
    }
    last[1] = Math.max(last[1], end);
    last[2] += events;
  }
  return found;
}

/**
 * The same in SQL. Intervals open at their start and close a gap after their end: in the order of
 * these times (at one time, openings first), a session is over where as many have closed as opened.
 */
function joinedSql(intervals: string, gapMs: number): string {
  const openings = `arrayMap(_i -> (_i.1, 0, _i.3), ${intervals})`;
  const closings = `arrayMap(_i -> (_i.2 + ${gapMs}, 1, 0), ${intervals})`;
  const edges = `arraySort(arrayConcat(${openings}, ${closings}))`;
  const open = `arrayCumSum(_e -> 1 - 2 * _e.2, ${edges})`;
  return `arrayMap(_s -> (_s[1].1, toUInt64(_s[-1].1 - ${gapMs}), arraySum(_e -> _e.3, _s)), ` +
    `arrayReverseSplit((_e, _open) -> _open = 0, ${edges}, ${open}))`;
}

/** About what an interval takes in memory. */
const INTERVAL_BYTES = 64;

/** Intervals per cell. */
class CellIntervals implements CellStates<State> {
  readonly #gapMs: number;
  readonly #held: [number, number, number][][] = [];

  constructor(gapMs: number) {
    this.#gapMs = gapMs;
  }

  grow(): void {}

  /** Adds an event; most come in the order of time. */
  add(cell: number, ms: number): void {
    const held = this.#held[cell] ??= [];
    const last = held.at(-1);
    if (last === undefined || ms - last[1] > this.#gapMs) {
      held.push([ms, ms, 1]);
    } else if (ms >= last[0]) {
      last[1] = Math.max(last[1], ms);
      last[2]++;
    } else {
      this.#held[cell] = joined([...held, [ms, ms, 1]], this.#gapMs);
    }
  }

  of(cell: number): State {
    return this.#held[cell] ?? [];
  }

  write(writer: RowBinaryWriter, cell: number): void {
    const intervals = this.of(cell);
    writer.varint(intervals.length);
    for (const interval of intervals) for (const number of interval) writer.i64(number);
  }

  seal(): number {
    return INTERVAL_BYTES * this.#held.reduce((count, intervals) => count + intervals.length, 0);
  }
}

function adderOf(columns: Columns, condition?: string): Adder<CellIntervals> {
  const { eventMs } = columns;
  const counts = condition === undefined ? null : numbersOf(columns, condition);
  return {
    add(states, cellOf, firstRow, endRow) {
      for (let row = firstRow; row < endRow; row++) {
        if (cellOf[row] < 0) continue;
        if (counts !== null && (counts.nulls[row] === 1 || counts.values[row] !== 1)) continue;
        states.add(cellOf[row], eventMs[row]);
      }
    },
  };
}

const secondsOfAll = (state: State) => state.reduce((ms, [start, end]) => ms + end - start, 0);
const eventsOfAll = (state: State) => state.reduce((sum, [, , events]) => sum + events, 0);

/** @param condition the field that says which events count, and the same in SQL. */
function defined(
  { name, measure: { gapSeconds }, event }: {
    readonly name: string;
    readonly measure: SessionsMeasure;
    readonly event: { readonly timeSql: string };
  },
  condition?: { readonly field: string; readonly sql: string },
): DefinedMeasure {
  const gapMs = 1000 * gapSeconds;
  const column: MeasureColumn<State, CellIntervals> = {
    name,
    sqlType: "Array(Tuple(UInt64, UInt64, UInt64))",
    meaning: ["sessions", gapMs, condition?.field ?? null],
    cancels: false,
    additive: false,
    large: true,
    joinSeconds: gapSeconds,
    returns: {
      words: "an array of intervals, Array(Tuple(UInt64, UInt64, UInt64))",
      pattern: /^Array\(Tuple\((UInt\d+(, |\))){3}\)$/,
      exact: false,
    },
    allocate: () => new CellIntervals(gapMs),
    adder: (columns) => adderOf(columns, condition?.field),
    read: (value) =>
      (value as readonly (readonly [unknown, unknown, unknown])[])
        .map(([start, end, events]) => [Number(start), Number(end), Number(events)]),
    merge: (states) => joined(states.flat(), gapMs),
    toFloat: (state) => state.length,
    buildSql(given) {
      const conditions = [condition?.sql, given].filter((sql) => sql !== undefined);
      const ms = `toUInt64(toUnixTimestamp64Milli(${event.timeSql}))`;
      const events = conditions.length === 0
        ? `groupArray((${ms}, ${ms}, 1))`
        : `groupArrayIf((${ms}, ${ms}, 1), (${conditions.join(") AND (")}))`;
      return joinedSql(events, gapMs);
    },
    storedSql: (value) => value,
    mergeSql: (state, given) =>
      joinedSql(
        given === undefined ? `groupArrayArray(${state})` : `groupArrayArrayIf(${state}, ${given})`,
        gapMs,
      ),
    // The intervals that only one of them has.
    differenceSql: (a, b) =>
      `toFloat64(length(${a}) + length(${b}) - 2 * length(arrayIntersect(${a}, ${b})))`,
    textSql: (state) =>
      `concat(toString(length(${state})), ' sessions of ', ` +
      `toString(arraySum(_i -> _i.3, ${state})), ' events')`,
    floatSql: (state) => `toFloat64(length(${state}))`,
  };
  const state = `merged.${name}`;
  const mean = (
    of: string,
    unit: string | undefined,
    sumSql: string,
    sum: (state: State) => number,
  ): ShownMeasure => ({
    name: `${name}_mean_${of}`,
    type: "number",
    unit,
    sql: `if(empty(${state}), NULL, ${sumSql} / length(${state}))`,
    of(stateOf) {
      const intervals = stateOf(column);
      return intervals.length === 0 ? null : sum(intervals) / intervals.length;
    },
  });
  return {
    columns: [column],
    shown: [
      { name, type: "integer", sql: `length(${state})`, of: (stateOf) => stateOf(column).length },
      mean(
        "seconds",
        "seconds",
        `arraySum(_i -> _i.2 - _i.1, ${state}) / 1000`,
        (intervals) => secondsOfAll(intervals) / 1000,
      ),
      mean("events", undefined, `arraySum(_i -> _i.3, ${state})`, eventsOfAll),
    ],
  };
}

export const sessionsKind: MeasureKind<SessionsMeasure> = {
  takes: [],
  define: (declared) => defined(declared),
};

/** Sessions of the events that meet a condition. */
export const sessionsIfKind: MeasureKind<SessionsMeasure> = {
  takes: ["boolean"],
  define: (declared) => defined(declared, { field: declared.fieldName, sql: declared.fieldSql }),
};
