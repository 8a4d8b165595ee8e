/**
 * The plugin contract: a metric declared once, registered for the speed and the batch layer.
 */
import { type Derived, type DerivedNode, derivedValue } from "./declaration/derived.ts";
import { type EventSchema, type Field, unitFault } from "./events.ts";
import type { Expression } from "./expressions/expression.ts";
import type { BooleanExpression, FieldsOf, KeyExpression } from "./expressions/typed.ts";
import {
  type DefinedMeasure,
  finiteSql,
  type Measure,
  type MeasureColumn,
  type ShownMeasure,
  type ShownValue,
  type StateOf,
} from "./measures/measure.ts";
import { measureKinds } from "./measures/measures.ts";
import { secondsOf } from "./std/seconds_of.ts";

export * from "./measures/measures.ts";
export type { Derived } from "./declaration/derived.ts";
export type { Measure, MeasureColumn } from "./measures/measure.ts";

/** A tumbling window of event time. */
export interface Window {
  readonly kind: "tumbling";
  /** Whole seconds; divides the grain. */
  readonly sizeSeconds: number;
}

/**
 * Consecutive windows of one size, aligned to 1970 UTC.
 *
 * @param size a whole number and `s`, `m` or `h`, such as `"10s"`.
 * @example
 * ```ts
 * import { tumbling } from "./plugin.ts";
 * if (tumbling("5m").sizeSeconds !== 300) throw new Error("unexpected");
 * ```
 */
export function tumbling(size: string): Window {
  return { kind: "tumbling", sizeSeconds: secondsOf("make window: size", size) };
}

/** A readable SQL view over a layer's state. */
export interface Relation {
  readonly name: string;
  /**
   * What it groups by, as SQL over the keys and (batch only) `bucket`, the start of the grain.
   * Default: the plugin's keys.
   */
  readonly by?: Readonly<Record<string, string>>;
  /** Its other columns, as SQL over the shown measures. Default: every shown measure. */
  readonly columns?: Readonly<Record<string, string>>;
}

/** What {@link definePlugin} takes: `K`, `M` and `D` name the keys, measures and derived columns. */
export interface PluginDeclaration<
  S extends EventSchema = EventSchema,
  K extends string = string,
  M extends string = string,
  D extends string = string,
> {
  /** snake_case; the metric's name in the API. */
  readonly name: string;
  /** Raised when the meaning changes: answers of two versions never mix. Default 1. */
  readonly version?: number;
  readonly summary: string;
  /** Which events count: those for which it is true. Default: all. */
  readonly where?: (fields: FieldsOf<S>) => BooleanExpression;
  /** Key columns by name. Default: none, one row for all events. */
  readonly key?: (fields: FieldsOf<S>) => { readonly [Name in K]: KeyExpression };
  readonly measures: (fields: FieldsOf<S>) => { readonly [Name in M]: Measure };
  /** What is computed from the measures, as they are shown, after the merge. */
  readonly derive?: (
    measures: { readonly [Name in NoInfer<Shown<M>>]: Derived },
  ) => { readonly [Name in D]: Derived };
  readonly stream?: {
    /** Default 10 s. */
    readonly window?: Window;
    /** Default `stream_<name>`. */
    readonly relation?: Partial<Relation>;
  };
  readonly batch?: {
    /**
     * A path below `sql/`, or the SQL itself, which reads `events`; see docs/plugins.md. Default: made
     * from `where`, `key` and `measures`.
     */
    readonly sql?: string;
    /** Default `hour`. */
    readonly grain?: Grain;
    /** Default `batch_<name>`. */
    readonly relation?: Partial<Relation>;
  };
  /** The merged view. Default `merged_<name>`. */
  readonly merged?: { readonly relation?: Partial<Relation> };
  readonly present?: Presentation<NoInfer<K>, NoInfer<K | Shown<M> | D>>;
}

/** What may be shown of measures: some have columns such as `<measure>_p50`. */
type Shown<M extends string> = M | `${M}_${string}`;

/** How a metric is shown; all of it has defaults. */
export interface Presentation<Key extends string, Column extends string> {
  /** Default: the name. */
  readonly title?: string;
  /** How a time series of the metric is drawn; one of several keys is always lines. Default `bar`. */
  readonly chart?: "bar" | "line";
  /**
   * The key named in heading and caption of the metric's page: `movie_id` gives "By movie id".
   * Default: the first.
   */
  readonly by?: Key;
  /** A key or shown column, descending with a leading `-`. Default: the first measure, descending. */
  readonly sort?: Column | `-${Column}`;
  /** A component of `islands/` that stands on the metric's page, too; see docs/plugins.md. */
  readonly island?: PluginIsland;
}

/** A component; what it is given is the page's matter. */
export type PluginIsland = (props: never) => unknown;

/** Seconds in a grain, finest first. Answers have buckets of the same sizes and names. */
export const grainSeconds = {
  minute: 60,
  "5minute": 300,
  "15minute": 900,
  hour: 3600,
  day: 86400,
} as const;

/** The time bucket of the batch and merged views. */
export type Grain = keyof typeof grainSeconds;

/** All grains, finest first. */
export const grains = Object.keys(grainSeconds) as readonly Grain[];

/** A key column. */
export interface KeyColumn {
  readonly name: string;
  readonly type: Field;
  /** ClickHouse type in every table of the plugin. */
  readonly sqlType: string;
  /** The column that it reads: a field of the schema, or a computed one. */
  readonly field: string;
}

/** A shown column: what the API and the relations give after the merge. */
export interface ShownColumn extends Omit<ShownMeasure, "of"> {
  /** The same in this process; null for a derived column that an earlier build stored. */
  readonly of: ((stateOf: StateOf) => ShownValue) | null;
}

/** A column that is computed from merged measures. */
export interface DerivedColumn {
  readonly sql: string;
  /** The same as data; null in a declaration that an earlier build stored. */
  readonly node: DerivedNode | null;
  /** What one of its values is; undefined where it is not declared. */
  readonly unit?: string;
}

/** A column that an expression gives. */
export interface ComputedColumn {
  readonly type: Field;
  /** Null in a stored declaration. */
  readonly expression: Expression | null;
}

/** A validated plugin with everything that both layers derive from its declaration. */
export interface Plugin {
  readonly name: string;
  readonly version: number;
  readonly summary: string;
  readonly source: EventSchema;
  readonly where?: Expression;
  /** The columns that keys and measures read beside the schema's fields, by the expressions' texts. */
  readonly computed: Readonly<Record<string, ComputedColumn>>;
  readonly keyColumns: readonly KeyColumn[];
  readonly measures: Readonly<Record<string, Measure>>;
  /** Derived columns over the measures' columns and the measures as they are shown. */
  readonly derive: Readonly<Record<string, DerivedColumn>>;
  readonly measureColumns: readonly MeasureColumn[];
  readonly shownColumns: readonly ShownColumn[];
  readonly stream: { readonly window: Window; readonly relation: Relation };
  readonly batch: { readonly sql: string; readonly grain: Grain; readonly relation: Relation };
  readonly merged: { readonly relation: Relation };
  readonly present: {
    readonly title: string;
    readonly chart: "bar" | "line";
    readonly by: string;
    readonly sort: string;
    readonly island?: PluginIsland;
  };
}

/**
 * Whether functions of the event are part of a plugin; see `compute()`.
 *
 * @example
 * ```ts
 * import { hasFunctions, type Plugin } from "./plugin.ts";
 * if (hasFunctions({ computed: {} } as Plugin)) throw new Error("unexpected");
 * ```
 */
export function hasFunctions({ where, computed }: Plugin): boolean {
  return [where, ...Object.values(computed).map(({ expression }) => expression)]
    .some((expression) => expression?.hasFunction);
}

/**
 * Parameters of the API and of a metric's page beside keys: a key of the same name could not be filtered
 * by.
 */
export const parameters = {
  rows: [
    "layer",
    "from",
    "to",
    "bucket",
    "tz",
    "compare",
    "order",
    "limit",
    "after",
    "expand",
    "wait_for",
  ],
  series: ["layer", "from", "to", "bucket", "tz", "compare", "measure", "max_points", "top"],
  page: ["format", "range", "q", "chart_key"],
} as const;

/**
 * The columns that follow from a plugin's measures. A stored declaration is data: this gives it the
 * functions of its measures.
 *
 * @param sqlOf the SQL of a column in batch SQL. Default: its name.
 * @throws {TypeError} naming the measure at fault.
 * @example
 * ```ts
 * import { columnsOfMeasures, count } from "./plugin.ts";
 * import { defineSchema, instant, string } from "./events.ts";
 * const source = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *   fields: { id: string(), at: instant() },
 * });
 * const measures = JSON.parse(JSON.stringify({ visits: count() }));
 * const { measureColumns } = columnsOfMeasures({ source, measures });
 * if (measureColumns[0].mergeSql("visits") !== "sum(visits)") throw new Error("unexpected");
 * ```
 */
export function columnsOfMeasures(
  plugin: Pick<Plugin, "source" | "measures"> & Partial<Pick<Plugin, "computed" | "derive">>,
  sqlOf: (column: string) => string = (column) => column,
): Pick<Plugin, "measureColumns" | "shownColumns"> {
  const { source, computed = {}, measures, derive = {} } = plugin;
  const typeOf = (column: string): Field | undefined =>
    Object.hasOwn(computed, column)
      ? computed[column].type
      : Object.hasOwn(source.fields, column)
      ? source.fields[column]
      : undefined;
  const defined = Object.entries(measures).map(([name, measure]) =>
    definedMeasure(name, measure, source.eventId, typeOf, sqlOf)
  );
  const measureColumns = distinct(defined.flatMap(({ columns }) => columns));
  const shown = defined.flatMap(({ shown }) => shown);
  // A mean is no column, and yet a number that others can be derived from.
  const floats = new Map([
    ...shown.map(({ name, sql }) => [name, `toFloat64(${sql})`]),
    ...measureColumns.map((column) => [column.name, column.floatSql(`merged.${column.name}`)]),
  ] as [string, string][]);
  const numbers = new Map<string, (stateOf: StateOf) => number>([
    ...shown.map(({ name, of }) =>
      [name, (stateOf: StateOf) => Number(of(stateOf) ?? NaN)] as const
    ),
    ...measureColumns.map((column) =>
      [column.name, (stateOf: StateOf) => column.toFloat(stateOf(column))] as const
    ),
  ]);
  const derived = Object.entries(derive).map(([name, { sql, node, unit }]): ShownColumn => {
    const asFloats = sql.replace(/\b[a-z][a-z0-9_]*\b/g, (word) => floats.get(word) ?? word);
    const of = node && ((stateOf: StateOf) => {
      const value = derivedValue(node, (measure) => numbers.get(measure)!(stateOf));
      return Number.isFinite(value) ? value : null;
    });
    return { name, type: "number", sql: finiteSql(asFloats), of, unit };
  });
  return { measureColumns, shownColumns: [...shown, ...derived] };
}

/** Measures may share a column: then it is kept once. */
function distinct(columns: readonly MeasureColumn[]): readonly MeasureColumn[] {
  const named = (column: MeasureColumn) => JSON.stringify([column.name, ...column.meaning]);
  return [...new Map(columns.map((column) => [named(column), column])).values()];
}

function definedMeasure(
  name: string,
  measure: Measure,
  eventId: string,
  typeOf: (column: string) => Field | undefined,
  sqlOf: (column: string) => string,
): DefinedMeasure {
  const { kind, field: fieldName = "" } = measure;
  const fault = (what: string) => new TypeError(`measure "${name}": ${kind} ${what}`);
  if (!Object.hasOwn(measureKinds, kind)) throw fault("is no kind of measure");
  const { takes, keepsUnit = false, define } = measureKinds[kind];
  const field = typeOf(fieldName);
  if (takes.length > 0 && field === undefined) {
    throw fault(`reads the field "${fieldName}", which is not declared`);
  }
  if (takes.length > 0 && !takes.includes(field!.kind)) {
    throw fault(`takes ${takes.join(", ")}, got the ${field!.kind} "${fieldName}"`);
  }
  const wrong = unitFault(measure.unit);
  if (wrong !== null) throw fault(wrong);
  const event = { id: eventId, idSql: sqlOf(eventId), timeSql: sqlOf("event_time") };
  const { columns, shown } = define({
    name,
    measure,
    fieldName,
    fieldSql: sqlOf(fieldName),
    field: field!,
    event,
  });
  const unit = measure.unit ?? (keepsUnit ? field!.unit : undefined);
  return { columns, shown: shown.map((one) => ({ unit, ...one })) };
}
