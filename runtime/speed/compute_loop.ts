import type { FieldType } from "../events.ts";
import { rangeOf } from "../expressions/ranges.ts";
import type { Loop, Vector } from "../expressions/operator.ts";
import type { Columns } from "../model/columns.ts";
import { createCursor } from "./cursor.ts";

/**
 * A plugin's function as a loop.
 *
 * @throws what the function throws; TypeError where it gives a value that is not of its type: as a
 * text, null would be the text "null".
 */
export function computeLoop(
  columns: Columns,
  of: (event: unknown) => unknown,
  { type, values, nulls, texts }: Vector,
): Loop {
  const cursor = createCursor(columns);
  return (rows, count) => {
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      cursor.row = row;
      const value = of(cursor.event);
      const isNull = value === null && nulls !== undefined;
      if (nulls !== undefined) nulls[row] = isNull ? 1 : 0;
      const held = isNull ? 0 : heldAs(type, value);
      if (type.kind === "string") texts[row] = isNull ? "" : String(held);
      else values[row] = held as number;
    }
  };
}

/** A value as a vector holds it. */
function heldAs(type: FieldType, value: unknown): number | string {
  if (type.kind === "string" && typeof value === "string") return value;
  if (type.kind === "boolean" && typeof value === "boolean") return value ? 1 : 0;
  if (type.kind === "enumeration" && typeof value === "string") {
    const code = type.values!.indexOf(value);
    if (code >= 0) return code;
  }
  const range = rangeOf(type);
  if (range !== null && typeof value === "number") {
    const scaled = Math.round(value * 10 ** range.scale) + 0;
    const whole = range.scale > 0 || scaled === value;
    if (whole && scaled >= range.least && scaled <= range.most) return scaled;
  }
  throw new TypeError(
    `Cannot compute a value of an event: the function must give ${wantedOf(type)}, got ${
      shown(value)
    }`,
  );
}

function wantedOf(type: FieldType): string {
  const { kind, values } = type;
  if (kind === "string") return "a string";
  if (kind === "boolean") return "true or false";
  if (kind === "enumeration") return `one of ${values!.join(", ")}`;
  const { scale, least, most } = rangeOf(type)!;
  const unit = 10 ** scale;
  const number = scale === 0 ? "a whole number" : "a number";
  return `${number} from ${least / unit} to ${most / unit}`;
}

const SHOWN_CHARACTERS = 40;

const shown = (value: unknown) =>
  typeof value === "string" ? JSON.stringify(value.slice(0, SHOWN_CHARACTERS)) : String(value);
