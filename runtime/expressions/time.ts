/** Parts of the event time, in UTC. */
import type { FieldType } from "../events.ts";
import { numberLoop, type Operator } from "./operator.ts";
import { numberType, wordsOf } from "./ranges.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

function instantOnly([type]: readonly FieldType[]): void {
  if (type.kind !== "instant") {
    throw new TypeError(`expected the event time, got ${wordsOf(type)}`);
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

export const hour = part("hour", [0, 23], (ms) => Math.floor(ms / HOUR_MS) % 24, "toHour");

/** 1970-01-01 was a Thursday, day 4. */
export const weekday = part(
  "weekday",
  [1, 7],
  (ms) => (Math.floor(ms / DAY_MS) + 3) % 7 + 1,
  "toDayOfWeek",
);

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
  sql: ([a]) => `toString(toDate(${a.sql}))`,
};
