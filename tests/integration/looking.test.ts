import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Engine } from "../../runtime/engine/engine.ts";
import type { RecordQuery } from "../../runtime/ports/services.ts";
import { openTestEngine } from "../support/test_engine.ts";

const stream = (text: string) => ReadableStream.from([new TextEncoder().encode(text)]);
const event = (i: number) =>
  JSON.stringify({
    event_id: `e${i}`,
    user_id: i % 7,
    movie_id: i % 3,
    event_type: "rating",
    timestamp: `2024-01-01T00:00:${String(i % 60).padStart(2, "0")}.000000${i % 10}Z`,
    duration: null,
    rating: 7.5,
  });
const broken = ["{broken", '{"event_id":"x","user_id":-1}', "\u0000"];

let engine: Engine;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ engine, close } = await openTestEngine({ env: { TWOFOLD_BLOCK_SPAN: "1h" } }));
  for (let i = 0; i < 300; i += 100) {
    const lines = Array.from({ length: 100 }, (_, j) => event(i + j));
    await engine.ingest.ingest(stream(lines.join("\n")), "ndjson");
  }
  const { frontier } = await engine.ingest.ingest(stream(broken.join("\n")), "ndjson");
  await engine.serving.query("ratings", { wait_for: frontier, keys: {} });
});
afterAll(() => close());

describe("the newest records", () => {
  const all = async (query: RecordQuery) => {
    const items = [];
    let before: string | undefined;
    for (;;) {
      const page = await engine.records.list({ ...query, before });
      items.push(...page.items);
      if (page.next === null) return items;
      before = page.next;
    }
  };

  it("are each there once over all pages, the newest of each partition first", async () => {
    const items = await all({ limit: "17" });
    expect(items.length).toBe(303);
    const places = items.map(({ partition, offset }) => `${partition}/${offset}`);
    expect(new Set(places).size).toBe(303);
    for (const partition of [0, 1, 2, 3]) {
      const offsets = items.filter((item) => item.partition === partition)
        .map(({ offset }) => Number(offset));
      expect(offsets).toEqual(offsets.toSorted((a, b) => b - a));
    }
    expect(items.filter(({ kind }) => kind === "dead-letter").length).toBe(3);
  });

  it("show events as they are understood, to the nanosecond", async () => {
    const items = await all({ limit: "1000" });
    const one = items.find(({ event }) => event?.event_id === "e9")!;
    expect(one.event).toEqual({
      event_id: "e9",
      user_id: 2,
      movie_id: 0,
      event_type: "rating",
      rating: 7.5,
      timestamp: "2024-01-01T00:00:09.0000009Z",
      duration: null,
    });
    expect(JSON.parse(one.text).event_id).toBe("e9");
  });

  it("keep to a partition, and follow on from a position", async () => {
    const items = await all({ partition: "2", limit: "1000" });
    expect(new Set(items.map(({ partition }) => partition))).toEqual(new Set([2]));
    const { newest } = await engine.records.list({ limit: "1" });
    expect((await engine.records.list({ after: newest })).items).toEqual([]);
    const more = [event(1000), event(1001)].join("\n");
    await engine.ingest.ingest(stream(more), "ndjson");
    const behind = await engine.records.list({ after: newest });
    expect(behind.items.map(({ event }) => event?.event_id).sort()).toEqual(["e1000", "e1001"]);
    expect((await engine.records.list({ after: behind.newest })).items).toEqual([]);
  });

  it("name the field of a bad question", async () => {
    const bad: [RecordQuery, string][] = [
      [{ topic: "x" }, "topic"],
      [{ partition: "4" }, "partition"],
      [{ limit: "1001" }, "limit"],
      [{ before: "x" }, "before"],
      [{ before: "x", after: "x" }, "after"],
    ];
    for (const [query, field] of bad) {
      await expect(engine.records.list(query)).rejects.toMatchObject({ field, fault: "user" });
    }
  });
});

describe("dead letters", () => {
  it("are listed in pages with their reasons", async () => {
    const first = await engine.deadLetters.list({ limit: "2" });
    const rest = await engine.deadLetters.list({ limit: "2", after: first.next! });
    expect([first.items.length, rest.items.length, rest.next]).toEqual([2, 1, null]);
    const previews = [...first.items, ...rest.items].map(({ preview }) => preview);
    expect(previews.sort()).toEqual([...broken].sort());
  });

  it("are found by field, reason, place and time", async () => {
    const list = async (query: Parameters<Engine["deadLetters"]["list"]>[0]) =>
      (await engine.deadLetters.list(query)).items.length;
    expect(await list({ field: "user_id" })).toBe(1);
    expect(await list({ reason: "AT LEAST 0" })).toBe(1);
    expect(await list({ topic: "other" })).toBe(0);
    expect(await list({ from: "2020-01-01", to: "2105-01-01T00:00:00Z" })).toBe(3);
    expect(await list({ to: "2020-01-01" })).toBe(0);
    await expect(list({ from: "soon" })).rejects.toMatchObject({ field: "from" });
    await expect(list({ partition: "-1" })).rejects.toMatchObject({ field: "partition" });
  });

  it("give their bytes as they came", async () => {
    const { items } = await engine.deadLetters.list({ reason: "JSON" });
    for (const { topic, partition, offset, preview } of items) {
      const at = { topic, partition: String(partition), offset };
      const { bytes, size_bytes } = await engine.deadLetters.one(at);
      expect(new TextDecoder().decode(bytes)).toBe(preview);
      expect(bytes.length).toBe(size_bytes);
    }
    await expect(engine.deadLetters.one({ topic: "t", partition: "0", offset: "9" }))
      .rejects.toMatchObject({ name: "NotFoundError" });
  });
});

describe("catalogs", () => {
  const put = (text: string, format: "ndjson" | "json-array" | "csv") =>
    engine.catalogs.put("movies", stream(text), format);

  it("expand a metric's rows and stand in SQL", async () => {
    await put('movie_id,title,year,genres\n0,"Up, up",2009,Drama|War\n2,Down,,\n', "csv");
    const { rows, columns } = await engine.serving.query("ratings", {
      keys: {},
      expand: "movies",
      order: "movie_id",
    });
    expect(columns.slice(-3).map(({ name }) => name)).toEqual(["title", "year", "genres"]);
    expect(rows.map(({ title, year, genres }) => ({ title, year, genres }))).toEqual([
      { title: "Up, up", year: 2009, genres: ["Drama", "War"] },
      { title: null, year: null, genres: [] },
      { title: "Down", year: null, genres: [] },
    ]);
    const sql = "SELECT title, rating_count FROM merged_ratings JOIN movies USING movie_id " +
      "ORDER BY movie_id";
    const joined = await engine.sql.query(sql);
    expect(joined.rows.map(({ title }) => title)).toEqual(["Up, up", "Down"]);
  });

  it("are replaced as a whole, or not at all", async () => {
    await put('{"movie_id":1,"title":"One"}\n{"movie_id":3,"title":"Three"}', "ndjson");
    const wrong: [string, "ndjson" | "json-array" | "csv", string][] = [
      ['{"movie_id":1,"title":"x"}\n{"movie_id":-1,"title":"x"}', "ndjson", "line 2, movie_id"],
      ['[{"movie_id":1}]', "json-array", "line 1, title"],
      ["movie_id,title\n1,a\n2,b,c\n", "csv", "line 3"],
      ['{"movie_id":1,"title":"x","colour":"red"}', "ndjson", "there is no such column"],
      ["{", "ndjson", "expected JSON"],
      ['{"movie_id":1,"title":"x"}', "json-array", "expected a JSON array"],
    ];
    for (const [text, format, message] of wrong) {
      await expect(put(text, format)).rejects.toMatchObject({
        fault: "user",
        message: expect.stringContaining(message),
      });
    }
    const { items } = await engine.catalogs.get("movies", {});
    expect(items.map(({ title }) => title)).toEqual(["One", "Three"]);
  });

  it("are searched, paged and looked up by key", async () => {
    const rows = Array.from({ length: 25 }, (_, i) => ({ movie_id: i, title: `Film ${i} of all` }));
    await put(JSON.stringify(rows), "json-array");
    const get = engine.catalogs.get;
    expect((await get("movies", { search: "ALL film 7" })).items.map((row) => row.movie_id))
      .toEqual([7, 17]);
    expect((await get("movies", { keys: "3,99,1" })).items.map((row) => row.movie_id))
      .toEqual([1, 3]);
    const first = await get("movies", { limit: "20" });
    const rest = await get("movies", { limit: "20", after: first.next! });
    expect([first.items.length, rest.items.length, rest.next]).toEqual([20, 5, null]);
    await expect(get("films", {})).rejects.toMatchObject({ name: "NotFoundError" });
    await expect(get("movies", { keys: "a" })).rejects.toMatchObject({ field: "keys" });
    const expanded = engine.serving.query("user_stats", { keys: {}, expand: "movies" });
    await expect(expanded).rejects.toMatchObject({ field: "expand" });
  });
});

describe("SQL by people", () => {
  it("reads, and says when there is more", async () => {
    const { rows, columns, truncated } = await engine.sql.query(
      "WITH 2 AS two SELECT number * two AS even, '--;' AS text FROM numbers(10) -- so; it is",
      { limit: 3 },
    );
    expect(rows).toEqual([0, 2, 4].map((even) => ({ even, text: "--;" })));
    expect([columns.map(({ name }) => name), truncated]).toEqual([["even", "text"], true]);
  });

  const refused = [
    "",
    "SELECT 1; DROP TABLE dead_letters",
    "DROP TABLE dead_letters",
    "INSERT INTO dead_letters SELECT * FROM dead_letters",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 INTO OUTFILE '/tmp/outfile'",
    "SELECT 1 FORMAT CSV",
    "SELECT 1;; SELECT 2;",
    "SHOW PROCESSLIST",
    "SHOW GRANTS",
    "SHOW CREATE NAMED COLLECTION twofold",
    "SHOW TABLES; DROP TABLE dead_letters",
    "EXPLAIN INSERT INTO dead_letters SELECT * FROM dead_letters",
    "EXPLAIN SELECT * FROM url('http://127.0.0.1:1', 'LineAsString')",
    "DESCRIBE TABLE url('http://127.0.0.1:1', 'LineAsString')",
    "DESCRIBE (SELECT * FROM url('http://127.0.0.1:1'))",
    "DESC remote('127.0.0.1', db, t)",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM `file`('/etc/passwd', 'LineAsString')",
    "SELECT * FROM file/**/('/etc/passwd', 'LineAsString')",
    "SELECT * FROM \"url\"('http://127.0.0.1:1', 'LineAsString')",
    "SELECT * FROM (SELECT * FROM remote('127.0.0.1', system.one))",
    "SELECT file('/etc/passwd')",
    "SELECT FILE\n('/etc/passwd')",
    "SELECT /* ' */ file -- it's\n ('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT 'it''s', file('/etc/passwd')",
    "SELECT '\\\\', file('/etc/passwd'), '\\\\'",
    "SELECT $$ ' $$, file('/etc/passwd'), $$ ' $$",
    "SELECT `a'`, file('/etc/passwd'), `b'` FROM (SELECT 1 AS `a'`, 2 AS `b'`)",
    "SELECT `fi\\x6ce`('/etc/passwd')",
    "SELECT * FROM `sys\\x74em`.settings",
    "SELECT * FROM system/**/.settings",
    "SELECT $$ ' $$); DROP TABLE dead_letters; SELECT * FROM (SELECT $$ ' $$",
    "SELECT 1); DROP TABLE dead_letters; SELECT * FROM (SELECT 1",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT aiGenerate('x')",
    "SELECT getServerSetting('max_connections')",
    "SELECT * FROM merge('system', 'settings')",
    "SELECT * FROM system.processes",
    "SELECT * FROM system . `processes`",
    "SELECT sum(number) FROM numbers(100000000000)",
    "SELECT * FROM nothing_there",
    "SELECT sleepEachRow(1) FROM numbers(3)",
    "SELECT 1) UNION ALL (SELECT 2",
  ];
  for (const sql of refused) {
    it(`refuses ${JSON.stringify(sql)}`, async () => {
      await expect(engine.sql.query(sql)).rejects.toMatchObject({ fault: "user", field: "sql" });
    });
  }

  it("leaves no setting behind for others", async () => {
    await engine.sql.query("SELECT 1");
    await engine.warehouse.command("CREATE OR REPLACE TABLE after_sql (a Int8) ENGINE = Memory");
    expect(await engine.warehouse.query("SELECT count() AS n FROM after_sql")).toEqual([{ n: 0 }]);
    await engine.warehouse.command("DROP TABLE after_sql");
  });
});

describe("a followed metric", () => {
  it("tells new rows within seconds", async () => {
    const stop = new AbortController();
    const live = await engine.serving.live("ratings", { keys: {} }, { signal: stop.signal });
    const updates = live[Symbol.asyncIterator]();
    expect((await updates.next()).value.kind).toBe("snapshot");
    const more = JSON.stringify({ ...JSON.parse(event(5000)), movie_id: 77 });
    await engine.ingest.ingest(stream(more), "ndjson");
    // What other tests sent may become visible before it, or with it.
    const found = async (): Promise<unknown> => {
      const { value } = await updates.next();
      return value.answer.rows.find((row: { movie_id: number }) => row.movie_id === 77) ?? found();
    };
    expect(await found()).toEqual({
      movie_id: 77,
      rating_count: 1,
      rating_sum: 7.5,
      avg_rating: 7.5,
    });
    stop.abort();
    expect((await updates.next()).done).toBe(true);
  });
});
