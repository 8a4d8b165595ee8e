import type { Columns } from "../model/columns.ts";
import type { EventSchema, FieldKind } from "../events.ts";
import { unitBounds } from "./decimal.ts";
import { hashIdentity } from "./identity.ts";
import { scanInstant } from "./instant_scan.ts";
import { Literals } from "./literals.ts";
import { scanText } from "./text_scan.ts";
import { skipScalar, skipSpace } from "./value_skip.ts";

const QUOTE = 0x22, COMMA = 0x2c, MINUS = 0x2d, POINT = 0x2e, ZERO = 0x30, FIVE = 0x35;
const NINE = 0x39, COLON = 0x3a;
const OPEN = 0x7b, CLOSE = 0x7d, LETTER_E = 0x45, LETTER_N = 0x6e;

/** Digits that a 64-bit float surely holds. */
const SAFE_DIGITS = 15;

const powerOfTen = Float64Array.from({ length: 7 }, (_, n) => 10 ** n);

const kindCode: Record<FieldKind, number> = {
  string: 0,
  uint32: 1,
  enumeration: 2,
  decimal: 3,
  instant: 4,
  integer: 5,
  boolean: 6,
};

/** The arrays of one field's column; those that its kind does not have are empty. */
interface Target {
  words: Uint32Array;
  ends: Uint32Array;
  codes: Uint8Array;
  numbers: Float64Array;
  nulls: Uint8Array;
}

/**
 * Decodes the usual shape of a record straight from its bytes into columns: a flat object whose
 * declared fields have no escapes and plain numbers, in any order of keys, with white space wherever
 * JSON allows it, and unknown fields that are not nested.
 *
 * It knows only *yes* and *I do not know*: a record that it accepts has the columns that
 * {@link JsonFallback} gives; whatever it does not recognise, faults included, it leaves to that.
 *
 * It takes tokens strictly from left to right and may look beyond a record's end (into the next
 * record) before it notices. That is harmless, since a record is accepted only if the last token
 * ends where the record ends. Which key follows which is remembered from record to record, so that
 * a key usually costs one comparison.
 */
export class FastScan {
  readonly #literals = new Literals();
  readonly #null = this.#literals.add("null");
  readonly #true = this.#literals.add("true");
  readonly #false = this.#literals.add("false");
  readonly #fieldCount: number;
  readonly #kind: Uint8Array;
  readonly #nullable: Uint8Array;
  readonly #key: Int32Array;
  /** string: the most bytes. */
  readonly #maxBytes: Float64Array;
  /** integer and decimal: the bounds, in units of the scale. */
  readonly #least: Float64Array;
  readonly #greatest: Float64Array;
  readonly #scale: Uint8Array;
  /** enumeration: the literal of each code, −1 for one that JSON has to escape. */
  readonly #codes: Int32Array[];
  readonly #eventId: number;
  /** By field, the field that followed it last time; the last entry is for the first key. */
  readonly #successor: Int32Array;
  /** The record in which a field was seen last, to notice duplicates and absence. */
  readonly #seenIn: Float64Array;
  #record = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #columns: Columns | null = null;
  #targets: Target[] = [];
  #eventMs: Float64Array = new Float64Array(0);
  #eventNs: Uint32Array = new Uint32Array(0);

  constructor(schema: EventSchema) {
    const names = schema.fieldNames;
    const fields = names.map((name) => schema.fields[name]);
    this.#fieldCount = names.length;
    this.#kind = Uint8Array.from(fields, ({ kind }) => kindCode[kind]);
    this.#nullable = Uint8Array.from(fields, ({ nullable }) => nullable ? 1 : 0);
    this.#key = Int32Array.from(names, (name) => this.#literals.add(`"${name}"`));
    this.#maxBytes = Float64Array.from(fields, ({ maxBytes = 0 }) => maxBytes);
    const bounds = fields.map(unitBounds);
    this.#least = Float64Array.from(bounds, ({ least }) => least);
    this.#greatest = Float64Array.from(bounds, ({ greatest }) => greatest);
    this.#scale = Uint8Array.from(fields, ({ scale = 0 }) => scale);
    this.#codes = fields.map(({ values = [] }) =>
      Int32Array.from(values, (value) => {
        const text = JSON.stringify(value);
        return text === `"${value}"` ? this.#literals.add(text) : -1;
      })
    );
    this.#eventId = names.indexOf(schema.eventId);
    this.#successor = Int32Array.from(
      { length: names.length + 1 },
      (_, f) => (f + 1) % names.length,
    );
    this.#successor[names.length] = 0;
    this.#seenIn = new Float64Array(names.length);
  }

  /**
   * Prepares for records whose values lie in `bytes`, less than 2 GiB, to be decoded into `columns`.
   */
  bind(bytes: Uint8Array, columns: Columns): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#columns === columns) return;
    this.#columns = columns;
    this.#eventMs = columns.eventMs;
    this.#eventNs = columns.eventNs;
    const none = {
      words: new Uint32Array(0),
      ends: new Uint32Array(0),
      codes: new Uint8Array(0),
      numbers: new Float64Array(0),
      nulls: new Uint8Array(0),
    };
    this.#targets = columns.schema.fieldNames.map((name) => {
      if (!Object.hasOwn(columns.fields, name)) return { ...none };
      const { values, ends = none.ends, nulls = none.nulls } = columns.fields[name];
      return {
        words: values instanceof Uint32Array ? values : none.words,
        ends,
        codes: values instanceof Uint8Array ? values : none.codes,
        numbers: values instanceof Float64Array ? values : none.numbers,
        nulls,
      };
    });
  }

  /**
   * Decodes the value at `[start, end)` of the bound bytes into row `row`.
   *
   * @returns false where it does not know; then the row holds anything.
   */
  scan(row: number, start: number, end: number): boolean {
    // Positions read from Uint32Arrays would be carried as floats; as signed 32 bits they are not.
    start |= 0;
    end |= 0;
    const bytes = this.#bytes;
    const view = this.#view;
    const literals = this.#literals;
    const keys = this.#key;
    const successor = this.#successor;
    const seenIn = this.#seenIn;
    const record = ++this.#record;
    let seen = 0;
    let unknown = 0;
    let before = this.#fieldCount;
    let p = skipSpace(bytes, start, end);
    if (p >= end || bytes[p] !== OPEN) return false;
    for (;;) {
      p++;
      if (bytes[p] !== QUOTE) p = skipSpace(bytes, p, end);
      let f = successor[before];
      let behind = literals.match(keys[f], view, p, end);
      if (behind < 0) {
        f = this.#fieldAt(p, end);
        if (f >= 0) {
          successor[before] = f;
          behind = literals.match(keys[f], view, p, end);
        } else {
          if (p >= end || bytes[p] !== QUOTE) return false;
          behind = scanText(bytes, view, p + 1, end) + 1;
          if (behind === 0) return false;
        }
      }
      p = behind;
      if (bytes[p] !== COLON) {
        p = skipSpace(bytes, p, end);
        if (bytes[p] !== COLON) return false;
      }
      p++;
      if (bytes[p] <= 0x20) p = skipSpace(bytes, p, end);
      if (p >= end) return false;
      if (f >= 0) {
        if (seenIn[f] === record) return false;
        seenIn[f] = record;
        seen++;
        before = f;
        p = this.#value(row, f, p, end);
      } else {
        unknown = 1;
        p = skipScalar(bytes, view, p, end);
      }
      if (p < 0) return false;
      let next = bytes[p];
      if (next <= 0x20) {
        p = skipSpace(bytes, p, end);
        next = bytes[p];
      }
      if (next === CLOSE) break;
      if (next !== COMMA) return false;
    }
    p++;
    if (p !== end && skipSpace(bytes, p, end) !== end) return false;
    if (seen !== this.#fieldCount && !this.#fillAbsent(row, record)) return false;
    const columns = this.#columns!;
    columns.unknown[row] = unknown;
    const id = this.#targets[this.#eventId];
    // The fallback says why such an event is refused.
    if (id.words[row] === id.ends[row]) return false;
    hashIdentity(
      view,
      id.words[row] | 0,
      id.ends[row] | 0,
      this.#eventMs[row],
      this.#eventNs[row],
      columns.identity,
      row * 4,
    );
    return true;
  }

  /** @returns the declared field whose quoted name stands at `p`, or −1. */
  #fieldAt(p: number, end: number): number {
    for (let f = 0; f < this.#fieldCount; f++) {
      if (this.#literals.match(this.#key[f], this.#view, p, end) >= 0) return f;
    }
    return -1;
  }

  /** Marks the nullable fields that the record lacks. @returns false where another one lacks. */
  #fillAbsent(row: number, record: number): boolean {
    for (let f = 0; f < this.#fieldCount; f++) {
      if (this.#seenIn[f] === record) continue;
      if (this.#nullable[f] === 0) return false;
      this.#setNull(row, f);
    }
    return true;
  }

  #setNull(row: number, f: number): void {
    const target = this.#targets[f];
    target.nulls[row] = 1;
    // Writes beyond the end of a typed array do nothing: only the arrays that the kind has change.
    target.words[row] = 0;
    target.ends[row] = 0;
    target.codes[row] = 0;
    target.numbers[row] = 0;
  }

  /** Decodes field `f` at `p`. @returns the position behind its value, or −1. */
  #value(row: number, f: number, p: number, end: number): number {
    if (this.#nullable[f] === 1) {
      if (this.#bytes[p] === LETTER_N) {
        this.#setNull(row, f);
        return this.#literals.match(this.#null, this.#view, p, end);
      }
      this.#targets[f].nulls[row] = 0;
    }
    switch (this.#kind[f]) {
      case 0: // string
        return this.#string(row, f, p, end);
      case 1: // uint32
        return this.#uint32(row, f, p, end);
      case 2: // enumeration
        return this.#enumeration(row, f, p, end);
      case 4: // instant
        if (this.#bytes[p] !== QUOTE) return -1;
        return scanInstant(this.#bytes, p + 1, end, this.#eventMs, this.#eventNs, row);
      case 6: // boolean
        return this.#boolean(row, f, p, end);
      default: // integer and decimal
        return this.#number(row, f, p, end);
    }
  }

  #string(row: number, f: number, p: number, end: number): number {
    if (this.#bytes[p] !== QUOTE) return -1;
    const start = p + 1;
    const textEnd = scanText(this.#bytes, this.#view, start, end);
    if (textEnd < 0 || textEnd - start > this.#maxBytes[f]) return -1;
    const target = this.#targets[f];
    target.words[row] = start;
    target.ends[row] = textEnd;
    return textEnd + 1;
  }

  #uint32(row: number, f: number, p: number, end: number): number {
    const bytes = this.#bytes;
    const start = p;
    let value = 0;
    for (; p < end; p++) {
      const digit = bytes[p] - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = p - start;
    if (digits === 0 || digits > 10 || value > 4294967295) return -1;
    if (digits > 1 && bytes[start] === ZERO) return -1;
    if (isFractionOrExponent(bytes[p])) return -1;
    this.#targets[f].words[row] = value;
    return p;
  }

  #number(row: number, f: number, p: number, end: number): number {
    const bytes = this.#bytes;
    const negative = bytes[p] === MINUS;
    if (negative) p++;
    const start = p;
    let value = 0;
    for (; p < end; p++) {
      const digit = bytes[p] - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    let digits = p - start;
    if (digits === 0 || (digits > 1 && bytes[start] === ZERO)) return -1;
    let unit = this.#scale[f];
    if (bytes[p] === POINT) {
      const from = ++p;
      for (; p < end && p - from < unit; p++) {
        const digit = bytes[p] - ZERO;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      const places = p - from;
      digits += places;
      unit -= places;
      // Half away from zero: the first digit beyond the scale decides, whatever follows it. A whole
      // number may have zeros only behind its point.
      const most = this.#kind[f] === kindCode.decimal ? NINE : ZERO;
      if (bytes[p] >= FIVE && bytes[p] <= most) value++;
      while (p < end && bytes[p] >= ZERO && bytes[p] <= most) p++;
      if (p === from || (bytes[p] >= ZERO && bytes[p] <= NINE)) return -1;
    }
    if (digits > SAFE_DIGITS || isFractionOrExponent(bytes[p])) return -1;
    value *= powerOfTen[unit];
    if (negative) value = 0 - value;
    if (value < this.#least[f] || value > this.#greatest[f]) return -1;
    this.#targets[f].numbers[row] = value;
    return p;
  }

  #enumeration(row: number, f: number, p: number, end: number): number {
    const codes = this.#codes[f];
    for (let code = 0; code < codes.length; code++) {
      if (codes[code] < 0) continue;
      const behind = this.#literals.match(codes[code], this.#view, p, end);
      if (behind < 0) continue;
      this.#targets[f].codes[row] = code;
      return behind;
    }
    return -1;
  }

  #boolean(row: number, f: number, p: number, end: number): number {
    const yes = this.#literals.match(this.#true, this.#view, p, end);
    this.#targets[f].codes[row] = yes >= 0 ? 1 : 0;
    return yes >= 0 ? yes : this.#literals.match(this.#false, this.#view, p, end);
  }
}

function isFractionOrExponent(byte: number): boolean {
  return byte === POINT || (byte | 0x20) === (LETTER_E | 0x20);
}
