/**
 * The contract of measures. A measure is one object in a file of its own, and only that file knows
 * how the measure works: the layers call what this module declares and never ask for its kind.
 */
import type { Columns } from "../model/columns.ts";
import type { Field, FieldKind } from "../events.ts";
import { Expression } from "../expressions/expression.ts";
import { onlyWhere } from "../expressions/logic.ts";
import type { AnyExpression, BooleanExpression } from "../expressions/typed.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";

/** A measure as a plugin declares it. Made by `count()`, `sum(field)` and so on. */
export interface Measure {
  /** The name of its {@link MeasureKind}. */
  readonly kind: string;
  /** The column that it reads, of a field or of an expression; undefined for `count`. */
  readonly field?: string;
  /** What one of its values is. Default: the unit of its field, where its kind keeps that. */
  readonly unit?: string;
  /** What gives the column; left out once the plugin is defined: then it is plain data. */
  readonly input?: Expression;
}

/** What every measure takes. */
export interface MeasureOptions {
  /** Which of the metric's events it takes: those for which it is true. Default: all. */
  readonly where?: BooleanExpression;
  /**
   * What one of its values is: `seconds`, `milliseconds`, `bytes`, `share` (0 to 1), `percent` (0 to
   * 100), or any word. Default: the unit of its field for sums, means, extremes, quantiles, standard
   * deviations and single values; none for others.
   */
  readonly unit?: string;
}

/** A measure of what an expression gives, of the events that meet a condition. */
export function measureOf(
  kind: string,
  given: AnyExpression,
  { where, unit }: MeasureOptions = {},
): Measure {
  const value = given as unknown as Expression;
  const input = where === undefined ? value : Expression.call(
    onlyWhere,
    [value, where as unknown as Expression].map((each) => Expression.constant(each)),
  );
  return { kind, field: input?.text, input, unit };
}

/** One kind of measure. */
export interface MeasureKind<M extends Measure = Measure> {
  /** The kinds of field that it takes; empty where it reads no field. */
  readonly takes: readonly FieldKind[];
  /** Whether what it shows has the unit of its field. Default false. */
  readonly keepsUnit?: boolean;
  /** What a declared measure keeps and shows. */
  define(declared: DeclaredMeasure<M>): DefinedMeasure;
}

/** A measure with its name and the type of its field. */
export interface DeclaredMeasure<M extends Measure = Measure> {
  readonly name: string;
  readonly measure: M;
  /** The name and type of the field; undefined where the kind takes none. */
  readonly fieldName: string;
  readonly field: Field;
  /** The field in batch SQL. */
  readonly fieldSql: string;
  /** What identifies an event: the field of its id; id and time in batch SQL. */
  readonly event: { readonly id: string; readonly idSql: string; readonly timeSql: string };
}

/** What a measure keeps in the tables, and what it shows of that. */
export interface DefinedMeasure {
  readonly columns: readonly MeasureColumn[];
  readonly shown: readonly ShownMeasure[];
}

/**
 * A column that a measure keeps in every table of its plugin: the states of a commutative monoid.
 * `State` is a state in this process, `States` the states of a block's cells in the speed layer.
 */
export interface MeasureColumn<
  State = unknown,
  States extends CellStates<State> = CellStates<State>,
> {
  readonly name: string;
  /** The ClickHouse type in every table of the plugin. */
  readonly sqlType: string;
  /** What decides its values besides its name, as JSON: part of the plugin's generation. */
  readonly meaning: readonly unknown[];
  /**
   * Whether `a ⊕ c = b ⊕ c` proves `a = b`, as it does for sums. The least of some values stays the
   * same when another one is lost.
   */
  readonly cancels: boolean;
  /** Whether states are numbers that add up: `verify` compares the sums of a run's levels. */
  readonly additive: boolean;
  /** What states count: all events of a group, or those with a value. Left out: something else. */
  readonly counts?: "events" | "values";
  /** Whether states are collections, which cost far more to read and merge than numbers. */
  readonly large: boolean;
  /**
   * How many seconds apart, at most, elements of states of one key belong together: a state is an
   * array of tuples that begin with the time at which an element starts, in milliseconds since 1970
   * UTC. Readers merge a key's states over all buckets of a range and so many seconds before it;
   * then each element counts in the bucket in which it starts. There is no all-time roll-up. Left
   * out: the states of buckets add up, and so do those of keys.
   */
  readonly joinSeconds?: number;
  /** What batch SQL has to return for it. */
  readonly returns: ReturnedType;

  /** Empty states for so many cells. @param like the states of the block before, as a hint. */
  allocate(capacity: number, like?: States): States;
  /** The loop that adds events to states. */
  adder(columns: Columns): Adder<States>;

  /** A state from a value of `JSONEachRow` whose 64-bit integers and decimals are quoted. */
  read(value: unknown): State;
  /** Merges states; of none it is the empty state. */
  merge(states: readonly State[]): State;
  /** A merged state as the number that {@link floatSql} gives; NaN where it has no value. */
  toFloat(state: State): number;

  /** The state of a group of `events`, or of those that meet a condition: generated batch SQL. */
  buildSql(condition?: string): string;
  /** The state to store for what batch SQL has returned, before it is cast to `sqlType`. */
  storedSql(returned: string): string;
  /** Merges the states of a group, or of its rows that meet a condition. */
  mergeSql(state: string, condition?: string): string;
  /**
   * How far two merged states are apart: a Float64 that is 0 exactly where they are equal, above 0
   * elsewhere and never NULL.
   */
  differenceSql(a: string, b: string): string;
  /** A merged state as a String that a person reads. */
  textSql(state: string): string;
  /** A merged state as a Float64, for `derive`. */
  floatSql(state: string): string;
}

/** The states of a block's cells, by cell. */
export interface CellStates<State = unknown> {
  /** Makes room for so many cells. */
  grow(capacity: number): void;
  /** The state of a cell. */
  of(cell: number): State;
  /** Writes the state of a cell in RowBinary. */
  write(writer: RowBinaryWriter, cell: number): void;
  /**
   * Keeps only what reading takes: nothing may be added any more.
   *
   * @param cells how many there are.
   * @returns how many bytes that is.
   */
  seal(cells: number): number;
}

/** A tight loop over one column: a function called per event costs more than the step itself. */
export interface Adder<States> {
  /**
   * Adds the rows `[firstRow, endRow)`.
   *
   * @param cellOf the cell of each row, or −1 where the row does not count.
   */
  add(states: States, cellOf: Int32Array, firstRow: number, endRow: number): void;
}

/** A column of the answers. */
export interface ShownMeasure {
  readonly name: string;
  /** Its type in answers. */
  readonly type: "integer" | "decimal" | "number" | "string" | "enumeration" | "boolean";
  /** What one of its values is. Default: what its measure says. */
  readonly unit?: string;
  /** SQL over the merged columns of a relation called `merged`, or the name of one. */
  readonly sql: string;
  /** The same in this process. */
  of(stateOf: StateOf): ShownValue;
}

/** A shown value; an enumeration's is its text. */
export type ShownValue = number | string | boolean | null;

/**
 * Whether a measure is shown as a number: only then can others be derived from it, and only then
 * has it a time series.
 */
export const isNumeric = ({ type }: { readonly type: string }): boolean =>
  type === "integer" || type === "decimal" || type === "number";

/** Gives the merged state of a column. */
export type StateOf = <State>(column: MeasureColumn<State>) => State;

/** A type that a column of batch SQL may have. */
export interface ReturnedType {
  readonly words: string;
  /** ClickHouse's names for it. */
  readonly pattern: RegExp;
  /** Whether values are compared with what the table holds of them. */
  readonly exact: boolean;
}

const NUMBER = String.raw`(Nullable\(|LowCardinality\()*(U?Int\d|Float|BFloat|Decimal|Bool)`;
const TEXT = String.raw`(Nullable\(|LowCardinality\()*(String|FixedString|Enum)`;

/** The types that columns of batch SQL may have. */
export const returned = {
  number: { words: "a number", pattern: new RegExp(`^${NUMBER}`), exact: true },
  text: { words: "a text", pattern: new RegExp(`^${TEXT}`), exact: false },
  numbers: {
    words: "an array of numbers",
    pattern: new RegExp(String.raw`^Array\(${NUMBER}`),
    exact: true,
  },
  texts: {
    words: "an array of texts",
    pattern: new RegExp(String.raw`^Array\(${TEXT}`),
    exact: false,
  },
} as const satisfies Readonly<Record<string, ReturnedType>>;

/** A tuple of event time, event id and a value, which is a number or a text. */
export const returnedEvent = (value: "number" | "text"): ReturnedType => ({
  words: `a tuple of event time, event id and ${returned[value].words}`,
  pattern: new RegExp(
    String.raw`^Tuple\((\w+ )?DateTime64\(9(, '\w+')?\), (\w+ )?String, (\w+ )?` +
      (value === "number" ? NUMBER : TEXT),
  ),
  exact: returned[value].exact,
});

/** A call of an aggregate function, over all rows of a group or those that meet a condition. */
export const aggregate = (name: string, argument: string, condition?: string): string =>
  condition === undefined
    ? `${name}(${argument})`
    : `${name}If(${argument === "" ? condition : `${argument}, ${condition}`})`;

/** A Float64 expression, or NULL where it is not finite. */
export const finiteSql = (sql: string): string => `if(isFinite(${sql}), ${sql}, NULL)`;
