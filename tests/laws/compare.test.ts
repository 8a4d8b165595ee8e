/** Answers that compare, against a computation of their own from the events, over a change of clocks. */
import { afterAll, beforeAll, describe, expect, fc, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type { Compared } from "../../runtime/ports/services.ts";
import type { createServing } from "../../runtime/serving/serving.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { loadMutant, type Patch } from "../support/parity/engine_modules.ts";
import { served, ServingWorld } from "../support/serving_world.ts";
import { byTier } from "../support/tier.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const FIRST = Date.UTC(2024, 2, 16) / 1000;
const LAST = Date.UTC(2024, 3, 8) / 1000;
const zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"] as const;
const tables = served.user_stats;

interface Event {
  readonly partition: number;
  readonly offset: number;
  readonly seconds: number;
  readonly user_id: number;
  readonly movie_id: number;
}

/** Spread by a fixed generator: few users, so that most have events in both ranges. */
const events = Array.from({ length: 3000 }, (_, i): Event => {
  const mixed = Math.imul(i + 1, 2654435761) >>> 0;
  return {
    partition: i % 3,
    offset: Math.floor(i / 3),
    seconds: FIRST + mixed % (LAST - FIRST),
    user_id: (mixed >>> 8) % 6,
    movie_id: (mixed >>> 12) % 40,
  };
});
const newest = Math.max(...events.map(({ seconds }) => seconds));

interface Question {
  readonly layer: "merged" | "speed";
  readonly tz: typeof zones[number];
  readonly bucket: "all" | "hour" | "day" | "week";
  readonly compare: "previous" | "7d" | "24h" | "2w";
  readonly from: number;
  readonly hours: number | null;
}

const questions = fc.record({
  layer: fc.constantFrom("merged", "speed"),
  tz: fc.constantFrom(...zones),
  bucket: fc.constantFrom("all", "hour", "day", "week"),
  compare: fc.constantFrom("previous", "7d", "24h", "2w"),
  from: fc.integer({ min: 8 * 24, max: (LAST - FIRST) / HOUR - 3 })
    .map((hours) => FIRST + hours * HOUR),
  hours: fc.option(fc.integer({ min: 1, max: 200 })),
})
  // A week has no day before.
  .filter(({ bucket, compare }) => bucket !== "week" || compare !== "24h") as fc.Arbitrary<
    Question
  >;

/** Buckets and ranges by Temporal. */
class Calendar {
  constructor(readonly tz: string) {}

  #at(seconds: number): Temporal.ZonedDateTime {
    return Temporal.Instant.fromEpochMilliseconds(seconds * 1000).toZonedDateTimeISO(this.tz);
  }

  local(seconds: number): Temporal.PlainDateTime {
    return this.#at(seconds).toPlainDateTime();
  }

  /** Of all buckets here, hours begin with a half hour at most: so do changes of the clock. */
  start(bucket: Question["bucket"], seconds: number): number {
    if (bucket === "all") return 0;
    const at = this.#at(seconds);
    if (bucket === "day") return at.startOfDay().epochMilliseconds / 1000;
    if (bucket === "week") {
      return at.subtract({ days: at.dayOfWeek - 1 }).startOfDay().epochMilliseconds / 1000;
    }
    let start = seconds - seconds % 1800;
    const same = (other: number) =>
      this.#at(other).hour === at.hour && this.#at(other).offset === at.offset;
    while (same(start - 1800)) start -= 1800;
    return start;
  }

  /** The first instant that shows a local time or a later one. */
  first(local: Temporal.PlainDateTime): number {
    const isBefore = (at: number) => Temporal.PlainDateTime.compare(this.local(at), local) < 0;
    let at = local.toZonedDateTime("UTC").epochMilliseconds / 1000 - 15 * HOUR;
    while (isBefore(at + 600)) at += 600;
    while (isBefore(at)) at += 10;
    return at;
  }
}

function expected({ layer, tz, bucket, compare, from, hours }: Question) {
  const step = layer === "speed" ? 10 : HOUR;
  const to = hours === null ? Infinity : from + hours * HOUR;
  const until = Math.min(to, Math.floor(newest / step) * step);
  const calendar = new Calendar(tz);
  const size = { all: 1, hour: HOUR, day: DAY, week: 7 * DAY }[bucket];
  const end = calendar.local(until - 1).add({ seconds: 1 });
  const length = end.since(calendar.local(from)).total("seconds");
  const shift = compare === "previous"
    ? Math.ceil(length / size) * size
    : { "7d": 7 * DAY, "24h": DAY, "2w": 14 * DAY }[compare];
  const earlier = (local: Temporal.PlainDateTime) =>
    calendar.first(local.subtract({ seconds: shift }));
  const back = (at: number) => earlier(calendar.local(at));
  const range = bucket === "all" && compare === "previous"
    ? { from: from - (until - from), to: from }
    : { from: back(from), to: earlier(end) };
  const group = (from: number, to: number) => {
    const cells = new Map<string, Event[]>();
    for (const event of events) {
      if (event.seconds < from || event.seconds >= to) continue;
      const cell = `${calendar.start(bucket, event.seconds)} ${event.user_id}`;
      cells.set(cell, [...cells.get(cell) ?? [], event]);
    }
    return cells;
  };
  const before = group(range.from, range.to);
  const measured = (found: readonly Event[]) => ({
    total_events: found.length,
    movies_watched: new Set(found.map(({ movie_id }) => movie_id)).size,
  });
  const rows = [...group(from, until)].map(([cell, found]) => {
    const [start, user] = cell.split(" ").map(Number);
    const pairedStart = bucket === "all" ? 0 : calendar.start(bucket, back(start));
    const paired = before.get(`${pairedStart} ${user}`);
    const now = measured(found);
    const then = paired === undefined ? null : measured(paired);
    return [
      cell,
      now,
      then,
      then && {
        total_events: now.total_events - then.total_events,
        movies_watched: now.movies_watched - then.movies_watched,
      },
      then && 100 * (now.total_events - then.total_events) / then.total_events,
    ];
  });
  const whole = bucket === "all" ? until === to : calendar.start(bucket, until) === until;
  const iso = (seconds: number) => new Date(seconds * 1000).toISOString().replace(".000", "");
  const shown: Compared = {
    from: iso(range.from),
    to: iso(range.to),
    until: iso(until),
    whole,
  };
  return { compare: shown, rows: rows.sort() };
}

const textOf = (question: Question) => ({
  layer: question.layer,
  tz: question.tz,
  compare: question.compare,
  from: new Date(question.from * 1000).toISOString(),
  ...(question.hours === null
    ? {}
    : { to: new Date((question.from + question.hours * HOUR) * 1000).toISOString() }),
});

type Row = Readonly<Record<string, unknown>>;
const numberOf = (value: unknown) => value === null ? null : Number(value);

async function rowsOf({ serving }: ServingWorld, question: Question) {
  const { compare, rows } = await serving.query("user_stats", {
    ...textOf(question),
    bucket: question.bucket,
    limit: "10000",
    keys: {},
  });
  const of = (row: Row, suffix: string) =>
    row[`total_events${suffix}`] === null ? null : {
      total_events: Number(row[`total_events${suffix}`]),
      movies_watched: Number(row[`movies_watched${suffix}`]),
    };
  const found = rows.map((row) => {
    const start = row.bucket === undefined ? 0 : Date.parse(String(row.bucket)) / 1000;
    return [
      `${start} ${row.user_id}`,
      of(row, ""),
      of(row, "_before"),
      of(row, "_change"),
      numberOf(row.total_events_percent),
    ];
  });
  return { compare, rows: found.sort() };
}

/** The same of a series for each user. */
async function seriesOf({ serving }: ServingWorld, question: Question) {
  const { time, series } = await serving.series("user_stats", {
    ...textOf(question),
    bucket: question.bucket,
    measure: "total_events",
    top: "20",
    max_points: "5000",
    keys: {},
  });
  return series.flatMap(({ key, values, earlier }) =>
    time.flatMap((start, i) => {
      if (values[i] === null) return [];
      const { values: before, change, percent } = earlier!;
      return [[`${start} ${key!.user_id}`, values[i], before[i], change[i], percent[i]]];
    })
  ).sort();
}

/** Percentages are shown with twelve digits. */
const close = (rows: readonly (readonly unknown[])[]) =>
  rows.map((row) =>
    row.map((each) => typeof each === "number" ? Number(each.toPrecision(9)) : each)
  );

async function holds(world: ServingWorld, question: Question): Promise<void> {
  const wanted = expected(question);
  const found = await rowsOf(world, question);
  expect(found.compare).toEqual(wanted.compare);
  expect(close(found.rows)).toEqual(close(wanted.rows));
  if (question.bucket === "all") return;
  type Cell = { readonly total_events: number } | null;
  const series = wanted.rows.map(([cell, ...of]) => {
    const [now, then, change] = of.slice(0, 3).map((each) => (each as Cell)?.total_events ?? null);
    return [cell, now, then, change, of[3]];
  });
  expect(close(await seriesOf(world, question))).toEqual(close(series));
}

const dir = Deno.makeTempDirSync({ prefix: "compare-" });
let warehouse: Warehouse;
let world: ServingWorld;
const worldOf = (create?: typeof createServing) => {
  const made = new ServingWorld(warehouse, {}, [tables], { create });
  made.watermarkMs = newest * 1000;
  made.speed.move(1000, 1000, 1000);
  return made;
};
beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "compare", memoryLimitBytes: 1.5e9 });
  world = worldOf();
  await world.clear();
  await world.events(events.map(({ seconds, ...event }) => ({
    ...event,
    at: new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " "),
  })));
  for (const partition of [0, 1, 2]) await world.flush(tables, partition, 0, 1000);
  await world.publish(tables, 1, [512, 768, 256]);
  world.speed.move(1000, 1000, 1000);
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

describe("an answer that compares", () => {
  it("is what the events of both ranges give, in rows and in series", async () => {
    const numRuns = byTier({ quick: 40, full: 300, long: 2000 });
    await fc.assert(fc.asyncProperty(questions, (question) => holds(world, question)), { numRuns });
  });
});

const mutants: readonly { readonly name: string; readonly patch: Patch }[] = [
  {
    name: "an earlier range that is not cut where the newest bucket is still filling",
    patch: {
      file: "runtime/serving/comparison.ts",
      find: "to: shiftedBack(zone, localEnd(zone, until), shift) };",
      replace: "to: back(to ?? until + 3600) };",
    },
  },
  {
    name: "one offset for both ranges",
    patch: {
      file: "runtime/serving/local_buckets.ts",
      find: "return firstInstant(zone, local - stepsOf({ unit, count }).size);",
      replace: "return local - zone.offsetSeconds.at(-1)! - stepsOf({ unit, count }).size;",
    },
  },
  {
    name: "the earlier bucket of the shift alone",
    patch: {
      file: "runtime/serving/comparison.ts",
      find: "(at) => startOfBucket(bucket, back(at)) : back",
      replace: "(at) => back(at) : back",
    },
  },
];

describe("the law of comparing fails on an engine with", () => {
  for (const [i, { name, patch }] of mutants.entries()) {
    it(name, async () => {
      const engine = await loadMutant(`compare-${i}`, [patch]);
      const wrong = worldOf(engine.createServing as typeof createServing);
      const found = await fc.check(
        fc.asyncProperty(questions, (question) => holds(wrong, question)),
        { numRuns: 300, endOnFailure: true, seed: 7 },
      );
      expect(found.failed).toBe(true);
      expect(String(found.errorInstance)).toContain("expect(");
      console.log(`  after ${found.numRuns} cases`);
    });
  }
});
