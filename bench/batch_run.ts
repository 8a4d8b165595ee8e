/**
 * Measures a full and an incremental batch run over synthetic Parquet files, beside the plugins' SQL
 * run straight over the same files.
 *
 * ```sh
 * deno run -A bench/batch_run.ts --events 10000000 --files 100 --dir /tmp/twofold-bench
 * ```
 */
import { parseArgs } from "node:util";
import { createBatchLayer } from "../runtime/batch/batch_layer.ts";
import { systemClock } from "../runtime/clock.ts";
import { clickHouseType, type Fields } from "../runtime/events.ts";
import type { Cut } from "../runtime/frontier.ts";
import type { Plugin } from "../runtime/plugin.ts";
import type { ArchiveReader, Manifest, Warehouse } from "../runtime/ports.ts";
import { generationOf, tablesOf } from "../runtime/tables.ts";
import { openEmbeddedWarehouse } from "../runtime/warehouse/embedded_warehouse.ts";
import { migrate, readMigrations } from "../runtime/warehouse/migrations.ts";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import hourlyStats from "../plugins/hourly_stats.ts";
import popularMovies from "../plugins/popular_movies.ts";
import ratings from "../plugins/ratings.ts";
import userStats from "../plugins/user_stats.ts";
import { memoryStore } from "../tests/support/batch_world.ts";

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "10000000" },
    files: { type: "string", default: "100" },
    dir: { type: "string", default: "/tmp/twofold-bench" },
    memory: { type: "string", default: "2000000000" },
  },
});
const files = Number(values.files);
const rowsPerFile = Math.floor(Number(values.events) / files);
const LOG = "local-1";
const PARTITIONS = 4;

const fields: Fields = movieViewing.fields;
const columns = [
  "event_time DateTime64(9, 'UTC')",
  ...movieViewing.fieldNames.filter((name) => name !== movieViewing.eventTime)
    .map((name) => `${name} ${clickHouseType(fields[name])}`),
  "log String",
  "partition UInt32",
  "offset UInt64",
  "append_time DateTime64(3, 'UTC')",
  "raw String",
].join(", ");
const quoted = `'${columns.replace(/[\\']/g, "\\$&")}'`;
const names = columns.match(/(?:^|, )([a-z_]+) /g)!.map((name) => name.replace(/[ ,]/g, ""));

const dayOf = (file: number) =>
  new Date(Date.parse("2013-01-01T00:00:00Z") + file * 86_400_000).toISOString().slice(0, 10);

/** One file: a block of one partition and one day; every hundredth event repeats an earlier one. */
async function writeFile(warehouse: Warehouse, file: number): Promise<void> {
  const dir = `${values.dir}/archive/dt=${dayOf(file)}`;
  await Deno.mkdir(dir, { recursive: true });
  const n = "toUInt64(if(number % 100 = 99, number - 50, number))";
  const offset = Math.floor(file / PARTITIONS) * rowsPerFile;
  await warehouse.command(
    `INSERT INTO FUNCTION file('${dir}/${file}.parquet', 'Parquet', ${quoted})
SELECT addMilliseconds(toDateTime64('${dayOf(file)} 00:00:00', 9, 'UTC'),
    intDiv(${n} * 86399000, ${rowsPerFile})),
  lower(hex(sipHash128(${n}, ${file}))), toUInt32(cityHash64(${n}, 1) % 100000),
  toUInt32(pow(cityHash64(${n}, 2) % 1000 / 1000, 2) * 10000),
  CAST(toInt8(cityHash64(${n}, 3) % 5 + 1) AS ${clickHouseType(movieViewing.fields.event_type)}),
  if(${n} % 3 = 0, NULL, toDecimal64(cityHash64(${n}, 4) % 7200000 / 1000, 3)),
  if(${n} % 5 = 4, toDecimal64(${n} % 11, 2), NULL),
  '${LOG}', ${file % PARTITIONS}, ${offset} + number, toDateTime64('2026-01-01 00:00:00', 3), ''
FROM numbers(${rowsPerFile}) ORDER BY 1
SETTINGS engine_file_truncate_on_insert = 1`,
  );
}

function archiveOf(upTo: () => number): ArchiveReader {
  const end = (file: number) => BigInt((Math.floor(file / PARTITIONS) + 1) * rowsPerFile);
  return {
    frontier() {
      const offsets = Array.from({ length: PARTITIONS }, () => 0n);
      for (let file = 0; file < upTo(); file++) offsets[file % PARTITIONS] = end(file);
      return Promise.resolve({ [LOG]: offsets } as Cut);
    },
    async *manifests(base) {
      for (let file = 0; file < upTo(); file++) {
        if (end(file) <= (base[LOG]?.[file % PARTITIONS] ?? 0n)) continue;
        yield { files: [{ day: dayOf(file), rows: rowsPerFile }] } as unknown as Manifest;
      }
    },
    relation(days) {
      const glob = days === null ? "*" : days.length === 1 ? days[0] : `{${days.join(",")}}`;
      return `(SELECT ${
        names.join(", ")
      } FROM file('${values.dir}/archive/dt=${glob}/*.parquet', ` +
        `'Parquet', ${quoted}))`;
    },
  };
}

/** Processor seconds of this process: steadier than the wall clock where cores are shared. */
function processorSeconds(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function timed<T>(what: string, action: () => Promise<T>): Promise<T> {
  const [start, used] = [performance.now(), processorSeconds()];
  const result = await action();
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  const processor = (processorSeconds() - used).toFixed(2);
  console.log(what.padEnd(40), seconds, "s,", processor, "s of processors");
  return result;
}

const batchSqlOf = (plugin: Plugin) =>
  Deno.readTextFileSync(new URL(`../sql/${plugin.batch.sql}`, import.meta.url));

await Deno.remove(`${values.dir}/engine`, { recursive: true }).catch(() => {});
await Deno.mkdir(`${values.dir}/engine`, { recursive: true });
const warehouse = await openEmbeddedWarehouse({
  dir: `${values.dir}/engine`,
  database: "bench",
  memoryLimitBytes: Number(values.memory) * 1.5,
});
/** Processor seconds by kind of statement, for the breakdown. */
const spent = new Map<string, number>();
const kindOf = (sql: string) => {
  if (/_(hashes|repeats)\b/.test(sql) && !sql.includes("WITH events")) return "repeats";
  if (sql.includes("WITH events")) return "grain rows: the plugins' SQL";
  if (sql.includes("toStartOfDay(t.bucket)")) return "day rows";
  return sql.startsWith("INSERT INTO state_batch") ? "all-time rows" : "other";
};
const watched: Warehouse = Object.create(warehouse, {
  command: {
    value: async (sql: string, options: object) => {
      const start = processorSeconds();
      await warehouse.command(sql, options);
      const seconds = processorSeconds() - start;
      spent.set(kindOf(sql), (spent.get(kindOf(sql)) ?? 0) + seconds);
    },
  },
  query: { value: warehouse.query.bind(warehouse) },
  insert: { value: warehouse.insert.bind(warehouse) },
  database: { value: warehouse.database },
});
await migrate(warehouse, await readMigrations(new URL("../sql/migrations/", import.meta.url)));
const last = `${values.dir}/archive/dt=${dayOf(files - 1)}/${files - 1}.parquet`;
if (!(await Deno.stat(last).catch(() => null))) {
  await timed("writing the archive", async () => {
    for (let file = 0; file < files; file++) await writeFile(warehouse, file);
  });
}
let archived = files - 1;
const archive = archiveOf(() => archived);
const declared = [userStats, popularMovies, ratings, hourlyStats];
for (const plugin of declared) {
  await timed(`straight: ${plugin.name}`, async () => {
    const sql = `WITH events AS ${archive.relation(null)} SELECT * FROM (${batchSqlOf(plugin)})`;
    for await (const _ of await warehouse.stream(sql, "Null"));
  });
}
const layer = createBatchLayer({
  schema: movieViewing,
  plugins: declared.map((plugin) => {
    const batchSql = batchSqlOf(plugin);
    const facts = { batchSql, decoderVersion: 1, blockSize: rowsPerFile, horizon: 1_000_000 };
    return { tables: tablesOf(plugin, generationOf(plugin, facts)), batchSql };
  }),
  archive,
  store: memoryStore(),
  warehouse: watched,
  clock: systemClock,
  horizon: 1_000_000,
  settings: { memoryLimitBytes: Number(values.memory) },
});
for (const [what, full] of [["full", true], ["one day", false], ["full again", true]] as const) {
  if (!full) archived = files;
  spent.clear();
  const run = await timed(`batch run: ${what}`, () => layer.run({ full }));
  for (const { plugin, status, seconds, rows, error } of run!.plugins) {
    console.log(`  ${plugin} ${status} ${seconds} s ${rows} rows ${error}`);
  }
  for (const [kind, seconds] of spent) console.log(`    ${seconds.toFixed(2)} s ${kind}`);
}
console.log("resident", (Deno.memoryUsage().rss / 1e9).toFixed(2), "GB");
await warehouse.close();
