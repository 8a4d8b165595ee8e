/**
 * Rows of one key merged here, as the engine's SQL merges and shows them ({@link mergeSql} and the
 * `sql` of a shown column). It is the same to the last digit: sums and extremes are integers of the
 * column's scale, and what is shown as a fraction is computed from the same binary fractions.
 */
import type { MeasureColumn, Plugin } from "../plugin.ts";
import { readArithmetic } from "./arithmetic.ts";

/**
 * Measure columns as `JSONEachRow` writes them with quoted numbers, or with integers of the column's
 * scale as they are.
 */
export type MeasureRow = Readonly<Record<string, string | bigint | null | readonly number[]>>;

/** Shown values by name. */
export type ShownValues = Readonly<Record<string, number | null>>;

/** Merges rows; none of them is the empty merge. */
export type MergeRows = (rows: readonly MeasureRow[]) => ShownValues;

/** A merged column: a scaled integer, or a set; null where there is no value. */
type Merged = bigint | ReadonlySet<number> | null;

/**
 * How to merge the rows of one key of a plugin.
 *
 * @returns null where what is shown takes more than arithmetic: then the engine is asked for all.
 */
export function mergerOf(plugin: Plugin): MergeRows | null {
  const columns = new Map(plugin.measureColumns.map((column) => [column.name, column]));
  const names = new Set(columns.keys());
  const shown: Record<string, (merged: ReadonlyMap<string, Merged>) => number | null> = {};
  const finite = (name: string, sql: string) => {
    const compute = readArithmetic(sql, names);
    if (compute === null) return false;
    shown[name] = (merged) => {
      const value = compute((of) => toFloat(columns.get(of)!, merged.get(of)!));
      return Number.isFinite(value) ? value : null;
    };
    return true;
  };
  for (const [name, { kind }] of Object.entries(plugin.measures)) {
    if (kind === "avg") finite(name, `${name}_sum / ${name}_count`);
    else shown[name] = (merged) => toNumber(columns.get(name)!, merged.get(name)!);
  }
  for (const [name, sql] of Object.entries(plugin.derive ?? {})) {
    if (!finite(name, sql)) return null;
  }
  return (rows) => {
    const merged = new Map<string, Merged>();
    for (const column of columns.values()) merged.set(column.name, mergeColumn(column, rows));
    return Object.fromEntries(Object.entries(shown).map(([name, of]) => [name, of(merged)]));
  };
}

function mergeColumn(column: MeasureColumn, rows: readonly MeasureRow[]): Merged {
  const { name, monoid } = column;
  if (monoid === "union") {
    return new Set(rows.flatMap((row) => row[name] as readonly number[]));
  }
  const scale = scaleOf(column);
  const values = rows.flatMap((row) =>
    row[name] === null ? [] : [scaledInteger(row[name] as string | bigint, scale)]
  );
  if (monoid === "sum") return values.reduce((sum, value) => sum + value, 0n);
  if (values.length === 0) return null;
  return values.reduce((a, b) => (monoid === "min" ? a < b : a > b) ? a : b);
}

/** As JSON has it. */
function toNumber(column: MeasureColumn, value: Merged): number | null {
  if (value === null) return null;
  return typeof value === "bigint" ? Number(decimalText(value, scaleOf(column))) : value.size;
}

/** As `toFloat64` has it; what is null makes all that is computed of it null. */
function toFloat(column: MeasureColumn, value: Merged): number {
  if (value === null) return NaN;
  return typeof value === "bigint" ? Number(value) / 10 ** scaleOf(column) : value.size;
}

/** Digits behind the point of a column's values. */
const scaleOf = ({ sqlType }: MeasureColumn) =>
  Number(/Decimal\(\d+, (\d+)\)/.exec(sqlType)?.[1] ?? 0);

/** `"-1.5"` at scale 3 is -1500. */
function scaledInteger(text: string | bigint, scale: number): bigint {
  if (typeof text === "bigint") return text;
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(scale, "0"));
}

function decimalText(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${value < 0n ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}
