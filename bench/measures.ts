/**
 * Each measure alone: rows that are added to the cells of a block and encoded, on one thread. The
 * columns are filled already: nothing is decoded and nothing is written to a table.
 *
 * Run: `deno run -A bench/measures.ts [--quick]`
 */
import { allocateColumns, type Columns } from "../runtime/model/columns.ts";
import { decimal, defineSchema, enumeration, instant, string, uint32 } from "../runtime/events.ts";
import {
  approxUniq,
  avg,
  count,
  definePlugin,
  first,
  histogram,
  last,
  max,
  min,
  type PluginDeclaration,
  quantile,
  sessions,
  sum,
  uniq,
  variance,
} from "twofold";
import { RowBinaryWriter } from "../runtime/std/row_binary.ts";
import { Cells } from "../runtime/speed/cells.ts";
import { encodeCells } from "../runtime/speed/encode_cells.ts";
import { createKernel } from "../runtime/speed/kernel.ts";
import { allocatePicks } from "../runtime/speed/picker.ts";
import { line, medianOf, perSecond, quick, spent, title } from "./figures.ts";

const CHUNK = 8192;
const CHUNKS_OF_A_BLOCK = 8;
const BLOCKS = quick ? 20 : 100;
const ROUNDS = 5;
const USERS = 5_000;

const source = defineSchema({
  topic: "views",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "user",
  fields: {
    id: string(),
    at: instant(),
    user: uint32(),
    movie: uint32(),
    kind: enumeration(["view", "pause", "rating"]),
    stars: decimal({ scale: 2, min: 0, max: 10, nullable: true }),
  },
});

type Measures = PluginDeclaration<typeof source>["measures"];

const measures: Readonly<Record<string, Measures>> = {
  "count": () => ({ m: count() }),
  "sum": ({ stars }) => ({ m: sum(stars) }),
  "min": ({ stars }) => ({ m: min(stars) }),
  "max": ({ stars }) => ({ m: max(stars) }),
  "first": ({ stars }) => ({ m: first(stars) }),
  "last": ({ stars }) => ({ m: last(stars) }),
  "avg": ({ stars }) => ({ m: avg(stars) }),
  "uniq of uint32": ({ movie }) => ({ m: uniq(movie) }),
  "uniq of enumeration": ({ kind }) => ({ m: uniq(kind) }),
  "approxUniq of uint32": ({ movie }) => ({ m: approxUniq(movie) }),
  "quantile": ({ stars }) => ({ m: quantile(stars, 0.5) }),
  "sessions": () => ({ m: sessions({ gap: "30m" }) }),
  "variance": ({ stars }) => ({ m: variance(stars) }),
  "histogram of 4 bounds": ({ stars }) => ({ m: histogram(stars, [2, 4, 6, 8]) }),
};

function filled(): Columns {
  const columns = allocateColumns(source, CHUNK);
  const { id, user, movie, kind, stars } = columns.fields;
  const digits = 16;
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let row = 0; row < CHUNK; row++) {
    columns.eventMs[row] = 1.4e12 + random(60_000);
    id.values[row] = digits * row;
    id.ends![row] = digits * (row + 1);
    user.values[row] = random(USERS);
    movie.values[row] = random(1000);
    kind.values[row] = random(3);
    stars.values[row] = random(1000);
    stars.nulls![row] = random(4) === 0 ? 1 : 0;
  }
  columns.bytes = new Uint8Array(digits * CHUNK).map(() => 48 + random(10));
  columns.count = CHUNK;
  return columns;
}

function run(measures: Measures, columns: Columns): void {
  const key: PluginDeclaration<typeof source>["key"] = ({ user }) => ({ user });
  const plugin = definePlugin(source, { name: "bench", summary: "", key, measures });
  const kernel = createKernel(plugin, columns, allocatePicks(plugin, CHUNK));
  const at = { partition: 0, block: 0n, version: 1n };
  let cells: Cells | undefined;
  for (let block = 0; block < BLOCKS; block++) {
    cells = new Cells(plugin, cells);
    for (let i = 0; i < CHUNKS_OF_A_BLOCK; i++) kernel.apply(cells, 0, CHUNK);
    encodeCells(new RowBinaryWriter(), plugin, cells, cells.takeDirty(), at);
  }
}

const rows = CHUNK * CHUNKS_OF_A_BLOCK * BLOCKS;
const columns = filled();
title(`each measure alone, ${USERS.toLocaleString("en")} keys, ${rows.toLocaleString("en")} rows`);
for (const [name, measure] of Object.entries(measures)) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(await spent(() => Promise.resolve(run(measure, columns))));
  }
  const { seconds, cpuSeconds } = medianOf(rounds);
  line(name, perSecond(rows, seconds), `${perSecond(rows, cpuSeconds)} cpu`);
}
