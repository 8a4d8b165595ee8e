/** The names of a declaration's columns, and how a metric is presented by them. */
import { parameters, type Plugin, type PluginDeclaration } from "../plugin.ts";
import { type Faults, shown } from "./faults.ts";

/** Names that the tables use beside a plugin's own columns. */
const reserved = new Set([
  "kind",
  "partition",
  "block",
  "window_start",
  "window_end",
  "version",
  "run",
  "level",
  "day",
  "bucket",
  "cut",
  "full_run",
  "day_rows",
  "events",
  "log",
  "frontier",
]);

/** What a function of the declaration returns, by name. */
export function named(
  faults: Faults,
  member: string,
  of: unknown,
  fields: unknown,
): Readonly<Record<string, unknown>> {
  const called = faults.call(member, of, fields);
  if (called === null) return {};
  const { returned } = called;
  if (returned !== null && typeof returned === "object") return { ...returned };
  faults.add(`${member} must return an object, got ${shown(returned)}`);
  return {};
}

/** Adds a fault for each name that cannot be a column's. */
export function checkNames(
  keys: readonly string[],
  stored: readonly string[],
  shownNames: readonly string[],
  faults: Faults,
): void {
  for (const name of new Set([...keys, ...stored, ...shownNames])) {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) faults.add(`column "${name}" must be snake_case`);
    if (reserved.has(name)) faults.add(`column "${name}" has a reserved name`);
  }
  const taken: readonly string[] = Object.values(parameters).flat();
  for (const name of keys.filter((key) => taken.includes(key))) {
    faults.add(`key "${name}" has the name of a parameter of API or page; give it another one`);
  }
  const names = [...keys, ...stored];
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  for (const name of twice) faults.add(`two columns have one name: ${name}`);
}

/** How a metric is presented, by default by its first key and its first measure. */
export function presented(
  { name, present = {} }: PluginDeclaration,
  keys: readonly string[],
  shownNames: readonly string[],
  faults: Faults,
): Plugin["present"] {
  const title = String(name).replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());
  const { chart = "bar", by = keys[0] ?? "", sort = `-${shownNames[0]}` } = present;
  faults.oneOf("present.chart", chart, ["bar", "line"]);
  // Without keys there is one row, and nothing that it could be by.
  if (keys.length > 0) faults.oneOf("present.by", by, keys, `one of ${keys.join(", ")}`);
  const sortable = [...keys, ...shownNames];
  const valid = sortable.flatMap((column) => [column, `-${column}`]);
  faults.oneOf("present.sort", sort, valid, `one of ${sortable.join(", ")}`);
  return { title, ...present, chart, by, sort };
}
