import { afterAll, beforeAll, describe, expect, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { createRedrive } from "../../runtime/engine/redrive.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import type { Engine } from "../../runtime/engine/engine.ts";
import type { RedriveRequest } from "../../runtime/ports/services.ts";
import { eventually } from "../support/eventually.ts";
import { openTestEngine } from "../support/test_engine.ts";

const event = (event_id: string | null | undefined, more: object = {}) =>
  JSON.stringify({
    event_id,
    user_id: 1,
    movie_id: 1,
    event_type: "rating",
    timestamp: "2024-01-01T00:00:00Z",
    duration: null,
    rating: 11,
    ...more,
  });
const MIB = 2 ** 20;
const topic = "movie-viewing-events";
const by = "ada";

let engine: Engine;
let close: () => Promise<void>;
let sent = 0;
/** Sends records that are no events, and waits until they are dead letters. */
const send = async (lines: readonly string[]) => {
  sent += lines.length;
  await engine.ingest.ingest(new Blob([lines.join("\n")]).stream(), "ndjson");
  await eventually("the dead letters", () => lettersOf(""), ({ length }) => length === sent);
};
/** Redrives, and waits until what was sent is counted. */
const redrive = async (request: RedriveRequest) => {
  const answer = await engine.deadLetters.redrive({ by, ...request });
  await engine.serving.query("ratings", { wait_for: answer.frontier, keys: {} });
  return answer;
};
const ratingsOf = async (movie: number, layer: "merged" | "speed" | "batch" = "merged") => {
  const { rows } = await engine.serving.query("ratings", {
    layer,
    keys: { movie_id: String(movie) },
  });
  return rows.map(({ rating_count, rating_sum }) => [rating_count, rating_sum]);
};
const lettersOf = async (text: string) =>
  (await Array.fromAsync(engine.deadLetters.each({}))).flat()
    .filter(({ bytes }) => new TextDecoder().decode(bytes).includes(text))
    .map((letter) => ({
      ...letter,
      address: `${letter.topic}/${letter.partition}/${letter.offset}`,
    }));

beforeAll(async () => {
  ({ engine, close } = await openTestEngine());
});
afterAll(() => close());

describe("a redrive", () => {
  it("counts each event once, however often it is repeated", async () => {
    await send([event("a1"), event("a2"), event("a3", { movie_id: 2 }), "{broken"]);
    const patched = { field: "rating", set: { rating: "9.5" } };
    const dry = await redrive({ ...patched, dry_run: true, by: undefined });
    expect(dry).toMatchObject({ letters: 3, decodable: 3, repeated: 0, sent: 0, dry_run: true });
    expect(await ratingsOf(1)).toEqual([]);
    expect((await engine.deadLetters.list({ field: "rating" })).items.map((l) => l.redriven))
      .toEqual([null, null, null]);

    expect(await redrive(patched)).toMatchObject({ decodable: 3, repeated: 0, sent: 3 });
    expect(await ratingsOf(1)).toEqual([[2, 19]]);
    expect(await redrive(patched)).toMatchObject({ decodable: 3, repeated: 3, sent: 3 });
    expect(await redrive({ field: "rating", set: { rating: 9.5 } })).toMatchObject({ sent: 3 });
    // Other values of the same event, which a lower partition would take: nothing is sent.
    for (const dry_run of [true, false]) {
      const other = { field: "rating", set: { user_id: 2, rating: 3 }, dry_run };
      const { refused, ...counts } = await redrive(other);
      expect(counts).toMatchObject({ decodable: 0, repeated: 0, sent: 0, refused_total: 3 });
      expect(refused[0].reason).toMatch(
        /^the letter was redriven at \S+ by ada with \{"rating":"9.5"\}: these values count, /,
      );
    }
    for (const layer of ["merged", "speed"] as const) {
      expect([layer, await ratingsOf(1, layer)]).toEqual([layer, [[2, 19]]]);
    }
    await engine.batch.get(topic)!.run({ full: true });
    expect(await ratingsOf(1)).toEqual([[2, 19]]);
    expect(await ratingsOf(2)).toEqual([[1, 9.5]]);
  });

  it("is recorded with each letter", async () => {
    const [{ address, redriven }] = await lettersOf('"a1"');
    expect(Date.parse(redriven!)).toBeGreaterThan(Date.now() - 60_000);
    const [, partition, offset] = address.split("/");
    const { redrives } = await engine.deadLetters.one({ topic, partition, offset });
    expect(redrives.map(({ set, by, sent }) => [set, by, sent])).toEqual([
      [{ rating: 9.5 }, "ada", true],
      [{ rating: "9.5" }, "ada", true],
      [{ rating: "9.5" }, "ada", true],
    ]);
    expect(redrives[0]).toMatchObject({ event_id: "a1", event_time: "2024-01-01T00:00:00Z" });
  });

  it("sends all, and says of each that cannot be sent why", async () => {
    const answer = await redrive({ all: true, dry_run: true });
    expect(answer).toMatchObject({ letters: 4, decodable: 0, refused_total: 4 });
    expect(answer.refused.map(({ field }) => field).sort())
      .toEqual(["", "rating", "rating", "rating"]);
    expect(answer.refused.find(({ field }) => field === "")!.reason).toContain("must be JSON");
  });

  it("gives an event without an id the place of its letter, so that it counts once", async () => {
    const movie = { movie_id: 3 };
    await send([event(undefined, movie), event(null, movie), event(null, movie)]);
    const patched = { field: "event_id", set: { rating: 5 } };
    expect(await redrive(patched)).toMatchObject({ letters: 3, sent: 3 });
    expect(await redrive(patched)).toMatchObject({ letters: 3, sent: 3, repeated: 3 });
    expect(await ratingsOf(3)).toEqual([[3, 15]]);
    const [{ log, partition, offset }] = await lettersOf('"movie_id":3');
    const { items } = await engine.records.list({ limit: "1000" });
    expect(items.map(({ event }) => event?.event_id))
      .toContain(`dead-letter:${log}/${partition}/${offset}`);
  });

  it("never sends a letter as two events", async () => {
    await send([event("b1", { movie_id: 4, timestamp: "yesterday", rating: 1 })]);
    const at = (timestamp: string) => ({ field: "timestamp", set: { timestamp } });
    expect(await redrive(at("2024-02-01T00:00:00.000000001Z"))).toMatchObject({ sent: 1 });
    const other = await redrive(at("2024-02-02T00:00:00Z"));
    expect(other).toMatchObject({ decodable: 0, sent: 0, refused_total: 1 });
    expect(other.refused[0].reason).toContain(
      'as event "b1" at 2024-02-01T00:00:00.000000001Z; as another event it would count twice',
    );
    const [{ address }] = await lettersOf('"b1"');
    const renamed = {
      letters: [address],
      set: { event_id: "b2", timestamp: "2024-02-02T00:00:00Z" },
    };
    expect(await redrive(renamed)).toMatchObject({ sent: 0, refused_total: 1 });
    expect(await redrive({ ...renamed, dry_run: true })).toMatchObject({ refused_total: 1 });
    expect(await redrive(at("2024-02-01T02:00:00.000000001+02:00"))).toMatchObject({
      sent: 1,
      repeated: 1,
    });
    expect(await ratingsOf(4)).toEqual([[1, 1]]);
  });

  it("counts an event once where the process died before it could note that it was sent", async () => {
    await send([event("e1", { movie_id: 6, timestamp: "" })]);
    const { warehouse, deadLetters, ingest } = engine;
    const topics = [{ schema: movieViewing }];
    const dying = createRedrive({
      warehouse,
      deadLetters,
      topics,
      clock: systemClock,
      ingest: {
        async ingest(...request) {
          await ingest.ingest(...request);
          throw new Error("killed");
        },
      },
    });
    const [{ address }] = await lettersOf('"e1"');
    const request = {
      letters: [address],
      by,
      set: { timestamp: "2024-03-01T00:00:00Z", rating: 2 },
    };
    await expect(dying(request)).rejects.toThrow("killed");
    const [, partition, offset] = address.split("/");
    const noted = await deadLetters.one({ topic, partition, offset });
    expect([noted.redriven, noted.redrives.map(({ sent }) => sent)]).toEqual([null, [false]]);
    const other = { ...request, set: { ...request.set, timestamp: "2024-03-02T00:00:00Z" } };
    expect(await redrive(other)).toMatchObject({ sent: 0, refused_total: 1 });
    const values = await redrive({ ...request, set: { ...request.set, rating: 3 } });
    expect(values).toMatchObject({ sent: 0, refused_total: 1 });
    expect(values.refused[0].reason).toMatch(/it is not known whether that was sent/);
    expect(await redrive(request)).toMatchObject({ sent: 1, repeated: 0 });
    expect(await ratingsOf(6)).toEqual([[1, 2]]);
  });

  it("keeps the digits of numbers and unknown fields as they are", async () => {
    const more = '"big":12345678901234567890,"deep":{"n":1.10,"s":"\\u00e9"}';
    await send([event("c1", { movie_id: 5 }).replace("{", `{${more},`)]);
    const [{ address }] = await lettersOf('"c1"');
    await redrive({ letters: [address], set: { rating: "6.0049999999999999999" } });
    const { items } = await engine.records.list({ limit: "1000" });
    const text = items.find(({ event }) => event?.event_id === "c1")!.text;
    expect(text).toContain('"big":12345678901234567890,"deep":{"n":1.10,"s":"é"}');
    expect(text).toContain('"rating":6.0049999999999999999');
    expect(await ratingsOf(5)).toEqual([[1, 6]]);
  });

  it("cannot send a record that was cut at the size limit, and says so", async () => {
    await send([event("d1", { note: "x".repeat(MIB) })]);
    const [{ address }] = await lettersOf('"d1"');
    const answer = await redrive({ letters: [address], set: { rating: 1 } });
    expect(answer).toMatchObject({ letters: 1, decodable: 0, sent: 0 });
    expect(answer.refused[0].reason).toContain("only its first 64 KiB are kept");
  });

  it("takes letters by offsets and times", async () => {
    const [{ partition, offset }] = await lettersOf('"b1"');
    const only = { from_offset: offset, to_offset: String(Number(offset) + 1) };
    const count = async (filter: RedriveRequest) =>
      (await redrive({ ...filter, dry_run: true })).letters;
    expect(await count({ partition: String(partition), ...only })).toBe(1);
    expect(await count({ to: "2020-01-01" })).toBe(0);
    expect(await count({ from: "2020-01-01" })).toBe(sent);
  });

  it("names the field of a bad request", async () => {
    const bad: [RedriveRequest, string][] = [
      [{}, "all"],
      [{ all: true, letters: ["a/0/1"] }, "letters"],
      [{ letters: [] }, "letters"],
      [{ letters: ["a/0"] }, "letters"],
      [{ topic: "other" }, "topic"],
      [{ all: true, by: "" }, "by"],
      [{ all: true, set: { ratign: 1 } }, "set"],
      [{ all: true, set: { event_id: "x" } }, "set"],
      [{ from: "soon" }, "from"],
      [{ from_offset: "-1" }, "from_offset"],
    ];
    for (const [request, field] of bad) {
      await expect(redrive(request)).rejects.toMatchObject({ field, fault: "user" });
    }
    await expect(redrive({ letters: [`${topic}/0/999999`] }))
      .rejects.toMatchObject({ name: "NotFoundError" });
  });

  it("groups the letters by what is wrong", async () => {
    const reasons = await engine.deadLetters.reasons({ field: "rating" });
    expect(reasons.map(({ reason, letters }) => [reason, letters]))
      .toEqual([["rating must be at most 10", 4]]);
    expect(reasons[0].first <= reasons[0].last).toBe(true);
    expect(await engine.deadLetters.reasons({ reason: "no such words" })).toEqual([]);
  });
});
