/**
 * From the log to queryable with one plugin and with many, and a function in an isolate against the
 * same expression. Yardstick: one plugin, and the expression, in the same run.
 *
 * Run: `deno run -A bench/plugins.ts [--quick]`
 */
import { avg, count, definePlugin, max, type Plugin, uniq } from "twofold";
import { systemClock } from "../runtime/std/clock.ts";
import { moduleTexts } from "../runtime/model/module_texts.ts";
import type { EventLog } from "../runtime/ports/ports.ts";
import { Isolates } from "../runtime/speed/isolates.ts";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import { line, medianOf, perSecond, quick, type Spent, spent, title } from "./figures.ts";
import functionPlugin from "./function_plugin.ts";
import { benchWarehouse, endOf, madeLog, root, speedLayer, withTables } from "./made_log.ts";

const EVENTS = quick ? 300_000 : 1_000_000;
const ROUNDS = quick ? 1 : 3;
const COUNTS = [1, 4, 8, 16];
/** Events per second of event time, as at the rate aimed for. */
const RATE = 400_000;
const FUNCTION_FILE = "bench/function_plugin.ts";

/** One of four kinds in turn: by movie, by user, without a key, with a condition. */
function plugin(i: number): Plugin {
  const named = { name: `metric_${i}`, summary: "" };
  return [
    definePlugin(movieViewing, {
      ...named,
      key: ({ movie_id }) => ({ movie_id }),
      measures: ({ rating }) => ({ views: count(), mean: avg(rating) }),
    }),
    definePlugin(movieViewing, {
      ...named,
      key: ({ user_id }) => ({ user_id }),
      measures: ({ duration }) => ({ views: count(), longest: max(duration) }),
    }),
    definePlugin(movieViewing, {
      ...named,
      measures: ({ user_id }) => ({ views: count(), users: uniq(user_id) }),
    }),
    definePlugin(movieViewing, {
      ...named,
      where: ({ event_type }) => event_type.eq("view"),
      key: ({ movie_id }) => ({ movie_id }),
      measures: () => ({ views: count() }),
    }),
  ][i % 4];
}

const expressionPlugin = definePlugin(movieViewing, {
  name: "long_views",
  summary: "",
  key: ({ duration }) => ({ long: duration.coalesce(0).gte(1800) }),
  measures: () => ({ views: count() }),
});

const module = {
  root,
  file: FUNCTION_FILE,
  texts: await moduleTexts(root, FUNCTION_FILE),
};
const dir = await Deno.makeTempDir({ prefix: "twofold-bench-" });
let databases = 0;

/** The median cost of counting all events in all plugins. */
async function toQueryable(log: EventLog, plugins: readonly Plugin[]): Promise<Spent> {
  const end = await endOf(log);
  const tables = plugins.map((plugin) => withTables(plugin, ""));
  const rounds: Spent[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const warehouse = await benchWarehouse(`${dir}/warehouse`, `plugins_${++databases}`);
    const isolates = new Isolates({ clock: systemClock, moduleOf: () => module });
    const { openPicker } = isolates;
    const layer = await speedLayer(log, warehouse, tables, { openPicker });
    const stop = new AbortController();
    rounds.push(
      await spent(async () => {
        const running = layer.run(stop.signal);
        await Promise.all(plugins.map(({ name }) => layer.reached(name, end, stop.signal)));
        stop.abort();
        await running;
      }),
    );
    await isolates.close();
    await warehouse.command(`DROP DATABASE ${warehouse.database} SYNC`);
    await warehouse.close();
  }
  return medianOf(rounds);
}

const { log, records } = await madeLog(dir, EVENTS, RATE);
title(`log to queryable by plugins, ${EVENTS.toLocaleString("en")} events`);
const report = (what: string, { seconds, cpuSeconds }: Spent, base: Spent) =>
  line(
    what,
    perSecond(records, seconds),
    `${perSecond(records, cpuSeconds)} cpu`,
    `${(cpuSeconds / base.cpuSeconds).toFixed(2)} x the cpu`,
  );
let one: Spent | null = null;
for (const plugins of COUNTS) {
  const found = await toQueryable(log, Array.from({ length: plugins }, (_, i) => plugin(i)));
  one ??= found;
  report(plugins === 1 ? "1 plugin" : `${plugins} plugins`, found, one);
}
const expression = await toQueryable(log, [expressionPlugin]);
report("key by an expression", expression, expression);
report("key by a function in an isolate", await toQueryable(log, [functionPlugin]), expression);
await log.close();
await Deno.remove(dir, { recursive: true });
