import { UserError } from "../std/errors.ts";
import type { EventSchema, FieldKind } from "../events.ts";
import { constant, type EventWriter } from "./event_writer.ts";
import { quoted, type RefusedRow, type RowWriter } from "./row_writer.ts";

const QUOTE = 0x22, COMMA = 0x2c, ZERO = 0x30, NINE = 0x39, MINUS = 0x2d;
const MAX_HEADER_BYTES = 2 ** 14;

/** How a cell is written: as text, or bare where it has the pattern. */
type CellType = "text" | "number" | "boolean";

const cellTypes: Readonly<Record<FieldKind, CellType>> = {
  string: "text",
  enumeration: "text",
  instant: "text",
  uint32: "number",
  integer: "number",
  decimal: "number",
  boolean: "boolean",
};

interface Column {
  readonly name: string;
  /** `"name":` */
  readonly key: Uint8Array;
  readonly type: CellType;
}

/** The cells of one row: where each lies without its quotes. */
export class Cells {
  count = 0;
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Whether two quotes stand for one within a cell. */
  readonly doubled: boolean[] = [];

  /** Finds the cells of `bytes[start, end)`. @returns what is wrong with it, in words, or null. */
  split(bytes: Uint8Array, start: number, end: number): string | null {
    this.count = 0;
    for (let p = start;; p++) {
      if (p < end && bytes[p] === QUOTE) {
        p = this.#quotedCell(bytes, p + 1, end);
        if (p < 0) return "a closing quote";
        if (p < end && bytes[p] !== COMMA) return "a comma behind the closing quote";
      } else {
        const from = p;
        while (p < end && bytes[p] !== COMMA) p++;
        this.#add(from, p, false);
      }
      if (p >= end) return null;
    }
  }

  /** The text of a cell of `bytes`, which were split. */
  text(bytes: Uint8Array, cell: number): string {
    const text = new TextDecoder().decode(bytes.subarray(this.starts[cell], this.ends[cell]));
    return this.doubled[cell] ? text.replaceAll('""', '"') : text;
  }

  /** @returns the place behind the closing quote, or −1. */
  #quotedCell(bytes: Uint8Array, start: number, end: number): number {
    let doubled = false;
    for (let p = start; p < end; p++) {
      if (bytes[p] !== QUOTE) continue;
      if (bytes[p + 1] !== QUOTE || p + 1 >= end) {
        this.#add(start, p, doubled);
        return p + 1;
      }
      doubled = true;
      p++;
    }
    return -1;
  }

  #add(start: number, end: number, doubled: boolean): void {
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.doubled[this.count++] = doubled;
  }
}

/**
 * Rows of CSV (RFC 4180, UTF-8) as events of a schema. The header names the fields, in any order;
 * other columns are kept as unknown fields, as text. An empty cell is an absent field.
 *
 * @example
 * ```ts
 * import { defineSchema, instant, string, uint32 } from "../events.ts";
 * import { CsvRows } from "./csv_rows.ts";
 * import { EventWriter } from "./event_writer.ts";
 * const visits = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "user",
 *   fields: { id: string(), at: instant(), user: uint32() },
 * });
 * const rows = new CsvRows(visits);
 * const [head, row] = ["user,page,id,at", '7,"a ""b""",x1,'].map((t) => new TextEncoder().encode(t));
 * rows.header(head, 0, head.length);
 * const writer = new EventWriter();
 * rows.write(row, 0, row.length, writer);
 * const text = new TextDecoder().decode(writer.view());
 * if (text !== '{"user":7,"page":"a \\"b\\"","id":"x1"}') throw new Error(text);
 * ```
 */
export class CsvRows implements RowWriter {
  readonly #cells = new Cells();
  #columns: readonly Column[] = [];

  constructor(readonly schema: EventSchema) {}

  header(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > MAX_HEADER_BYTES) {
      throw fault(`a header of at most ${MAX_HEADER_BYTES} bytes`, `${end - start}`);
    }
    const broken = this.#cells.split(bytes, start, end);
    if (broken !== null) throw fault(broken, quoted(bytes, start, end));
    const { count } = this.#cells;
    const names = Array.from({ length: count }, (_, cell) => this.#cells.text(bytes, cell));
    this.#check(names);
    this.#columns = names.map((name) => ({
      name,
      key: constant(`${JSON.stringify(name)}:`),
      type: Object.hasOwn(this.schema.fields, name)
        ? cellTypes[this.schema.fields[name].kind]
        : "text",
    }));
    return true;
  }

  #check(names: readonly string[]): void {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) throw fault("each name once", `${JSON.stringify(twice)} twice`);
    const { fieldNames, fields } = this.schema;
    const missing = fieldNames.filter((name) => !fields[name].nullable && !names.includes(name));
    if (missing.length === 0) return;
    throw fault(`a header that names ${missing.join(", ")}`, JSON.stringify(names.join(",")));
  }

  write(bytes: Uint8Array, start: number, end: number, writer: EventWriter): RefusedRow | null {
    const columns = this.#columns;
    const cells = this.#cells;
    const broken = cells.split(bytes, start, end);
    if (broken !== null) {
      return { field: "", reason: `expected ${broken}, got ${quoted(bytes, start, end)}` };
    }
    if (cells.count !== columns.length) {
      return { field: "", reason: `expected ${columns.length} cells, got ${cells.count}` };
    }
    let between = OPEN;
    for (let i = 0; i < columns.length; i++) {
      if (cells.starts[i] === cells.ends[i]) continue;
      writer.raw(between);
      between = NEXT;
      writer.raw(columns[i].key);
      this.#cell(bytes, i, columns[i].type, writer);
    }
    writer.raw(between === OPEN ? EMPTY : CLOSE);
    return null;
  }

  #cell(bytes: Uint8Array, i: number, type: CellType, writer: EventWriter): void {
    let start = this.#cells.starts[i];
    const end = this.#cells.ends[i];
    if (type === "number" && isNumber(bytes, start, end)) {
      const first = bytes[start] === MINUS ? start + 1 : start;
      writer.raw(bytes, start, first);
      // A JSON number has no leading zeros.
      for (start = first; bytes[start] === ZERO && isDigit(bytes[start + 1]) && start + 1 < end;) {
        start++;
      }
      return writer.raw(bytes, start, end);
    }
    if (type === "boolean" && isBoolean(bytes, start, end)) return writer.raw(bytes, start, end);
    writer.raw(TEXT);
    for (let from = start; from < end;) {
      const pair = this.#cells.doubled[i] ? bytes.indexOf(QUOTE, from) : -1;
      const to = pair === -1 || pair >= end ? end : pair + 1;
      writer.jsonText(bytes, from, to);
      from = to === end ? end : to + 1;
    }
    writer.raw(TEXT);
  }
}

const OPEN = constant("{");
const NEXT = constant(",");
const CLOSE = constant("}");
const EMPTY = constant("{}");
const TEXT = constant('"');

function fault(wanted: string, got: string): UserError {
  return new UserError(`Cannot read CSV: expected ${wanted}, got ${got}`, { field: "body" });
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** Whether it is a number, as JSON has it but for leading zeros. What is none goes on as text. */
function isNumber(bytes: Uint8Array, start: number, end: number): boolean {
  const digits = (from: number) => {
    let p = from;
    while (p < end && isDigit(bytes[p])) p++;
    return p;
  };
  const whole = bytes[start] === MINUS ? start + 1 : start;
  let p = digits(whole);
  if (p === whole) return false;
  if (p < end && bytes[p] === 0x2e) {
    const fraction = ++p;
    if ((p = digits(fraction)) === fraction) return false;
  }
  if (p < end && (bytes[p] | 0x20) === 0x65) {
    p++;
    if (p < end && (bytes[p] === 0x2b || bytes[p] === MINUS)) p++;
    const exponent = p;
    if ((p = digits(exponent)) === exponent) return false;
  }
  return p === end;
}

function isBoolean(bytes: Uint8Array, start: number, end: number): boolean {
  const text = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 6)));
  return text === "true" || text === "false";
}
