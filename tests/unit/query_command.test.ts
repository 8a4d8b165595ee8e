import { describe, expect, it } from "testing";
import type { MetricAnswer, MetricQuery } from "../../runtime/ports/services.ts";
import { fakeWorld } from "../support/fake_world.ts";
import { runWords as run } from "../support/run_words.ts";
import { moviesAnswer } from "../support/sample_answers.ts";

/** A metric of so many rows, in pages of `limit`. */
function pagedMetric(count: number) {
  const asked: MetricQuery[] = [];
  const query = (_metric: string, query: MetricQuery): Promise<MetricAnswer> => {
    asked.push(query);
    const from = Number(query.after ?? 0);
    const to = Math.min(count, from + Number(query.limit ?? 100));
    const rows = Array.from(
      { length: to - from },
      (_, i) => ({ movie_id: from + i, view_count: 1 }),
    );
    return Promise.resolve({ ...moviesAnswer, rows, next: to < count ? String(to) : null });
  };
  return { asked, query };
}

describe("query", () => {
  it("asks what the flags say", async () => {
    const world = fakeWorld();
    const { asked, query } = pagedMetric(1);
    Object.assign(world.engine.serving, { query });
    const { code } = await run(
      "query popular_movies --layer speed --bucket minute --from a --to b --order -view_count " +
        "--limit 5 --expand movies --wait-for f --where movie_id=7 --where kind=a=b",
      world,
    );
    expect(code).toBe(0);
    expect(asked).toEqual([{
      layer: "speed",
      bucket: "minute",
      from: "a",
      to: "b",
      order: "-view_count",
      limit: "5",
      expand: "movies",
      wait_for: "f",
      keys: { movie_id: "7", kind: "a=b" },
    }]);
  });

  it.each(["table", "csv", "json"])("--all walks every page, as %s", async (format) => {
    const world = fakeWorld();
    const { asked, query } = pagedMetric(25_000);
    Object.assign(world.engine.serving, { query });
    const { out } = await run(`query popular_movies --all --format ${format}`, world);
    expect(asked.map(({ after, limit }) => [after, limit])).toEqual([
      [undefined, "10000"],
      ["10000", "10000"],
      ["20000", "10000"],
    ]);
    const lines = out.trimEnd().split("\n").slice(1);
    const ids = format === "json"
      ? JSON.parse(out).rows.map((row: { movie_id: number }) => row.movie_id)
      : lines.map((line) => Number(line.trim().split(/[, ]+/)[0]));
    expect(ids).toEqual(Array.from({ length: 25_000 }, (_, i) => i));
  });

  it("ends CSV that is not all with a line that says so", async () => {
    const world = fakeWorld();
    Object.assign(world.engine.serving, { query: pagedMetric(300).query });
    const { out, err } = await run("query popular_movies --format csv --limit 10", world);
    expect(out.split("\r\n").slice(-2)).toEqual([
      '"# There are more rows: --all shows them, --limit more of them"',
      "",
    ]);
    expect(err).toContain("There are more rows");
    const other = fakeWorld();
    Object.assign(other.engine.serving, { query: pagedMetric(300).query });
    const whole = await run("query popular_movies --format csv --all", other);
    expect(whole.out + whole.err).not.toContain("more rows");
  });

  it("says that more exists, and stops asking when nobody reads", async () => {
    const world = fakeWorld();
    const { asked, query } = pagedMetric(300);
    Object.assign(world.engine.serving, { query });
    expect((await run("query popular_movies", world)).err).toContain("--all shows them");
    Object.assign(world.out, { closed: true });
    await run("query popular_movies --all --limit 10", world);
    expect(asked.length).toBe(2);
  });

  it("refuses what cannot be asked, before anything is opened", async () => {
    const cases = [
      ["query", "Missing METRIC: expected query METRIC"],
      ["query m --where 7", '--where: expected key=value, got "7"'],
      ["query m --where a=1 --where a=2", '--where: expected each key once, got "a=2"'],
      ["query m --format xml", '--format must be table, json or csv, got "xml"'],
      ["query m --json --format csv", "--json and --format csv exclude each other"],
      ["query m --layer sped", "--layer must be merged, batch or speed"],
      ["sql SELECT --limit many", '--limit must be a whole number, got "many"'],
      ["dead-letters show 7", 'expected TOPIC/PARTITION/OFFSET, as dead-letters lists it, got "7"'],
      ["plugins pause m", "give --by NAME, because $USER is not set"],
      ["plugins pause", "Missing NAME"],
      ["drift accept m --by ada", "--reason must say why the difference is accepted"],
      ["drift accept m --reason known", "give --by NAME, because $USER is not set"],
      ["verify accept o --reason lost", "give --by NAME, because $USER is not set"],
      ["plugins rebuild", "Missing NAME"],
      ["batch cancel", "Missing RUN"],
      ["batch cancel first --by ada", "RUN must be a whole number in 1.."],
      ["batch cancel 3", "give --by NAME, because $USER is not set"],
      ["plugins rebuild m --form 2024-01-01", "Unknown flag --form"],
      ["dead-letters redrive", "give TOPIC/PARTITION/OFFSET, a filter such as --field, or --all"],
      [
        "dead-letters redrive --all --by ada --set rating",
        '--set must be FIELD=VALUE, got "rating"',
      ],
      ["dead-letters redrive --all", "give --by NAME, because $USER is not set"],
      ["dead-letters redrive a/0/1 --all", "must be left out where a filter or --all is given"],
      ["dead-letters redrive --partition x", "--partition must be a whole number"],
      ["catalog put movies - --format xml", "--format must be ndjson, json-array, csv, movielens-"],
      ["catalog put movies missing.csv", 'Cannot read "missing.csv": there is no such file'],
      ["catalog put movies", "Missing FILE: expected catalog put NAME FILE"],
      ["catalog shwo movies", 'Unknown command "catalog shwo"; did you mean "catalog show"?'],
      ["events tial", 'Unknown command "events tial"; did you mean "events tail"?'],
      ["events", "Missing verb: expected events tail"],
    ];
    for (const [args, message] of cases) {
      const { code, err, world } = await run(args);
      expect([args, code]).toEqual([args, 2]);
      expect(err).toContain(message);
      expect(world.configs).toEqual([]);
    }
  });
});
