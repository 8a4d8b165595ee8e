/** Plugins as plain data, as they come from the isolate that loads their module. */
import { columnSql } from "../declaration/batch_sql.ts";
import {
  dataOfExpression,
  type ExpressionData,
  expressionOf,
} from "../expressions/expression_data.ts";
import {
  columnsOfMeasures,
  type ComputedColumn,
  type Plugin,
  type PluginIsland,
} from "../plugin.ts";

/** A plugin without functions: what follows from its measures is made anew. */
export interface PluginData
  extends Omit<Plugin, "where" | "computed" | "measureColumns" | "shownColumns" | "present"> {
  readonly where: ExpressionData | null;
  readonly computed: Readonly<
    Record<string, { readonly type: ComputedColumn["type"]; readonly expression: ExpressionData }>
  >;
  readonly present: Omit<Plugin["present"], "island">;
}

/** @param plugin as `definePlugin()` returned it. */
export function dataOfPlugin(plugin: Plugin): PluginData {
  const { measureColumns: _, shownColumns: __, where, present: { island: ___, ...present } } =
    plugin;
  const { name, version, summary, source, keyColumns, measures, derive, stream, batch, merged } =
    plugin;
  const computed = mapped(plugin.computed, ({ type, expression }) => ({
    type,
    expression: dataOfExpression(expression!),
  }));
  return {
    name,
    version,
    summary,
    source,
    where: where === undefined ? null : dataOfExpression(where),
    computed,
    keyColumns,
    measures,
    derive,
    stream,
    batch,
    merged,
    present,
  };
}

/**
 * The plugin of such data, complete but for its own functions of the event.
 *
 * @param island of its page. Default: none.
 */
export function pluginOf(data: PluginData, island?: PluginIsland): Plugin {
  const declared = {
    ...data,
    where: data.where === null ? undefined : expressionOf(data.where),
    computed: mapped(data.computed, ({ type, expression }) => ({
      type,
      expression: expressionOf(expression),
    })),
    present: island === undefined ? data.present : { ...data.present, island },
  };
  return Object.freeze({ ...declared, ...columnsOfMeasures(declared, columnSql(declared)) });
}

const mapped = <From, To>(
  record: Readonly<Record<string, From>>,
  of: (value: From) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, of(value)]));
