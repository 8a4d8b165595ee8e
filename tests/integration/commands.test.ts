/** The real commands over a real data folder: with a process that owns it, and after kill -9. */
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { join } from "node:path";
import { NEVER } from "../support/running_engine.ts";
import { runCommand, RunningProcess } from "../support/command.ts";

const EVENTS = [
  { event_id: "e1", user_id: 7, movie_id: 42, event_type: "view", duration: 5400 },
  { event_id: "e2", user_id: 7, movie_id: 42, event_type: "rating", rating: 8.5 },
  { event_id: "e2", user_id: 7, movie_id: 42, event_type: "rating", rating: 8.5 },
  { event_id: "e3", user_id: 8, movie_id: 42, event_type: "rating", rating: 11 },
  { event_id: "e4", user_id: 9, movie_id: 43, event_type: "rating", rating: 7 },
].map((event) => JSON.stringify({ ...event, timestamp: "2026-01-05T20:00:00Z" }));
/** No tick closes a block: it would move the frontier, and a busy machine takes its time. */
const SETTINGS = { TWOFOLD_BATCH_SCHEDULE: NEVER, TWOFOLD_BLOCK_SPAN: "1d" };
const CATALOG = 'movie_id,title,year,genres\n42,"Up, up",2009,Drama|War\n43,日本,,\n';

describe("the commands over a data folder", () => {
  let dir: string;
  let process: RunningProcess;

  const onFolder = (args: readonly string[]) =>
    runCommand([...args, "--data", join(dir, "data")], SETTINGS);

  /** Runs a command on the folder; any exit code but `wanted` is an error. */
  async function twofold(args: readonly string[], wanted = 0): Promise<string> {
    const { code, out, err } = await onFolder(args);
    if (code !== wanted) throw new Error(`${args.join(" ")} ended with ${code}: ${err}`);
    return out;
  }

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-commands-" });
    await Deno.writeTextFile(join(dir, "events.ndjson"), EVENTS.join("\n"));
    await Deno.writeTextFile(join(dir, "movies.csv"), CATALOG);
    process = RunningProcess.spawn(join(dir, "data"), [], SETTINGS);
    await process.url();
  });
  afterAll(async () => {
    await process.end("SIGKILL");
    await Deno.remove(dir, { recursive: true });
  });

  /** What holds with a process and without one. */
  async function answers() {
    const rated = JSON.parse(
      await twofold(["query", "ratings", "--expand", "movies", "--order", "movie_id", "--json"]),
    );
    expect(rated.rows).toMatchObject([
      { movie_id: 42, rating_count: 1, rating_sum: 8.5, title: "Up, up", genres: ["Drama", "War"] },
      { movie_id: 43, rating_count: 1, rating_sum: 7, title: "日本", year: null },
    ]);
    const one = await twofold(["query", "ratings", "--where", "movie_id=43", "--format", "csv"]);
    expect(one).toBe("movie_id,rating_count,rating_sum,avg_rating\r\n43,1,7,7\r\n");
    const paged = await twofold([
      "query",
      "ratings",
      "--order",
      "-movie_id",
      "--all",
      "--limit",
      "1",
      "--format",
      "csv",
    ]);
    expect(paged.split("\r\n").map((line) => line.split(",")[0])).toEqual([
      "movie_id",
      "43",
      "42",
      "",
    ]);
    const sql = await twofold(["sql", "SELECT count() AS n FROM merged_ratings", "--json"]);
    expect(Number(JSON.parse(sql).rows[0].n)).toBe(2);
    return rated;
  }
  /** What they were while the process ran. */
  let before: Awaited<ReturnType<typeof answers>>;

  it("answer by the process that owns it", async () => {
    expect(await twofold(["catalog", "put", "movies", join(dir, "movies.csv")])).toBe(
      "movies has 2 rows now.\n",
    );
    const replayed = await twofold(["replay", join(dir, "events.ndjson")]);
    const frontier = /frontier +(\S+)/.exec(replayed)![1];
    await twofold(["query", "ratings", "--wait-for", frontier]);
    before = await answers();
    expect(await twofold(["catalog", "show", "movies", "--all", "--format", "csv"])).toBe(
      CATALOG.replaceAll("\n", "\r\n"),
    );
  });

  it("end with 4 where they cannot find what is asked, and with 2 where they refuse it", async () => {
    const refused: [args: string[], code: number][] = [
      [["query", "rating"], 4],
      [["catalog", "show", "films"], 4],
      [["query", "ratings", "--limit", "0"], 2],
      [["sql", "DROP TABLE batch_runs"], 2],
    ];
    for (const [args, code] of refused) {
      expect([args, (await onFolder(args)).code]).toEqual([args, code]);
    }
  });

  it("show the newest records, and a dead letter byte by byte", async () => {
    const tail = (await twofold(["events", "tail", "--json"])).trimEnd().split("\n")
      .map((line) => JSON.parse(line));
    expect(tail.filter(({ kind }) => kind === "event").map(({ event }) => event.event_id).sort())
      .toEqual(["e1", "e2", "e2", "e4"]);
    const { dead_letters: [letter] } = JSON.parse(
      await twofold(["dead-letters", "--field", "rating", "--json"]),
    );
    expect(letter.reason).toContain("at most 10");
    const address = `${letter.topic}/${letter.partition}/${letter.offset}`;
    expect(await twofold(["dead-letters"])).toContain(address);
    expect(await twofold(["dead-letters", "show", address, "--raw"])).toBe(EVENTS[3]);
    await twofold(["dead-letters", "show", "movie-viewing-events/0/999999"], 4);
  });

  it("doctor finds the process well", async () => {
    const { port } = new URL(await process.url());
    const { checks } = JSON.parse(await twofold(["doctor", "--json", "--port", port]));
    const of = (name: string) =>
      checks.find(({ check }: { check: string }) => check === name) as Record<string, string>;
    expect(of("process").found).toContain("is well");
    expect(of("port").found).toContain("the running process's");
    expect(of("clickhouse").found).toContain("libchdb.so");
    expect(of("folder").found).toContain(`owned by process ${process.child.pid}`);
  });

  it("answer the same from the folder itself after kill -9", async () => {
    await process.end("SIGKILL");
    const after = await answers();
    expect(after.rows).toEqual(before.rows);
    expect(after.frontier).toBe(before.frontier);
    const { checks } = JSON.parse(await twofold(["doctor", "--json", "--port", "0"]));
    expect(JSON.stringify(checks)).toContain("no process owns it");
  });

  it("count what a process acknowledged and had no time to count", async () => {
    process = RunningProcess.spawn(join(dir, "data"), [], SETTINGS);
    const url = await process.url();
    const event = { event_id: "e5", user_id: 9, movie_id: 43, event_type: "rating", rating: 8 };
    const response = await fetch(new URL("/api/v1/events", url), {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      body: JSON.stringify({ ...event, timestamp: "2026-01-05T20:00:00Z" }),
    });
    expect((await response.json()).accepted).toBe(1);
    await process.end("SIGKILL");
    const one = await twofold(["query", "ratings", "--where", "movie_id=43", "--format", "csv"]);
    expect(one).toBe("movie_id,rating_count,rating_sum,avg_rating\r\n43,2,15,7.5\r\n");
  });
});
