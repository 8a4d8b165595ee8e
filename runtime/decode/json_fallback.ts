import type { Columns, DecodeFault, FieldColumn } from "../model/columns.ts";
import type { EventSchema, Field } from "../events.ts";
import { roundDecimal, unitBounds } from "./decimal.ts";
import { hashIdentity } from "./identity.ts";
import { parseInstant } from "../std/instant.ts";
import { sourceOfNumber } from "./number_source.ts";
import { describeSyntax, describeValue, quote } from "./reason.ts";
import type { TextOverflow } from "./text_overflow.ts";

/** What is at fault with one field of one record; thrown and caught within this file. */
class FieldFault {
  constructor(readonly field: string, readonly reason: string) {}
}

/**
 * The definition of decoding: strict UTF-8, then `JSON.parse`, then each declared field.
 *
 * - A byte order mark is an error: the decoder takes off the first one. The last of duplicate keys wins; unknown fields are accepted and
 *   marked in `unknown`.
 * - A field that is nullable may be null or absent. Columns hold 0 where a value is null.
 * - Whole numbers are JSON numbers of integral value, however written: `42`, `42.0`, `4.2e1`.
 * - A decimal is rounded to its scale by the digits of its text, half away from zero; −0 becomes 0.
 *   The bounds apply to what it is rounded to, and are rounded alike.
 * - A text must be well-formed (no lone surrogates) and at most `maxBytes` of UTF-8.
 * - Faults are looked for in the order in which the schema declares the fields; the first counts.
 */
export class JsonFallback {
  readonly #schema: EventSchema;
  readonly #names: readonly string[];
  readonly #declared: ReadonlySet<string>;
  readonly #codes = new Map<string, ReadonlyMap<string, number>>();
  readonly #bounds = new Map<string, ReturnType<typeof unitBounds>>();
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** The record at hand. */
  #text = "";

  constructor(schema: EventSchema) {
    this.#schema = schema;
    this.#names = schema.fieldNames;
    this.#declared = new Set(schema.fieldNames);
    for (const name of schema.fieldNames) {
      const field = schema.fields[name];
      const { values } = field;
      if (field.kind === "decimal") this.#bounds.set(name, unitBounds(field));
      if (values) this.#codes.set(name, new Map(values.map((value, code) => [value, code])));
    }
  }

  /**
   * Decodes one value into row `row`.
   *
   * @param texts takes the string fields; in the columns they start at `textBase` + their place.
   * @returns null, or why the value could not be decoded; then the row holds anything.
   */
  decode(
    row: number,
    value: Uint8Array,
    columns: Columns,
    texts: TextOverflow,
    textBase: number,
  ): DecodeFault | null {
    const textsBefore = texts.length;
    try {
      const record = this.#parse(value);
      for (const name of this.#names) this.#field(row, name, record, columns, texts, textBase);
      columns.unknown[row] = Object.keys(record).every((key) => this.#declared.has(key)) ? 0 : 1;
      const { eventId } = this.#schema;
      const id = columns.fields[eventId];
      // Events of one time would all be repeats of the first.
      if (id.values[row] === id.ends![row]) {
        throw new FieldFault(eventId, `${eventId} must not be empty, got ""`);
      }
      hashIdentity(
        texts.view,
        id.values[row] - textBase,
        id.ends![row] - textBase,
        columns.eventMs[row],
        columns.eventNs[row],
        columns.identity,
        row * 4,
      );
      return null;
    } catch (fault) {
      if (!(fault instanceof FieldFault)) throw fault;
      texts.length = textsBefore;
      return { row, field: fault.field, reason: fault.reason };
    }
  }

  #parse(value: Uint8Array): Record<string, unknown> {
    try {
      this.#text = this.#decoder.decode(value);
    } catch {
      throw new FieldFault("", "record must be UTF-8, got bytes that are not");
    }
    let record: unknown;
    try {
      record = JSON.parse(this.#text);
    } catch (error) {
      throw new FieldFault("", `record must be JSON, got ${describeSyntax(this.#text, error)}`);
    }
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      throw new FieldFault("", `record must be a JSON object, got ${describeValue(record)}`);
    }
    return record as Record<string, unknown>;
  }

  #field(
    row: number,
    name: string,
    record: Record<string, unknown>,
    columns: Columns,
    texts: TextOverflow,
    textBase: number,
  ): void {
    const field = this.#schema.fields[name];
    // Not `record[name]`: a field may be called "constructor", which every object inherits.
    const value = Object.hasOwn(record, name) ? record[name] : undefined;
    if (field.kind === "instant") {
      const instant = typeof value === "string" ? parseInstant(value) : null;
      if (instant === null) throw wrong(name, wanted(field), value);
      columns.eventMs[row] = instant.ms;
      columns.eventNs[row] = instant.ns;
      return;
    }
    const column = columns.fields[name];
    if (value === null || value === undefined) {
      if (!field.nullable) throw wrong(name, wanted(field), value);
      column.nulls![row] = 1;
      column.values[row] = 0;
      if (column.ends) column.ends[row] = 0;
      return;
    }
    if (column.nulls) column.nulls[row] = 0;
    if (field.kind === "string") {
      const start = texts.length;
      addText(name, field, value, texts);
      column.values[row] = textBase + start;
      column.ends![row] = textBase + texts.length;
    } else {
      column.values[row] = this.#number(name, column, value);
    }
  }

  /** The number that the column of a field other than a string holds for `value`. */
  #number(name: string, { field }: FieldColumn, value: unknown): number {
    switch (field.kind) {
      case "boolean":
        if (typeof value === "boolean") return value ? 1 : 0;
        break;
      case "enumeration": {
        const code = typeof value === "string" ? this.#codes.get(name)!.get(value) : undefined;
        if (code !== undefined) return code;
        break;
      }
      default: {
        if (typeof value !== "number") break;
        const { min = 0, max = 2 ** 32 - 1 } = field;
        const isDecimal = field.kind === "decimal";
        const number = isDecimal ? this.#units(name, field, value) : value;
        const { least, greatest } = this.#bounds.get(name) ?? { least: min, greatest: max };
        if (number < least) throw wrong(name, `at least ${min}`, value);
        if (number > greatest) throw wrong(name, `at most ${max}`, value);
        // Adding 0 turns −0 into 0.
        if (isDecimal || Number.isInteger(value)) return number + 0;
      }
    }
    throw wrong(name, wanted(field), value);
  }

  /**
   * `value` in units of its field's scale. A tie has few enough digits to be the shortest text of its
   * float. So where the shortest text of `value` is no tie, none lies between it and the text that the
   * record has, and both round alike. Where it is one, the record's own digits decide.
   */
  #units(name: string, { scale = 0 }: Field, value: number): number {
    if (!Number.isFinite(value)) return value;
    const { units, isTie } = roundDecimal(String(value), scale);
    return isTie ? roundDecimal(sourceOfNumber(this.#text, name), scale).units : units;
  }
}

function addText(name: string, field: Field, value: unknown, texts: TextOverflow): void {
  if (typeof value !== "string") throw wrong(name, wanted(field), value);
  if (!value.isWellFormed()) {
    throw wrong(name, "well-formed text", `lone surrogate in ${quote(value)}`, true);
  }
  const start = texts.length;
  texts.add(value);
  const bytes = texts.length - start;
  if (bytes > field.maxBytes!) {
    throw wrong(
      name,
      `at most ${field.maxBytes} bytes long`,
      `${bytes} bytes: ${quote(value)}`,
      true,
    );
  }
}

function wrong(name: string, wants: string, got: unknown, described = false): FieldFault {
  return new FieldFault(
    name,
    `${name} must be ${wants}, got ${described ? got : describeValue(got)}`,
  );
}

function wanted(field: Field): string {
  switch (field.kind) {
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "enumeration":
      return `one of ${field.values!.join(", ")}`;
    case "decimal":
      return "a number";
    case "uint32":
    case "integer":
      return "a whole number";
    case "instant":
      return "an ISO 8601 instant from 1970 to 2105";
  }
}
