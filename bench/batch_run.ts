/**
 * A full and an incremental batch run over Parquet files, and all days of one metric, which is what a
 * rebuild and a backfill run. Yardstick: the plugins' SQL run straight over the same files in the
 * same run.
 *
 * Run: `deno run -A bench/batch_run.ts [--quick]`
 */
import { line, perSecond, type Spent, spent, title } from "./figures.ts";
import { archiveOf, batchLayerOver, events, files, writeArchive } from "./made_archive.ts";
import { benchWarehouse, fourPlugins, pluginTables } from "./made_log.ts";

const folder = await Deno.makeTempDir({ prefix: "twofold-bench-" });
const warehouse = await benchWarehouse(folder, "bench");
await writeArchive(warehouse);
let archived = files - 1;
const archive = archiveOf(() => archived);
const loaded = await fourPlugins();
title(`batch runs, 4 plugins, ${events.toLocaleString("en")} events in ${files} files`);
const report = (what: string, { seconds, cpuSeconds }: Spent, ...more: string[]) =>
  line(what, `${seconds.toFixed(2)} s`, `${cpuSeconds.toFixed(2)} s cpu`, ...more);

const straight = await spent(async () => {
  for (const { batchSql } of loaded) {
    const sql = `WITH events AS ${archive.relation(null)} SELECT * FROM (${batchSql})`;
    for await (const _ of await warehouse.stream(sql, "Null"));
  }
});
report("the plugins' SQL, straight", straight);
const layer = batchLayerOver(archive, warehouse, loaded, await pluginTables());
for (
  const [what, full] of [["full", true], ["one more day", false], ["full again", true]] as const
) {
  if (!full) archived = files;
  const run = await spent(async () => {
    const { plugins } = (await layer.run({ full }))!;
    const failed = plugins.find(({ error }) => error);
    if (failed) throw new Error(`Cannot measure: ${failed.plugin}: ${failed.error}`);
  });
  const ratio = `${(run.seconds / straight.seconds).toFixed(2)} x straight`;
  report(`batch run: ${what}`, run, ...(full ? [ratio] : []));
}
for (const { plugin: { name }, batchSql } of loaded) {
  const alone = await spent(async () => {
    const sql = `WITH events AS ${archive.relation(null)} SELECT * FROM (${batchSql})`;
    for await (const _ of await warehouse.stream(sql, "Null"));
  });
  const days = { from: null, to: null };
  const built = await spent(() => layer.rebuild(name, days, new AbortController().signal));
  const ratio = `${(built.seconds / alone.seconds).toFixed(2)} x its SQL`;
  report(`all days of ${name}`, built, ratio, perSecond(events, built.seconds));
}
await warehouse.close();
await Deno.remove(folder, { recursive: true });
