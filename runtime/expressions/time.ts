/** Parts of the event time. */
import type { FieldType } from "../events.ts";
import { numberLoop, type Operator } from "./operator.ts";
import { numberType, typeName } from "./ranges.ts";
import { offsetsOf } from "./time_zone.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

function instantOnly([type]: readonly FieldType[]): void {
  if (type.kind !== "instant") {
    throw new TypeError(`expected the event time, got ${typeName(type)}`);
  }
}

function part(
  name: string,
  [least, most]: readonly [number, number],
  of: (ms: number) => number,
  call: string,
): Operator {
  return {
    name,
    type(operands) {
      instantOnly(operands);
      return numberType({ scale: 0, least, most });
    },
    loop: (operands, out) => numberLoop(operands, out, of),
    sql: ([a]) => `${call}(${a.sql})`,
  };
}

/** Local time may lie in 1969. */
const modulo = (n: number, divisor: number) => (n % divisor + divisor) % divisor;

export const hour = part("hour", [0, 23], (ms) => modulo(Math.floor(ms / HOUR_MS), 24), "toHour");

/** 1970-01-01 was a Thursday, day 4. */
export const weekday = part(
  "weekday",
  [1, 7],
  (ms) => modulo(Math.floor(ms / DAY_MS) + 3, 7) + 1,
  "toDayOfWeek",
);

/**
 * The instant at which UTC shows the local time of a zone. Its parameters are the zone's name and a
 * digest of its offsets: other offsets, of a newer runtime, make another generation.
 */
export const local: Operator = {
  name: "local",
  type(operands) {
    instantOnly(operands);
    return { kind: "instant", nullable: false };
  },
  loop([{ values: instants }], { values }, [zone]) {
    const { fromSeconds, offsetSeconds } = offsetsOf(String(zone));
    let [i, fromMs, untilMs] = [0, Infinity, -Infinity];
    return (rows, count) => {
      for (let n = 0; n < count; n++) {
        const row = rows[n];
        const ms = instants[row];
        if (ms < fromMs || ms >= untilMs) {
          i = fromSeconds.findLastIndex((from) => from * 1000 <= ms);
          fromMs = fromSeconds[i] * 1000;
          untilMs = (fromSeconds[i + 1] ?? Infinity) * 1000;
        }
        values[row] = ms + offsetSeconds[i] * 1000;
      }
    };
  },
  sql([a], _type, [zone]) {
    const { fromSeconds, offsetSeconds } = offsetsOf(String(zone));
    if (fromSeconds.length === 1) return `addSeconds(${a.sql}, ${offsetSeconds[0]})`;
    const from = `roundDown(toUnixTimestamp(${a.sql}), [${fromSeconds}])`;
    return `addSeconds(${a.sql}, transform(${from}, [${fromSeconds}], [${offsetSeconds}], 0))`;
  },
};

export const date: Operator = {
  name: "date",
  type(operands) {
    instantOnly(operands);
    return { kind: "string", nullable: false, maxBytes: 10 };
  },
  loop([{ values }], { texts }) {
    let day = NaN;
    let text = "";
    return (rows, count) => {
      for (let i = 0; i < count; i++) {
        const row = rows[i];
        const ofRow = Math.floor(values[row] / DAY_MS);
        if (ofRow !== day) {
          day = ofRow;
          text = new Date(day * DAY_MS).toISOString().slice(0, 10);
        }
        texts[row] = text;
      }
    };
  },
  sql: ([a]) => `toString(toDate32(${a.sql}))`,
};
