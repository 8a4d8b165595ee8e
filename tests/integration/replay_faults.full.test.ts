import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { runCommand } from "../support/command.ts";

let dir: string;
beforeAll(async () => {
  dir = await Deno.makeTempDir({ prefix: "twofold-replay-faults-" });
});
afterAll(() => Deno.remove(dir, { recursive: true }));

describe("a file to replay that is not what it should be", () => {
  const event = (id: string) => ({
    event_id: id,
    user_id: 1,
    movie_id: 2,
    event_type: "view",
    timestamp: "2026-01-01T00:00:00Z",
    duration: null,
    rating: null,
  });
  const replay = async (name: string, text: string | null, ...more: string[]) => {
    const file = join(dir, name);
    if (text !== null) await Deno.writeTextFile(file, text);
    return await runCommand(["replay", file, "--data", join(dir, "replays"), ...more]);
  };

  it("is missing, empty or a folder: ends with 2 and says so", async () => {
    const missing = await replay("none.dat", null);
    expect([missing.code, missing.err.includes("there is no such file")]).toEqual([2, true]);
    const empty = await replay("empty.dat", "");
    expect([empty.code, empty.err.includes("the file is empty")]).toEqual([2, true]);
    const folder = await runCommand(["replay", dir, "--data", join(dir, "replays")]);
    expect([folder.code, folder.err.includes("got a folder")]).toEqual([2, true]);
  });

  it("is of another format: ends with 2 and names the line", async () => {
    const xml = await replay("ratings.xml", "<ratings/>\n");
    expect([xml.code, xml.err.includes("line 1 looks like XML")]).toEqual([2, true]);
    const csv = await replay("ratings.csv", "user,movie,rating\n1,2,3\n");
    expect([csv.code, csv.err.includes("expected a header that names event_id")]).toEqual([
      2,
      true,
    ]);
    const other = await replay("lines.dat", "1::2::3::1381006850\n", "--format", "ndjson");
    expect([other.code, other.err.includes("line 1 looks like ratings of MovieLens, user::movie")])
      .toEqual([2, true]);
  });

  it("is cut off: takes what is whole and names the line that is not", async () => {
    const cut = await replay("cut.dat", "1::2::3::1381006850\n1::3::4::1381006851\n1::4::");
    expect(cut.code).toBe(0);
    expect(cut.out).toMatch(
      /accepted {2}2 events\n {2}rejected {2}1 line\n {12}line 3: expected user::movie/,
    );
    expect(cut.out).toContain("the file ends within this line");
    const text = `${JSON.stringify(event("a"))}\n${JSON.stringify(event("b")).slice(0, 40)}`;
    const json = await replay("cut.ndjson", text);
    expect(json.code).toBe(0);
    expect(json.out).toMatch(/accepted {2}1 event\n {2}rejected {2}1 line\n {12}line 2/);
  });
});
