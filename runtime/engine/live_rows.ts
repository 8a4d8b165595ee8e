/** The table `live_generations`: which generation of each metric answers. */
import type { Warehouse } from "../ports/ports.ts";
import type { LiveGeneration } from "../ports/services.ts";

/** The generation of a metric that answers. Times are milliseconds since 1970 UTC. */
export interface LiveRow {
  readonly topic: string;
  readonly plugin: string;
  /** The claim that made it the wanted one; 0 for one of a build that made no claims. */
  readonly claim: number;
  readonly generation: string;
  /** See `declarationText()`. Empty where a build that kept none made the tables. */
  readonly declaration: string;
  readonly since: number;
  /** When a process last had its code. */
  readonly seen: number;
  /** When no process had the plugin any more; null while one does. */
  readonly retired: number | null;
}

/** The rows in force, by plugin. */
export async function readLiveRows(
  warehouse: Pick<Warehouse, "query">,
): Promise<Map<string, LiveRow>> {
  const rows = await warehouse.query<LiveRow>(
    `SELECT topic, plugin, claim, generation, declaration,
  toUnixTimestamp64Milli(since) AS since, toUnixTimestamp64Milli(seen) AS seen,
  toUnixTimestamp64Milli(retired) AS retired
FROM live_generations ORDER BY live_generations.claim DESC, live_generations.seen DESC
LIMIT 1 BY plugin`,
  );
  return new Map(rows.map((row) => [row.plugin, row]));
}

/** The generations of a metric that have answered, the first of them first. */
export async function readGenerations(
  warehouse: Pick<Warehouse, "query">,
  plugin: string,
): Promise<LiveGeneration[]> {
  const rows = await warehouse.query<{ generation: string; since_ms: number | string }>(
    `SELECT generation, toUnixTimestamp64Milli(since) AS since_ms FROM live_generations FINAL
WHERE plugin = {plugin:String} ORDER BY claim`,
    { params: { plugin } },
  );
  return rows.map(({ generation, since_ms }) => ({
    generation,
    since: new Date(Number(since_ms)).toISOString(),
  }));
}

/** Writes rows; one of a greater claim, or of the same and seen later, takes the place of another. */
export async function writeLiveRows(
  warehouse: Pick<Warehouse, "command">,
  rows: readonly LiveRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const params: Record<string, string | number> = {};
  const selects = rows.map((row, i) => {
    const bound = (name: keyof LiveRow, type: string) => {
      params[`${name}_${i}`] = row[name]!;
      return `{${name}_${i}:${type}}`;
    };
    const time = (name: keyof LiveRow) =>
      row[name] === null ? "NULL" : `fromUnixTimestamp64Milli(${bound(name, "Int64")}, 'UTC')`;
    return `SELECT ${bound("topic", "String")}, ${bound("plugin", "String")}, ` +
      `${bound("claim", "UInt64")}, ${bound("generation", "String")}, ` +
      `${bound("declaration", "String")}, ${time("since")}, ${time("seen")}, ${time("retired")}`;
  });
  await warehouse.command(
    `INSERT INTO live_generations
  (topic, plugin, claim, generation, declaration, since, seen, retired)
${selects.join("\nUNION ALL\n")}`,
    { params },
  );
}

/** Removes every row of a plugin. */
export async function forgetLiveRow(
  warehouse: Pick<Warehouse, "command">,
  plugin: string,
): Promise<void> {
  await warehouse.command("DELETE FROM live_generations WHERE plugin = {plugin:String}", {
    params: { plugin },
  });
}
