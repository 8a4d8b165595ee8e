import { afterAll, beforeAll, beforeEach, describe, expect, it } from "testing";
import { type Catalog, defineCatalog, texts } from "../../runtime/catalog.ts";
import { loadNewest, storeVersion } from "../../runtime/catalogs/catalog_store.ts";
import { createCatalogs } from "../../runtime/catalogs/catalogs.ts";
import { DamagedError } from "../../runtime/std/errors.ts";
import { string, uint32 } from "../../runtime/events.ts";
import type { ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import type { MetricAnswer } from "../../runtime/ports/services.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { memoryStore } from "../support/batch_world.ts";
import { ManualClock } from "../support/manual_clock.ts";

const dir = Deno.makeTempDirSync({ prefix: "catalogs-" });
const key = { movie_id: uint32() };
const movies = defineCatalog({
  name: "movies",
  summary: "",
  key,
  fields: { title: string(), genres: texts() },
});
const withYear = defineCatalog({
  name: "movies",
  summary: "",
  key,
  fields: { title: string(), genres: texts(), year: uint32(), note: string({ nullable: true }) },
});
let warehouse: Warehouse;
let store: ObjectStore;
let clock: ManualClock;

beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "titles", memoryLimitBytes: 1e9 });
});
beforeEach(() => {
  store = memoryStore();
  clock = new ManualClock();
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

/** A process's catalogs and its problems. */
async function open(catalog: Catalog, over: Partial<ObjectStore> = {}) {
  const problems = new Problems(clock);
  const catalogs = createCatalogs({ store: wrapped(over), warehouse, clock, problems });
  await catalogs.use([catalog], new Map());
  return { catalogs, problems };
}

const messages = (problems: Problems) => problems.standing().map(({ message }) => message);

/** The store with some of its methods replaced. */
const wrapped = (over: Partial<ObjectStore>): ObjectStore =>
  new Proxy(store, {
    get: (target, name) => {
      const own = over[name as keyof ObjectStore] ?? target[name as keyof ObjectStore];
      return typeof own === "function" ? own.bind(target) : own;
    },
  });

const body = (...rows: unknown[]) =>
  ReadableStream.from([
    new TextEncoder().encode(rows.map((row) => JSON.stringify(row)).join("\n")),
  ]);
const titled = (title: string) => body({ movie_id: 1, title, genres: ["Drama"] });
const answer: MetricAnswer = {
  metric: "ratings",
  layer: "merged",
  tz: "UTC",
  compare: null,
  cut: "",
  frontier: "",
  problems: [],
  generation: "v1_00000000",
  frozen_at: null,
  rebuilding: null,
  kept_from: null,
  kept_until: null,
  speed_ranges: [],
  not_compared: null,
  next: null,
  columns: [{ name: "movie_id", type: "uint32" }],
  rows: [{ movie_id: 1 }],
};
const shown = async (columns = "title") =>
  await warehouse.query(`SELECT ${columns} FROM movies ORDER BY movie_id`);
const tables = () =>
  warehouse.query<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = 'titles' AND name LIKE 'catalog_%'",
  );

describe("catalogs", () => {
  it("expand() sees what another process put, at the latest two seconds later", async () => {
    const [here, there] = [await open(movies), await open(movies)];
    const title = async () => (await here.catalogs.expand(answer, "movies")).rows[0].title;
    await there.catalogs.put("movies", titled("One"), "ndjson");
    clock.advance(2000);
    expect(await title()).toBe("One");
    await there.catalogs.put("movies", titled("Two"), "ndjson");
    expect(await title()).toBe("One");
    clock.advance(2000);
    expect(await title()).toBe("Two");
  });

  it("expand() does without a store that fails, or hangs, for as long as it does", async () => {
    let list: ObjectStore["list"] = store.list;
    const { catalogs } = await open(movies, { list: (...of) => list.apply(store, of) });
    await catalogs.put("movies", titled("One"), "ndjson");
    const title = async () => (await catalogs.expand(answer, "movies")).rows[0].title;
    clock.advance(2000);
    list = () => {
      throw new Error("out of reach");
    };
    expect(await title()).toBe("One");
    const hanging = Promise.withResolvers<void>();
    list = async function* () {
      await hanging.promise;
      yield* [];
    };
    const waited = title();
    await new Promise((resolve) => setTimeout(resolve, 5));
    clock.advance(1000);
    expect(await waited).toBe("One");
    hanging.resolve();
  });

  it("puts and refreshes go one after the other: the newest stands everywhere", async () => {
    const [here, there] = [await open(movies), await open(movies)];
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 10; i++) {
      clock.advance(3000);
      work.push((i % 2 ? here : there).catalogs.put("movies", titled(`${i}`), "ndjson"));
      work.push(here.catalogs.list(), there.catalogs.get("movies", {}));
    }
    await Promise.all(work);
    clock.advance(3000);
    const [page] = [await here.catalogs.get("movies", {})];
    const [other] = [await there.catalogs.get("movies", {})];
    expect(page.items).toEqual(other.items);
    expect(await shown()).toEqual([{ title: page.items[0].title }]);
    // Each may have filled one for the version that stands; of the others none is left.
    const numbers = (await tables()).map(({ name }) => name.split("_")[2]);
    expect(new Set(numbers)).toEqual(new Set(["10"]));
    expect(numbers.length).toBeLessThanOrEqual(2);
  });

  it("two processes that show a version at the same moment show its rows once", async () => {
    const [one, here, there] = [await open(movies), await open(movies), await open(movies)];
    await one.catalogs.put("movies", titled("Both"), "ndjson");
    await warehouse.command("DROP VIEW movies");
    for (const { name } of await tables()) await warehouse.command(`DROP TABLE ${name}`);
    const { insert } = warehouse;
    const both = Promise.withResolvers<void>();
    let inserting = 0;
    warehouse.insert = async (...of) => {
      if (++inserting === 2) both.resolve();
      await both.promise;
      return await insert.apply(warehouse, of);
    };
    try {
      clock.advance(3000);
      await Promise.all([here.catalogs.list(), there.catalogs.list()]);
    } finally {
      warehouse.insert = insert;
    }
    expect(inserting).toBe(2);
    expect(await shown()).toEqual([{ title: "Both" }]);
    // Who comes later takes what is there; what is not shown goes with the next version.
    const later = await open(movies);
    expect([await shown(), (await tables()).length]).toEqual([[{ title: "Both" }], 2]);
    await later.catalogs.put("movies", titled("Next"), "ndjson");
    expect([await shown(), (await tables()).length]).toEqual([[{ title: "Next" }], 1]);
  });

  it("a table that was not filled is not shown", async () => {
    const { catalogs } = await open(movies);
    const { insert } = warehouse;
    warehouse.insert = () => Promise.reject(new Error("full"));
    try {
      await expect(catalogs.put("movies", titled("Late"), "ndjson")).rejects.toThrow("full");
    } finally {
      warehouse.insert = insert;
    }
    expect(await shown()).toEqual([]);
    await catalogs.list();
    expect(await shown()).toEqual([{ title: "Late" }]);
  });

  it("a warehouse that failed shows the version at the next look", async () => {
    const { catalogs } = await open(movies);
    const { command } = warehouse;
    warehouse.command = () => Promise.reject(new Error("full"));
    try {
      await expect(catalogs.put("movies", titled("Late"), "ndjson")).rejects.toThrow("full");
    } finally {
      warehouse.command = command;
    }
    expect((await catalogs.get("movies", {})).items[0].title).toBe("Late");
    expect(await shown()).toEqual([{ title: "Late" }]);
  });

  it("one whose newest version is damaged has no rows, is a problem, and is whole by a put", async () => {
    await storeVersion(store, "movies", [{ movie_id: 1, title: "One", genres: [] }], "2026-01-01");
    const [name] = await Array.fromAsync(store.list("catalogs/movies/"), ({ name }) => name);
    const bytes = (await store.get(name))!;
    const opened = async () => {
      await store.remove(name);
      await store.put(name, bytes.slice(0, -9));
      return await open(movies);
    };
    const { catalogs, problems } = await opened();
    const [problem] = problems.standing();
    expect(problem).toMatchObject({ code: "catalog_damaged", subject: "catalog movies" });
    expect(problem.message).toContain(`"${name}" is damaged`);
    const expanded = await catalogs.expand(answer, "movies");
    expect(expanded.rows).toEqual([{ movie_id: 1, title: null, genres: [] }]);
    expect(expanded.problems).toEqual([problem]);
    const error = await catalogs.get("movies", {}).then(() => null, (error) => error);
    expect([error.code, error.message]).toEqual(["catalog_damaged", problem.message]);
    expect(await catalogs.list()).toMatchObject([{ name: "movies", rows: 0 }]);
    await catalogs.put("movies", titled("Two"), "ndjson");
    expect(problems.standing()).toEqual([]);
    const { rows, problems: none } = await catalogs.expand(answer, "movies");
    expect([rows[0].title, none]).toEqual(["Two", []]);
  });

  it("one that is damaged while it is used keeps its rows, and says so", async () => {
    const { catalogs, problems } = await open(movies);
    await catalogs.put("movies", titled("One"), "ndjson");
    await store.put("catalogs/movies/0000000002.ndjson", new TextEncoder().encode("{"));
    clock.advance(2000);
    const { rows, problems: own } = await catalogs.expand(answer, "movies");
    expect([rows[0].title, own.map(({ code }) => code)]).toEqual(["One", ["catalog_damaged"]]);
    await store.remove("catalogs/movies/0000000002.ndjson");
    clock.advance(2000);
    expect((await catalogs.expand(answer, "movies")).problems).toEqual([]);
    expect(problems.standing()).toEqual([]);
  });
});

describe("a declaration that changed", () => {
  it("a column that has come is null until the rows are put again, and that is said", async () => {
    const before = await open(movies);
    await before.catalogs.put("movies", titled("One"), "ndjson");
    const { catalogs, problems } = await open(withYear);
    expect(messages(problems)).toEqual([
      expect.stringContaining("The rows of catalog movies have no year"),
    ]);
    expect((await catalogs.get("movies", {})).items).toEqual([
      { movie_id: 1, title: "One", genres: ["Drama"], year: null, note: null },
    ]);
    const { rows: [row] } = await catalogs.expand(answer, "movies");
    expect(row).toMatchObject({ title: "One", year: null });
    expect(await shown("title, year, note")).toEqual([{ title: "One", year: 0, note: null }]);
    await catalogs.put("movies", body({ movie_id: 1, title: "One", year: 1999 }), "ndjson");
    expect(messages(problems)).toEqual([]);
    expect(await shown("title, year")).toEqual([{ title: "One", year: 1999 }]);
  });

  it("a column that has gone is left out, and a value of another type counts as none", async () => {
    const before = await open(withYear);
    const row = { movie_id: 1, title: "One", genres: [], year: 1999, note: "x" };
    await before.catalogs.put("movies", body(row), "ndjson");
    const other = defineCatalog({
      name: "movies",
      summary: "",
      key,
      fields: { title: string(), year: string() },
    });
    const { catalogs, problems } = await open(other);
    expect((await catalogs.get("movies", {})).items).toEqual([
      { movie_id: 1, title: "One", year: null },
    ]);
    expect(messages(problems)).toEqual([expect.stringContaining("have no year")]);
    expect(await shown("*")).toEqual([{ movie_id: 1, title: "One", year: "" }]);
  });
});

describe("a stored catalog", () => {
  it("with a flipped bit is not shown", async () => {
    const stored = memoryStore();
    const { number: _first, ...put } = await storeVersion(
      stored,
      "titles",
      [{ movie_id: 1, title: "Heat" }],
      "2026-01-01T00:00:00.000Z",
    );
    const [name] = stored.objects.keys();
    const bytes = stored.objects.get(name)!;
    let found = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      stored.objects.set(name, flipped);
      try {
        expect(await loadNewest(stored, "titles")).toMatchObject(put);
      } catch (error) {
        expect(error).toBeInstanceOf(DamagedError);
        found++;
      }
    }
    expect(found).toBeGreaterThan(bytes.length * 7);
    stored.objects.set(
      name,
      new TextEncoder().encode('{"updated":"2020-01-01"}\n{"movie_id":2}\n'),
    );
    expect((await loadNewest(stored, "titles")).rows).toEqual([{ movie_id: 2 }]);
  });
});
