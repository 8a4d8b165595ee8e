/**
 * From the log to queryable: the records are in the log, the speed layer starts, and the frontiers
 * of all plugins reach the end. Yardstick: reading and decoding the same log only.
 *
 * Run: `deno run -A bench/speed.ts [--quick]`
 */
import { allocateColumns } from "../runtime/model/columns.ts";
import { createDecoder } from "../runtime/decode/decoder.ts";
import type { EventLog } from "../runtime/ports/ports.ts";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import { line, medianOf, perSecond, quick, type Spent, spent, title } from "./figures.ts";
import { benchWarehouse, endOf, madeLog, pluginTables, speedLayer } from "./made_log.ts";

const EVENTS = quick ? 500_000 : 2_000_000;
const ROUNDS = quick ? 2 : 3;
/**
 * Events per second of event time. Live: as many events per window as at the rate aimed for.
 * History: few events per window and key, so that nearly every event makes a row of its own.
 */
const SHAPES = { live: 400_000, "dense history": 20_000, "sparse history": 1_000 };

async function readAndDecode(log: EventLog): Promise<void> {
  const columns = allocateColumns(movieViewing, 8192);
  const decoder = createDecoder(movieViewing);
  for (let partition = 0; partition < log.partitionCount(); partition++) {
    for (let at = 0n;;) {
      const chunk = await log.read(partition, at, { maxRecords: 8192 });
      if (chunk.to === chunk.from) break;
      decoder.decode(chunk, columns);
      at = chunk.to;
    }
  }
}

const dir = await Deno.makeTempDir({ prefix: "twofold-bench-" });
const plugins = await pluginTables();
title(`log to queryable, 4 plugins, 4 partitions, ${EVENTS.toLocaleString("en")} events`);
for (const [shape, rate] of Object.entries(SHAPES)) {
  const folder = `${dir}/${rate}`;
  await Deno.mkdir(folder);
  const { log, records } = await madeLog(folder, EVENTS, rate);
  const end = await endOf(log);
  const yard: Spent[] = [];
  const speed: Spent[] = [];
  let rows = 0;
  for (let round = 0; round < ROUNDS; round++) {
    yard.push(await spent(() => readAndDecode(log)));
    const warehouse = await benchWarehouse(`${dir}/warehouse`, `speed_${rate}_${round}`);
    const layer = await speedLayer(log, warehouse, plugins);
    const stop = new AbortController();
    speed.push(
      await spent(async () => {
        const running = layer.run(stop.signal);
        const { signal } = stop;
        await Promise.all(plugins.map(({ plugin }) => layer.reached(plugin.name, end, signal)));
        stop.abort();
        await running;
      }),
    );
    rows = plugins.reduce((sum, { plugin }) => sum + layer.plugin(plugin.name).rows, 0);
    await warehouse.command(`DROP DATABASE ${warehouse.database} SYNC`);
    await warehouse.close();
  }
  await log.close();
  const [base, found] = [medianOf(yard), medianOf(speed)];
  const report = (what: string, { seconds, cpuSeconds }: Spent, ...more: string[]) =>
    line(what, perSecond(records, seconds), `${perSecond(records, cpuSeconds)} cpu`, ...more);
  report(`${shape}: read and decode only`, base);
  report(
    `${shape}: to queryable`,
    found,
    `${(found.cpuSeconds / base.cpuSeconds).toFixed(1)} x the cpu`,
    `${(rows / records).toFixed(2)} rows/event`,
  );
}
await Deno.remove(dir, { recursive: true });
