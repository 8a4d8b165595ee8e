import type { AnswerColumn } from "../ports/services.ts";
import { ask, type Invocation } from "./invocation.ts";
import { openTarget } from "./open_target.ts";
import { MORE_BY_FLAGS, rowFormat, RowWriter } from "./rows.ts";
import { putCatalog, readCatalog } from "./put_catalog.ts";
import { counted } from "./text.ts";
import { inputsOf } from "./inputs_of.ts";

const LIST_COLUMNS: readonly AnswerColumn[] = [
  { name: "name", type: "string" },
  { name: "rows", type: "integer" },
  { name: "updated", type: "instant" },
  { name: "columns", type: "list" },
  { name: "summary", type: "string" },
];
/** The largest page there is: fewest requests for all entries. */
const WHOLE_PAGE = "10000";

/** Lists the catalogs; returns the exit code. */
export async function catalogsCommand({ flags, config, world }: Invocation): Promise<number> {
  const format = rowFormat(flags);
  await using target = await openTarget(config, world, { start: false });
  const catalogs = await target.catalogs.list(world.stop);
  const writer = new RowWriter({ columns: LIST_COLUMNS, format, world, name: "catalogs" });
  writer.write(catalogs.map((catalog) => ({
    ...catalog,
    columns: format === "json" ? catalog.columns : catalog.columns.map(({ name }) => name),
  })));
  writer.end();
  return 0;
}

/** Shows entries of a catalog; returns the exit code. */
export async function catalogCommand(
  { positionals: [name], flags, config, world }: Invocation,
): Promise<number> {
  const format = rowFormat(flags);
  const whole = flags.all === true;
  const { search, keys, limit = whole ? WHOLE_PAGE : undefined } = flags as Record<string, string>;
  await using target = await openTarget(config, world, { start: false });
  let page = await target.catalogs.get(name, { search, keys, limit }, world.stop);
  const { catalog, columns } = page;
  const beside = { catalog, columns, next: whole ? null : page.next };
  const writer = new RowWriter({ columns, format, world, beside });
  writer.write(page.items);
  while (whole && page.next !== null && !world.out.closed) {
    const query = { search, keys, limit, after: page.next };
    page = await target.catalogs.get(name, query, world.stop);
    writer.write(page.items);
  }
  writer.end(beside.next === null ? null : MORE_BY_FLAGS);
  return 0;
}

/** Replaces a catalog by a file's rows; returns the exit code. */
export async function catalogPutCommand(invocation: Invocation): Promise<number> {
  const { positionals: [catalog, file], flags, config, world } = invocation;
  const { catalogFormats } = await inputsOf(world, config);
  const format = flags.format === undefined ? null : String(flags.format);
  const rows = await readCatalog({ file, catalog, format }, catalogFormats, world);
  await ask(
    invocation,
    (target) => putCatalog(rows, target),
    (put) => `${put.catalog} has ${counted(put.rows, "row")} now.\n`,
    { start: false, create: true },
  );
  return 0;
}
