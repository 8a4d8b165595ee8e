import { describe, expect, it } from "testing";
import { Feeds } from "../../runtime/commands/feeds.ts";
import { readConfig } from "../../runtime/settings/config.ts";
import type { Source } from "../../runtime/source.ts";
import movies from "../../plugins/movies.catalog.ts";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { database } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { FakeEngine } from "../support/fake_world.ts";
import { ManualClock } from "../support/manual_clock.ts";

const STEP_MS = 100;

/** One event every 100 ms, named after the source, its start and its number. */
const counting = (name: string): Source => ({
  source: movieViewing,
  name,
  summary: "",
  *events({ startMs }) {
    for (let n = 1;; n++) {
      const event_id = `${name}-${startMs}-${n}`;
      const ndjson = `${JSON.stringify({ event_id })}\n`;
      yield { ndjson, events: 1, dueMs: startMs + n * STEP_MS };
    }
  },
});

describe("feeds of sources", () => {
  const open = () => {
    const clock = new ManualClock(0);
    const engine = new FakeEngine();
    const config = readConfig({ command: "dev", flags: {}, database });
    const feeds = new Feeds(config, clock, () => {});
    const { taken } = engine.source;
    /** Lets time pass until so many events came since. */
    const pass = async (events: number) => {
      const wanted = taken.size + events;
      await eventually("events", () => {
        if (taken.size < wanted) clock.advance(STEP_MS / 2);
        return taken.size;
      }, (size) => size >= wanted);
    };
    return { clock, engine, feeds, pass, ids: () => [...taken.keys()] };
  };

  it("stop those that are gone, start new ones at now, and let the others go on", async () => {
    const { clock, engine, feeds, pass, ids } = open();
    const [a, b, c] = ["a", "b", "c"].map(counting);
    feeds.use([a, b]);
    expect(ids()).toEqual([]);
    feeds.start(engine);
    await pass(4);
    feeds.use([b, c]);
    const changedMs = clock.now();
    await pass(4);
    await feeds.stop();
    const of = (name: string) => ids().filter((id) => id.startsWith(name));
    const numbers = (name: string) => of(name).map((id) => Number(id.split("-")[2]));
    expect([numbers("a"), numbers("b")]).toEqual([[1, 2], [1, 2, 3, 4]]);
    expect(of("c").length).toBeGreaterThan(0);
    expect(Number(of("c")[0].split("-")[1])).toBeGreaterThanOrEqual(changedMs);
    expect([...engine.source.taken.values()].every((times) => times === 1)).toBe(true);
  });

  it("start a changed source once what the former was sending is in the log", async () => {
    const { clock, engine, feeds, pass, ids } = open();
    const [first, second, third] = ["a", "b", "c"].map(counting);
    feeds.use([first]);
    feeds.start(engine);
    await pass(1);
    const { ingest } = engine.ingest;
    const gate = Promise.withResolvers<void>();
    engine.ingest.ingest = async (...body) => {
      await gate.promise;
      return await ingest(...body);
    };
    clock.advance(STEP_MS);
    await new Promise((resolve) => setTimeout(resolve));
    feeds.use([second]);
    // The second is gone before it began.
    feeds.use([third]);
    clock.advance(STEP_MS);
    await new Promise((resolve) => setTimeout(resolve));
    gate.resolve();
    await pass(2);
    await feeds.stop();
    const before = ids().length;
    clock.advance(10 * STEP_MS);
    await new Promise((resolve) => setTimeout(resolve));
    expect(ids().length).toBe(before);
    expect(ids().map((id) => id.split("-")[0]).join("")).toMatch(/^aac+$/);
  });

  it("fill the catalog of a source that comes later, where it has no rows", async () => {
    const { engine, feeds, pass } = open();
    const { list } = engine.catalogs;
    let rows = 0;
    engine.catalogs.list = async () => (await list()).map((each) => ({ ...each, rows }));
    const withRows = (movie_id: number): Source => ({
      ...counting("a"),
      catalog: { of: movies, rows: () => [{ movie_id, title: "A", genres: "" }] },
    });
    feeds.start(engine);
    feeds.use([withRows(1)]);
    await pass(1);
    expect(engine.asked.put?.text).toContain('"movie_id":1');
    rows = 1;
    feeds.use([withRows(2)]);
    await pass(1);
    await feeds.stop();
    expect(engine.asked.put?.text).toContain('"movie_id":1');
  });
});
