import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { runCommand } from "../support/command.ts";
import { RunningEngine } from "../support/running_engine.ts";

const USERS = 40;
const MOVIES = 25;
const ratings = (between: string) =>
  Array.from({ length: USERS * MOVIES }, (_, i) => {
    const [user, movie] = [1 + i % USERS, 1 + Math.floor(i / USERS)];
    return [user, movie, i % 11, 1_372_000_000 + i * 37].join(between) + "\n";
  }).join("");

describe("events of other formats, and again", () => {
  let dir: string;
  let engine: RunningEngine;
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-sources-" });
    engine = await RunningEngine.open({ dir: join(dir, "data") });
  });
  afterAll(async () => {
    await engine.close();
    await Deno.remove(dir, { recursive: true });
  });

  const post = async (body: BodyInit, headers: Record<string, string>, query = "") => {
    const url = new URL(`/api/v1/events${query}`, engine.url);
    const response = await fetch(url, { method: "POST", body, headers });
    return { status: response.status, body: await response.json() };
  };
  const counted = async () => {
    const { rows } = await engine.metric("ratings", { limit: 1000 });
    return rows.reduce((sum, { rating_count }) => sum + Number(rating_count), 0);
  };

  it("counts a file once, however often and in whichever way it is sent", async () => {
    const args = (file: string) => ["replay", file, "--data", join(dir, "data")];
    await Deno.writeTextFile(join(dir, "ratings.dat"), ratings("::"));
    await Deno.writeFile(join(dir, "u.data.zst"), zstdCompressSync(ratings("\t")));
    for (const name of ["ratings.dat", "u.data.zst", "ratings.dat"]) {
      const { code, out } = await runCommand(args(join(dir, name)));
      expect([code, out.includes("accepted  1,000 events")]).toEqual([0, true]);
    }
    const headers = { "content-type": "text/plain", "content-encoding": "gzip" };
    const packed = new Uint8Array(gzipSync(ratings(",")));
    const { status, body } = await post(packed, headers, "?format=movielens-csv");
    expect([status, body.accepted, body.rejected_total]).toEqual([200, 1000, 0]);
    const query = { limit: 1000, wait_for: body.frontier };
    const { rows } = await engine.metric("ratings", query);
    expect(rows).toHaveLength(MOVIES);
    expect(await counted()).toBe(USERS * MOVIES);
  });

  it("takes CSV, and holds every bad row as a dead letter with its bytes", async () => {
    const header = "event_id,user_id,movie_id,event_type,timestamp,duration,rating,note\n";
    const rows = Array.from(
      { length: 500 },
      (_, i) =>
        `c${i},${i % 5 === 0 ? "nobody" : 7},900,rating,2026-01-01 10:00:00,,9,"a, ""b"" ${i}"\n`,
    );
    const answer = await post(header + rows.join(""), { "content-type": "text/csv" });
    expect([answer.body.accepted, answer.body.rejected_total]).toEqual([400, 100]);
    const of900 = () => engine.metric("ratings", { movie_id: 900, wait_for: answer.body.frontier });
    expect((await of900()).rows[0].rating_count).toBe(400);
    const { items } = await eventually(
      "the dead letters",
      () => engine.engine.deadLetters.list({ field: "user_id", limit: "1000" }),
      (found) => found.items.length === 100,
    );
    const notes = items.map(({ preview }) => JSON.parse(preview).note).sort();
    expect(notes[0]).toBe('a, "b" 0');
  });

  it("answers broken data with 400, and stays up", async () => {
    const cut = new Uint8Array(gzipSync(ratings("::"))).subarray(0, 2000);
    const headers = { "content-type": "text/plain", "content-encoding": "gzip" };
    const { status, body } = await post(cut, headers, "?format=movielens");
    expect([status, body.field]).toEqual([400, "content-encoding"]);
    expect(body.detail).toMatch(/the data end early, in the gzip data about byte 2000/);
    const zstd = { ...headers, "content-encoding": "zstd" };
    expect((await post(cut, zstd, "?format=movielens")).status).toBe(400);
    expect((await engine.status()).ready).toBe(true);
  });

  it("puts titles into the catalog, where metrics find them", async () => {
    await Deno.writeTextFile(join(dir, "movies.dat"), "0000001::First (1990)::Drama\n");
    const { code, err } = await runCommand([
      "replay",
      join(dir, "ratings.dat"),
      "--catalog",
      join(dir, "movies.dat"),
      "--data",
      join(dir, "data"),
    ]);
    expect([code, err.includes("movies has 1 row now.")]).toEqual([0, true]);
    const page = await engine.get<{ rows: { title: string }[] }>("/api/v1/catalogs/movies?keys=1");
    expect(page.rows.map(({ title }) => title)).toEqual(["First"]);
  });
});
