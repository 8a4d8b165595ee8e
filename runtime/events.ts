/**
 * Event schemas: declared once, they drive decoding, validation, the archive's Parquet columns, SQL
 * types and the docs.
 */
import { sqlText } from "./std/sql_text.ts";

/** What a field holds. See {@link FieldType} for how each is kept. */
export type FieldKind =
  | "string"
  | "uint32"
  | "integer"
  | "enumeration"
  | "decimal"
  | "boolean"
  | "instant";

/**
 * The type of one field.
 *
 * | kind | JSON | column | ClickHouse |
 * |---|---|---|---|
 * | string | string, at most `maxBytes` of UTF-8 | start and end in the chunk's bytes | String |
 * | uint32 | whole number in 0..2³²−1 | Uint32Array | UInt32 |
 * | integer | whole number in `min`..`max` | Float64Array | Int64 |
 * | enumeration | one of `values` | Uint8Array, the position in `values` | Enum8 (position + 1) |
 * | decimal | number, rounded half away from zero to `scale` places, then in `min`..`max` | Float64Array, × 10^scale | Decimal(18, scale) |
 * | boolean | true or false | Uint8Array, 0 or 1 | Bool |
 * | instant | ISO 8601 text | only the event time; see {@link Columns} | DateTime64(9, 'UTC') |
 */
export interface FieldType {
  readonly kind: FieldKind;
  /** Whether null or absence is allowed. */
  readonly nullable: boolean;
  /** string: the most bytes of UTF-8. */
  readonly maxBytes?: number;
  /** enumeration: the values, in the order of their codes; at most 127. */
  readonly values?: readonly string[];
  /** decimal: places after the point, 0 to 6. */
  readonly scale?: number;
  /** integer and decimal: the least value, inclusive. */
  readonly min?: number;
  /** integer and decimal: the greatest value, inclusive. */
  readonly max?: number;
  /** Numbers: what one of them is; see {@link unitFault}. It decides how they are shown only. */
  readonly unit?: string;
}

/** One declared field: its type and a sentence about it. */
export interface Field extends FieldType {
  readonly summary: string;
}

/** Fields by name. */
export type Fields = Readonly<Record<string, Field>>;

/** The TypeScript value of a field, as a plugin's functions see it. Decimals are plain numbers. */
export type ValueOf<F extends FieldType> =
  | (F["kind"] extends "string" | "enumeration" ? string
    : F["kind"] extends "boolean" ? boolean
    : number)
  | (F["nullable"] extends false ? never : null);

/**
 * An event as a plugin's functions see it: a cursor that is moved from row to row, so never keep it.
 * The event time is milliseconds since 1970 UTC.
 */
export type EventOf<S extends EventSchema> = {
  readonly [Name in keyof S["fields"]]: ValueOf<S["fields"][Name]>;
};

/** What {@link defineSchema} takes. */
export interface SchemaDeclaration<F extends Fields = Fields> {
  /** The log's topic; also the archive's folder and the name of the schema. */
  readonly topic: string;
  /** Raised when the meaning of a field changes: part of every plugin's generation. */
  readonly version: number;
  readonly summary: string;
  /** The string field that, with the event time, identifies an event. */
  readonly eventId: string;
  /** The instant field that is the event time. */
  readonly eventTime: string;
  /** The uint32 or string field that producers key records by. */
  readonly partitionKey: string;
  readonly fields: F;
}

/** A validated schema. */
export interface EventSchema<F extends Fields = Fields> extends SchemaDeclaration<F> {
  /** Field names in declared order. */
  readonly fieldNames: readonly string[];
}

interface FieldOptions<N extends boolean> {
  readonly summary?: string;
  /** Whether null or absence is allowed. Default false. */
  readonly nullable?: N;
}

interface NumberOptions<N extends boolean> extends FieldOptions<N> {
  /**
   * What one of it is: `seconds`, `milliseconds`, `bytes`, `share` (0 to 1), `percent` (0 to 100), or
   * any word such as `stars`. Default: none.
   */
  readonly unit?: string;
}

/** A field of one kind, with its nullability as a type. */
export type FieldOf<K extends FieldKind, N extends boolean> = Field & {
  readonly kind: K;
  readonly nullable: N;
};

function field<K extends FieldKind, N extends boolean>(
  kind: K,
  options: Partial<Field> & FieldOptions<N>,
): FieldOf<K, N> {
  return Object.freeze({
    summary: "",
    ...options,
    kind,
    nullable: (options.nullable ?? false) as N,
  });
}

/** A text of at most `maxBytes` bytes of UTF-8 (default 256). */
export function string<N extends boolean = false>(
  options: FieldOptions<N> & { maxBytes?: number } = {},
): FieldOf<"string", N> {
  return field("string", { maxBytes: 256, ...options });
}

/** A whole number in 0..2³²−1, such as an id. */
export function uint32<N extends boolean = false>(
  options: NumberOptions<N> = {},
): FieldOf<"uint32", N> {
  return field("uint32", options);
}

/** A whole number in `min`..`max` (default ±10¹¹). */
export function integer<N extends boolean = false>(
  options: NumberOptions<N> & { min?: number; max?: number } = {},
): FieldOf<"integer", N> {
  return field("integer", { min: -1e11, max: 1e11, ...options });
}

/** One of a fixed list of texts. */
export function enumeration<const V extends readonly string[], N extends boolean = false>(
  values: V,
  options: FieldOptions<N> = {},
): FieldOf<"enumeration", N> & { readonly values: V } {
  return { ...field("enumeration", options), values };
}

/**
 * A number of a declared scale, held as a scaled integer so that sums are exact. A number of more
 * places is rounded by its digits, half away from zero: at scale 2, 1.005 is 1.01 and −1.005 is
 * −1.01. The bounds apply to the rounded number, and are rounded to the scale alike.
 */
export function decimal<N extends boolean = false>(
  options: NumberOptions<N> & { scale: number; min: number; max: number },
): FieldOf<"decimal", N> {
  return field("decimal", options);
}

/** true or false. */
export function boolean<N extends boolean = false>(
  options: FieldOptions<N> = {},
): FieldOf<"boolean", N> {
  return field("boolean", options);
}

/**
 * An instant as ISO 8601 text, up to nanoseconds, with `Z`, an offset, or none (UTC), within
 * 1970-01-01 and 2105-12-31, the range of ClickHouse's DateTime.
 */
export function instant(options: { summary?: string } = {}): FieldOf<"instant", false> {
  return field("instant", options);
}

/**
 * Declares an event schema.
 *
 * @throws {TypeError} naming the field, when the declaration does not hold together.
 * @example
 * ```ts
 * import { defineSchema, instant, string, uint32 } from "./events.ts";
 * const visits = defineSchema({
 *   topic: "visits",
 *   version: 1,
 *   summary: "Visits of a page",
 *   eventId: "id",
 *   eventTime: "at",
 *   partitionKey: "visitor",
 *   fields: { id: string(), at: instant(), visitor: uint32() },
 * });
 * if (visits.fieldNames.join() !== "id,at,visitor") throw new Error("unexpected");
 * ```
 */
export function defineSchema<const F extends Fields>(
  declaration: SchemaDeclaration<F>,
): EventSchema<F> {
  const { topic } = declaration;
  const fields: Fields = declaration.fields;
  const fault = (what: string) => new TypeError(`Cannot define schema "${topic}": ${what}`);
  if (!/^[a-z][a-z0-9._-]{0,99}$/.test(topic)) {
    throw fault(`topic must be lower-case letters, digits, ".", "_" or "-"`);
  }
  const wants = (role: string, name: string, kinds: FieldKind[]) => {
    if (!Object.hasOwn(fields, name)) {
      throw fault(`${role} names the field "${name}", which is not declared`);
    }
    const field = fields[name];
    if (!kinds.includes(field.kind) || field.nullable) {
      throw fault(`${role} "${name}" must be ${kinds.join(" or ")} and not nullable`);
    }
  };
  wants("eventId", declaration.eventId, ["string"]);
  wants("eventTime", declaration.eventTime, ["instant"]);
  wants("partitionKey", declaration.partitionKey, ["uint32", "string"]);
  for (const [name, field] of Object.entries(fields)) {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) throw fault(`field "${name}" must be snake_case`);
    if (reservedColumns.has(name)) throw fault(`field "${name}" has a reserved name`);
    if (field.kind === "instant" && name !== declaration.eventTime) {
      throw fault(`field "${name}": only the event time may be an instant`);
    }
    if (
      field.kind === "enumeration" && !(field.values!.length >= 1 && field.values!.length <= 127)
    ) {
      throw fault(`field "${name}" must have 1 to 127 values, got ${field.values!.length}`);
    }
    if (field.kind === "decimal" && !(field.scale! >= 0 && field.scale! <= 6)) {
      throw fault(`field "${name}" must have a scale of 0 to 6, got ${field.scale}`);
    }
    if (field.kind === "integer" && !(Number.isInteger(field.min) && Number.isInteger(field.max))) {
      throw fault(`field "${name}" must have whole bounds, got ${field.min} and ${field.max}`);
    }
    const wrong = unitFault(field.unit);
    if (wrong !== null) throw fault(`field "${name}": ${wrong}`);
    if (maxMagnitude(field) > MAX_MAGNITUDE) {
      throw fault(`field "${name}" has a range whose scaled values exceed ${MAX_MAGNITUDE}`);
    }
  }
  return Object.freeze({ ...declaration, fieldNames: Object.freeze(Object.keys(fields)) });
}

const UNIT = /^[\p{L}%°µ][\p{L}\p{N} %°µ²³/·.-]{0,23}$/u;

/**
 * Why a unit cannot be one; null where it can. Pages format numbers by the units `seconds`,
 * `milliseconds`, `bytes`, `share` (0 to 1) and `percent` (0 to 100), and name any other.
 *
 * @example
 * ```ts
 * import { unitFault } from "./events.ts";
 * if (unitFault("stars") !== null || unitFault("") === null) throw new Error("unexpected");
 * ```
 */
export function unitFault(unit: unknown): string | null {
  if (unit === undefined || (typeof unit === "string" && UNIT.test(unit))) return null;
  return `unit must be a word of at most 24 letters, such as seconds, bytes or stars, got ` +
    JSON.stringify(unit);
}

/** Columns that the archive and the `events` relation have beside the schema's own fields. */
export const reservedColumns: ReadonlySet<string> = new Set([
  "event_time",
  "log",
  "partition",
  "offset",
  "append_time",
  "raw",
]);

/**
 * The greatest scaled magnitude of a summed field: with it, 65,536 values (the largest block) sum
 * exactly in a 64-bit float.
 */
export const MAX_MAGNITUDE = 2 ** 37;

function maxMagnitude(field: Field): number {
  if (field.kind !== "decimal" && field.kind !== "integer") return 0;
  return Math.max(Math.abs(field.min!), Math.abs(field.max!)) * 10 ** (field.scale ?? 0);
}

/**
 * The ClickHouse type of a field, as in the archive, the `events` relation and the tables.
 *
 * @example
 * ```ts
 * import { clickHouseType, decimal } from "./events.ts";
 * const type = clickHouseType(decimal({ scale: 2, min: 0, max: 10, nullable: true }));
 * if (type !== "Nullable(Decimal(18, 2))") throw new Error(type);
 * ```
 */
export function clickHouseType(field: FieldType): string {
  const type = bareType(field);
  return field.nullable ? `Nullable(${type})` : type;
}

function bareType(field: FieldType): string {
  switch (field.kind) {
    case "string":
      return "String";
    case "uint32":
      return "UInt32";
    case "integer":
      return "Int64";
    case "boolean":
      return "Bool";
    case "instant":
      return "DateTime64(9, 'UTC')";
    case "decimal":
      return `Decimal(18, ${field.scale})`;
    case "enumeration":
      return `Enum8(${field.values!.map((value, i) => `${sqlText(value)} = ${i + 1}`).join(", ")})`;
  }
}
