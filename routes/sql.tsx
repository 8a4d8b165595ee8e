/** SQL over the relations of the metrics and the catalogs. */
import { FaultNote } from "./(_parts)/Fault.tsx";
import { page } from "fresh";
import { Head } from "fresh/runtime";
import SqlConsole from "../islands/SqlConsole.tsx";
import type { SqlRelation } from "../islands/SqlConsole.tsx";
import { define, outcomeOf } from "./(_shared)/define.ts";

/** The columns of the relations that plugins and catalogs declare. */
const COLUMNS = `SELECT table, name, type FROM system.columns
WHERE database = currentDatabase() ORDER BY table, position`;
const MOST_COLUMNS = 10_000;

export const handler = define.handlers({
  async GET({ url, state: { services, signal } }) {
    const relations = await outcomeOf(
      services.pageSql.query(COLUMNS, { limit: MOST_COLUMNS, signal }),
      signal,
    );
    const declared = new Set([
      ...[...services.plugins.values()].flatMap(({ relations }) => Object.values(relations)),
      ...(await services.catalogs.list(signal).catch(() => [])).map(({ name }) => name),
    ]);
    const byName = new Map<string, SqlRelation>();
    for (const { table, name, type } of relations.answer?.rows ?? []) {
      if (!declared.has(String(table))) continue;
      const { columns } = byName.get(String(table)) ?? { columns: [] };
      const column = { name: String(name), type: String(type) };
      byName.set(String(table), { name: String(table), columns: [...columns, column] });
    }
    return page({
      relations: [...byName.values()],
      fault: relations.fault,
      sql: url.searchParams.get("sql"),
    });
  },
});

export default define.page<typeof handler>(({ data: { relations, fault, sql } }) => {
  const first = relations.find(({ name }) => name.startsWith("merged_")) ?? relations[0];
  const example = first === undefined ? "SELECT 1" : `SELECT *\nFROM ${first.name}\nLIMIT 20`;
  return (
    <>
      <Head>
        <title>SQL · Twofold</title>
      </Head>
      <div class="heading">
        <h1>SQL</h1>
        <p>One read-only SELECT over the relations of the metrics and the catalogs.</p>
      </div>
      <FaultNote fault={fault} />
      <SqlConsole relations={relations} sql={sql ?? example} />
    </>
  );
});
