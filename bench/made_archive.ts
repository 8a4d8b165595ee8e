/** An archive of made-up events, written by SQL: a file per day, the blocks of four partitions. */
import { createBatchLayer } from "../runtime/batch/batch_layer.ts";
import { systemClock } from "../runtime/std/clock.ts";
import { clickHouseType, type Fields } from "../runtime/events.ts";
import type { Cut } from "../runtime/model/frontier.ts";
import type { ArchiveFile, ArchiveReader, Manifest, Warehouse } from "../runtime/ports/ports.ts";
import type { LocalBatchLayer } from "../runtime/batch/local_batch_layer.ts";
import type { LoadedPlugin } from "../runtime/engine/load_plugins.ts";
import type { PluginTables } from "../runtime/sql/tables.ts";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import { memoryStore } from "../tests/support/batch_world.ts";
import { quick } from "./figures.ts";

/** Events of all files. */
export const events = quick ? 1_000_000 : 10_000_000;
/** Files, one a day. */
export const files = 100;
/** The log that the archive is of. */
export const LOG = "local-1";
/** Its partitions. */
export const PARTITIONS = 4;
/** Where it is kept, for the next run of a bench. */
export const dir = `/tmp/twofold-bench-archive-${events}`;
const rowsPerFile = events / files;

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

/** The event day of a file. */
export const dayOf = (file: number) =>
  new Date(Date.parse("2013-01-01T00:00:00Z") + file * 86_400_000).toISOString().slice(0, 10);

/** One file: a block of one partition and one day; every hundredth event repeats an earlier one. */
async function writeFile(warehouse: Warehouse, file: number): Promise<void> {
  const folder = `${dir}/archive/dt=${dayOf(file)}`;
  await Deno.mkdir(folder, { recursive: true });
  const n = "toUInt64(if(number % 100 = 99, number - 50, number))";
  const offset = Math.floor(file / PARTITIONS) * rowsPerFile;
  await warehouse.command(
    `INSERT INTO FUNCTION file('${folder}/${file}.parquet', 'Parquet', ${quoted})
SELECT addMilliseconds(toDateTime64('${dayOf(file)} 00:00:00', 9, 'UTC'),
    intDiv(${n} * 86399000, ${rowsPerFile})),
  lower(hex(sipHash128(${n}, ${file}))), toUInt32(cityHash64(${n}, ${file}, 1) % 100000),
  toUInt32(pow(cityHash64(${n}, ${file}, 2) % 1000 / 1000, 2) * 10000),
  CAST(toInt8(cityHash64(${n}, ${file}, 3) % 5 + 1) AS ${
      clickHouseType(movieViewing.fields.event_type)
    }),
  if(${n} % 3 = 0, NULL, toDecimal64(cityHash64(${n}, ${file}, 4) % 7200000 / 1000, 3)),
  if(${n} % 5 = 4, toDecimal64(${n} % 11, 2), NULL),
  '${LOG}', ${file % PARTITIONS}, ${offset} + number, toDateTime64('2026-01-01 00:00:00', 3), ''
FROM numbers(${rowsPerFile}) ORDER BY 1
SETTINGS engine_file_truncate_on_insert = 1`,
  );
}

/** The first files as an archive; `upTo` tells how many. */
export function archiveOf(upTo: () => number): ArchiveReader {
  const end = (file: number) => BigInt((Math.floor(file / PARTITIONS) + 1) * rowsPerFile);
  const filesOf = (days: readonly string[] | null) => {
    const made = Array.from(
      { length: upTo() },
      (_, file) => ({ day: dayOf(file), rows: rowsPerFile, sizeBytes: 0 }),
    );
    return Promise.resolve(
      made.filter(({ day }) => days?.includes(day) ?? true) as unknown as ArchiveFile[],
    );
  };
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
    files: filesOf,
    check: filesOf,
    relation(days) {
      const glob = days === null ? "*" : days.length === 1 ? days[0] : `{${days.join(",")}}`;
      return `(SELECT ${names.join(", ")} FROM file('${dir}/archive/dt=${glob}/*.parquet', ` +
        `'Parquet', ${quoted}))`;
    },
  };
}

/** Writes the archive unless it is there. */
export async function writeArchive(warehouse: Warehouse): Promise<void> {
  const last = `${dir}/archive/dt=${dayOf(files - 1)}/${files - 1}.parquet`;
  if (await Deno.stat(last).catch(() => null)) return;
  for (let file = 0; file < files; file++) await writeFile(warehouse, file);
}

/** The batch layer over an archive. */
export function batchLayerOver(
  archive: ArchiveReader,
  warehouse: Warehouse,
  loaded: readonly LoadedPlugin[],
  tables: readonly PluginTables[],
): LocalBatchLayer {
  return createBatchLayer({
    schema: movieViewing,
    plugins: loaded.map(({ batchSql }, i) => ({ tables: tables[i], batchSql })),
    archive,
    store: memoryStore(),
    warehouse,
    clock: systemClock,
    horizon: 1_000_000,
    settings: { memoryLimitBytes: 2e9 },
  });
}
