import { describe, expect, it } from "testing";
import { NotReadyError } from "../../runtime/std/errors.ts";
import type { RecordPage, RecordQuery } from "../../runtime/ports/services.ts";
import { fakeSql } from "../support/fake_services.ts";
import { moviesAnswer, someRecords } from "../support/sample_answers.ts";
import { fakeStatus, fakeWorld } from "../support/fake_world.ts";
import { runWords as run } from "../support/run_words.ts";
import { servedWorld } from "../support/served_world.ts";

const LOOKING = [
  "query popular_movies",
  "query popular_movies --json",
  "query popular_movies --format csv",
  "query nothing",
  "events tail",
  "events tail --json",
  "dead-letters",
  "dead-letters --json",
  "dead-letters --format csv",
  "dead-letters show movies/0/5",
  "dead-letters show movies/0/5 --json",
  "dead-letters show movies/0/5 --raw",
  "plugins pause popular_movies --by ada",
  "plugins resume popular_movies --by ada --json",
  "plugins rebuild popular_movies --from 2024-01-01 --dry-run",
  "plugins rebuild popular_movies",
  "plugins rebuild popular_movies --json",
  "plugins drop popular_movies",
  "batch cancel 3 --by ada",
  "batch cancel 3 --by ada --json",
  "dead-letters redrive --dry-run --all",
  "dead-letters redrive movies/0/5 --set rating=10 --set duration= --by ada",
  "dead-letters redrive --partition 0 --from-offset 1 --by ada --json",
  "drift",
  "drift --json --all",
  "drift --format csv",
  "drift accept popular_movies --by ada --reason known",
  "catalog",
  "catalog --json",
  "catalog --format csv",
  "catalog show movies",
  "catalog show movies --json --search up",
  "catalog show nothing",
  "sql SELECT",
  "sql SELECT --json",
  "batch --json --full",
];

describe("a command that looks", () => {
  it.each(LOOKING)(
    "`%s` says the same of a running process and of the folder itself",
    async (args) => {
      await using process = servedWorld();
      const remote = await run(args, process);
      const own = await run(args);
      expect([remote.code, remote.out]).toEqual([own.code, own.out]);
      const partial = args.startsWith("dead-letters redrive") ? 1 : 0;
      expect(remote.code).toBe(args.includes("nothing") ? 4 : partial);
      expect(remote.out === "").toBe(remote.code === 4);
      // The same words, but for the notice that no process runs.
      expect(own.err).toBe(`No process runs on ./data: opening it here.\n${remote.err}`);
      expect(own.world.engine.done.at(-1)).toBe("close");
    },
  );

  const documents = LOOKING.filter((args) => args.includes("--json") && !args.startsWith("events"));
  it.each(documents)("`%s` writes one JSON document", async (args) => {
    expect(typeof JSON.parse((await run(args)).out)).toBe("object");
  });

  it("lets a folder catch up before it asks the warehouse, and only looks otherwise", async () => {
    const behind = fakeWorld();
    const [topic] = fakeStatus.topics;
    const lag = [7, 3, 0];
    behind.engine.status = () => {
      const partitions = [{ ...topic.partitions[0], lag_records: lag.shift() ?? 0 }];
      return Promise.resolve({ ...fakeStatus, topics: [{ ...topic, partitions }] });
    };
    await run("query popular_movies", behind);
    expect(behind.engine.done).toEqual(["start", "close"]);
    expect(lag).toEqual([]);
    expect((await run("query popular_movies")).world.engine.done).toEqual(["close"]);
  });

  const nowhere = (env = {}) => fakeWorld({ env, hasFolder: () => Promise.resolve(false) });
  const looking = LOOKING.filter((args) => !args.startsWith("batch"));
  it.each([...looking, "status", "verify", "plugins prune"])(
    "`%s` makes no data folder where there is none, and says so",
    async (args) => {
      const { code, out, err, world } = await run(`${args} --data dtaa`, nowhere());
      expect([code, out, world.configs]).toEqual([2, "", []]);
      expect(err).toContain('There is no data folder "dtaa"');
    },
  );

  it("needs no data folder where a server has the data; a command that writes makes one", async () => {
    const onServer = nowhere({ TWOFOLD_KAFKA_BROKERS: "localhost:9092" });
    expect((await run("status", onServer)).code).toBe(0);
    expect((await run("batch", nowhere())).code).toBe(0);
    const input = () => new Blob(["movie_id,title\n"]).stream();
    const put = { ...nowhere(), input };
    expect((await run("catalog put movies - --format csv", put)).code).toBe(0);
  });

  it("claims no generation, and leaves one that does not answer as it is", async () => {
    const claims: unknown[] = [];
    const engine = fakeWorld();
    const world = {
      ...engine,
      openEngine: (_: unknown, options: { claims?: boolean }) => {
        claims.push(options.claims);
        return Promise.resolve(engine.engine);
      },
    };
    const [topic] = fakeStatus.topics;
    const partitions = [{ ...topic.partitions[0], lag_records: 7 }];
    const plugins = fakeStatus.plugins.map((plugin) => ({ ...plugin, generation: "g2" }));
    const status = { ...fakeStatus, topics: [{ ...topic, partitions }], plugins };
    engine.engine.status = () => Promise.resolve(status);
    await run("query popular_movies", world);
    expect(engine.engine.done).toEqual(["close"]);
    await run("status", world);
    engine.engine.status = () => Promise.resolve(fakeStatus);
    await run("batch", world);
    expect(claims).toEqual([false, false, true]);
  });

  it("tries again while a process says that it is not ready, and then gives up with 3", async () => {
    const engine = fakeWorld();
    let refusals = 2;
    Object.assign(engine.engine.serving, {
      query: () => {
        if (refusals-- > 0) {
          return Promise.reject(new NotReadyError("Cannot answer yet: a backfill"));
        }
        return Promise.resolve(moviesAnswer);
      },
    });
    await using process = servedWorld(engine);
    const { code, err } = await run("query popular_movies", process);
    expect([code, refusals]).toEqual([0, -1]);
    expect(err).toContain("a backfill; trying again\nit answers again\n");
    refusals = Infinity;
    expect((await run("query popular_movies", process)).code).toBe(3);
  });
});

describe("batch cancel", () => {
  it("cancels the run of a topic, which may be left out where there is one", async () => {
    const { code, out, world } = await run("batch cancel 3 --by ada");
    expect([code, world.engine.done]).toEqual([0, ["cancel 3 by ada", "close"]]);
    expect(out).toMatch(
      /Run 3 of movie-viewing-events, .* s, cancelled: \d of \d metrics? published/,
    );
    const other = await run("batch cancel 3 --by ada --topic x");
    expect(other.code).toBe(2);
    expect(other.err).toContain(
      'Cannot cancel a batch run: topic must be movie-viewing-events, got "x"',
    );
  });
});

describe("events tail", () => {
  it("shows the newest last", async () => {
    const { out } = await run("events tail --json");
    const offsets = out.trimEnd().split("\n").map((line) => JSON.parse(line).offset);
    expect(offsets).toEqual(["8", "9"]);
  });

  it("--follow shows each record that comes in once, until Ctrl-C, and ends with 0", async () => {
    const engine = fakeWorld();
    const asked: RecordQuery[] = [];
    await using process = servedWorld(engine);
    let offset = 10;
    const list = (query: RecordQuery): Promise<RecordPage> => {
      asked.push(query);
      if (offset === 14) process.interrupt();
      const item = { ...someRecords[0], offset: String(offset++) };
      return Promise.resolve({
        items: [item],
        next: null,
        newest: `at-${offset}`,
        scanned: null,
      });
    };
    Object.assign(engine.engine.records, { list });
    const { code, out } = await run("events tail --follow --json --limit 1 --partition 0", process);
    expect(code).toBe(0);
    const offsets = out.trimEnd().split("\n").map((line) => JSON.parse(line).offset);
    expect(offsets.slice(0, 4)).toEqual(["10", "11", "12", "13"]);
    expect(asked[0]).toEqual({ partition: "0", limit: "1" });
    expect(asked[1]).toEqual({ partition: "0", limit: "1000", after: "at-11" });
    expect(asked[2].after).toBe("at-12");
    // It waits between two looks.
    expect(process.clock.sleptMs).toBeGreaterThanOrEqual(3 * 500);
  });

  it("--follow ends at once where no process runs: nothing can come in", async () => {
    const { code, err } = await run("events tail --follow");
    expect(code).toBe(0);
    expect(err).toContain("nothing more can come in");
  });
});

describe("dead-letters redrive", () => {
  it("asks for the same of a running process and of the folder itself", async () => {
    const args = "dead-letters redrive --partition 0 --to-offset 9 --set rating=10 --set duration=";
    const served = fakeWorld();
    await using process = servedWorld(served);
    const remote = await run(`${args} --by ada`, process);
    const own = await run(`${args} --by ada`);
    const request = {
      partition: "0",
      to_offset: "9",
      by: "ada",
      set: { rating: "10", duration: null },
    };
    expect(own.world.engine.asked.redrive).toEqual(request);
    expect(served.engine.asked.redrive).toEqual(request);
    expect(own.out).toBe(
      "Sent 1 event: 1 of 2 dead letters can be decoded.\n  movies/0/5: record must be JSON\n",
    );
    expect([own.code, remote.code]).toEqual([1, 1]);
  });
});

describe("dead-letters show", () => {
  it("--raw gives the bytes as they came", async () => {
    const world = fakeWorld();
    const written: (string | Uint8Array)[] = [];
    Object.assign(world.out, { write: (bytes: Uint8Array) => written.push(bytes) });
    await run("dead-letters show movies/0/5 --raw", world);
    expect(written).toEqual([new Uint8Array([123, 255, 110, 0, 107])]);
  });

  it("writes out what would steer the terminal", async () => {
    const { out } = await run("dead-letters show movies/0/5");
    expect(out).toContain("{\ufffdn\\u0000k\n");
    expect(out).toContain("rating must be at most 10, got 11");
  });
});

describe("catalog put", () => {
  it("sends a file, by its name or from standard input", async () => {
    const file = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      await Deno.writeTextFile(file, "movie_id,title\n7,Up\n");
      await using process = servedWorld();
      const put = await run(`catalog put movies ${file}`, process);
      expect([put.code, put.out]).toEqual([0, "movies has 1 row now.\n"]);
      const text = () => ReadableStream.from([new TextEncoder().encode("{}")]);
      const piped = await run(
        "catalog put movies - --format ndjson --json",
        fakeWorld({ input: text }),
      );
      expect(JSON.parse(piped.out)).toEqual({ catalog: "movies", rows: 1 });
    } finally {
      await Deno.remove(file);
    }
  });
});

describe("sql", () => {
  it("takes the statement from standard input, and says when there is more", async () => {
    const world = fakeWorld({
      input: () => ReadableStream.from([new TextEncoder().encode("SELECT 1")]),
    });
    const asked: unknown[] = [];
    Object.assign(world.engine.sql, {
      open: (sql: string, { limit }: { limit?: number }) => {
        asked.push([sql, limit]);
        const columns = [{ name: "n", type: "UInt64" }, { name: "t", type: "Nullable(String)" }];
        const rows = [{ n: 12, t: null }, { n: 7, t: "a" }];
        return fakeSql({ columns, rows, truncated: true, next: null, seconds: 0 }).open(sql);
      },
    });
    const { code, out, err } = await run("sql - --limit 2", world);
    expect([code, asked]).toEqual([0, [["SELECT 1", 2]]]);
    expect(out).toBe("   n  t\n  12  –\n   7  a\n");
    expect(err).toContain("There are more rows: --limit shows more of them.");
  });
});

describe("status --config", () => {
  it("tells every setting with its value and source, and hides secrets", async () => {
    const env = { TWOFOLD_PORT: "9000", TWOFOLD_WRITE_TOKEN: "0123456789abcdef-secret" };
    const { code, out, world } = await run("status --config --json --data d", fakeWorld({ env }));
    const sources = JSON.parse(out).settings as Record<string, string>[];
    const of = (name: string) => sources.find(({ setting }) => setting === name);
    expect(code).toBe(0);
    expect(of("port")).toMatchObject({ value: "9000", source: "variable", flag: "--port" });
    expect(of("dataDir")).toMatchObject({ value: "d", source: "flag" });
    expect(of("partitions")).toMatchObject({ value: null, source: "default" });
    expect(of("writeTokens")).toMatchObject({ value: "(secret)", source: "variable", flag: null });
    expect(world.configs).toEqual([]);
    const table = await run("status --config", fakeWorld({ env }));
    expect(table.out).toMatch(/TWOFOLD_PORT +9000 +variable/);
    expect(out + table.out).not.toContain("0123456789abcdef-secret");
  });
});
