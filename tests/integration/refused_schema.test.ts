import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { pluginFolder, pluginText } from "../support/plugin_folder.ts";
import { folderInProject, root as project, RunningEngine } from "../support/running_engine.ts";

const schemaText = (topic: string, weight: string) => `
import { defineSchema, instant, string, uint32 } from "twofold";
export const notes = defineSchema({
  topic: "${topic}", version: 1, summary: "Notes", eventId: "id", eventTime: "at",
  partitionKey: "id",
  fields: { id: string(), at: instant(), value: uint32(), ${weight} },
});
`;

const MESSAGE = "The metrics of topic notes do not run, because its schema does not fit its " +
  'archived events: field "weight" was of type uint32 and is of type string. Undo this, declare a ' +
  "nullable field with another name instead, and start again. Until then new events are archived " +
  "by the former schema.";

const note = (i: number, more: object = {}) => ({
  id: `n${i}`,
  value: i % 4,
  weight: i,
  ...more,
  at: new Date(Date.parse("2026-01-05") + 1000 * i).toISOString(),
});
const notes = Array.from({ length: 40 }, (_, i) => note(i));

describe("a schema that does not fit what is archived", () => {
  let dir: string;
  let process: RunningEngine;
  let frontier: string;

  /** A folder with two topics; `weight` declares that field of the topic `notes`. */
  const folder = (name: string, weight: string, files: Readonly<Record<string, string>> = {}) =>
    pluginFolder(join(dir, name), {
      "notes.schema.ts": schemaText("notes", weight),
      "clicks.schema.ts": schemaText("clicks", "weight: uint32()"),
      "fine.ts": pluginText("fine"),
      "clicks.ts": pluginText("clicks", { "./notes.schema.ts": "./clicks.schema.ts" }),
      ...files,
    });
  const open = async (name: string) => {
    process = await RunningEngine.open({ dir: join(dir, "data"), root: join(dir, name) });
  };
  const asked = async (path: string) => {
    const response = await fetch(new URL(path, process.url));
    return { status: response.status, body: await response.text() };
  };

  beforeAll(async () => {
    dir = await folderInProject("refused-schema");
    await folder("before", "weight: uint32()");
    await folder("after", "weight: string()", { "young.ts": pluginText("young") });
    await folder("mended", "weight: uint32(), weight_text: string({ nullable: true })", {
      "texts.ts": pluginText("texts", {
        "n: count()": "n: count({ where: weight_text.isNotNull() })",
        "measures: ({ value })": "measures: ({ value, weight_text })",
        "count() AS n": "countIf(weight_text IS NOT NULL) AS n",
      }),
    });
    await open("before");
    await process.post(notes, "notes");
    await process.post(notes, "clicks");
    await process.batch({ topic: "notes" });
    await process.batch({ topic: "clicks" });
    ({ frontier } = await process.metric("fine", {}));
    await process.close();
    await open("after");
  });
  afterAll(async () => {
    await process.close();
    await Deno.remove(dir, { recursive: true });
  });

  it("is one problem, in the same words wherever problems are reported", async () => {
    const { problems, plugins } = await process.status();
    expect(problems).toMatchObject([{
      code: "schema_refused",
      subject: "schema of notes",
      topic: "notes",
      blocking: false,
      message: MESSAGE,
    }]);
    const refused = plugins.filter(({ state }) => state === "refused");
    expect(refused.map(({ plugin, error }) => [plugin, error])).toEqual([
      ["fine", MESSAGE],
      ["young", MESSAGE],
    ]);
    expect(process.faults.filter((line) => line.startsWith(MESSAGE))).toHaveLength(1);
    const ready = await asked("/readyz");
    expect(ready.status).toBe(200);
    expect(JSON.parse(ready.body).problems).toMatchObject([{ message: MESSAGE }]);
    expect((await asked("/")).body).toContain(MESSAGE.replaceAll('"', "&quot;"));
    const rows = await process.sql("SELECT code, subject, message FROM twofold_problems");
    expect(rows).toEqual([{
      code: "schema_refused",
      subject: "schema of notes",
      message: MESSAGE,
    }]);
  });

  it("is reported in these words by a check of the files over the data folder", async () => {
    const check = async (folder: string) => {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "tools/check_plugins.ts", join(dir, folder)],
        cwd: project,
        env: { TWOFOLD_DATA: join(dir, "data") },
      }).output();
      return [code, new TextDecoder().decode(stderr).trimEnd()];
    };
    expect(await check("after")).toEqual([1, MESSAGE]);
    expect(await check("mended")).toEqual([0, ""]);
  });

  it("refuses its topic only: other topics answer", async () => {
    const { frontier } = await process.post([note(40)], "clicks");
    const clicks = await process.metric("clicks", { wait_for: frontier, value: 0 });
    expect(clicks).toMatchObject({ frozen_at: null, problems: [], rows: [{ n: 11 }] });
  });

  it("leaves its metrics the generation before, frozen, else 503 with the problem's code", async () => {
    const more = await process.post([note(40)], "notes");
    const fine = await process.metric("fine", {});
    expect(fine.rows).toContainEqual({ value: 0, n: 10, total: 0, mean: 0 });
    expect([fine.rows.length, fine.frontier]).toEqual([4, frontier]);
    expect(Date.parse(fine.frozen_at!)).toBeLessThanOrEqual(Date.now());
    expect(fine.problems).toMatchObject([{ code: "schema_refused", message: MESSAGE }]);
    expect(await process.value("SELECT sum(n) FROM merged_fine")).toBe(40);
    expect((await asked(`/api/v1/metrics/fine?wait_for=${more.frontier}`)).status).toBe(503);
    expect((await asked("/plugins/fine")).body).toContain(MESSAGE.replaceAll('"', "&quot;"));
    const young = await asked("/api/v1/metrics/young");
    const { code, detail } = JSON.parse(young.body);
    expect([young.status, code, detail]).toEqual([503, "schema_refused", MESSAGE]);
    expect(await process.engine.prunePlugins()).toEqual([]);
  });

  it("loses no event: a schema that fits counts those that came meanwhile", async () => {
    const { accepted, rejected } = await process.post([
      note(41, { weight_text: "light" }),
      note(42, { weight: "heavy" }),
      note(43),
    ], "notes");
    expect([accepted, rejected.map(({ line, field }) => [line, field])]).toEqual([2, [[
      2,
      "weight",
    ]]]);
    await process.allArchived();
    await process.close();
    await open("mended");
    await process.batch({ topic: "notes" });
    const answering = () => process.metric("fine", {});
    await eventually("the new code answers", answering, (of) => of.frozen_at === null);
    for (const layer of ["merged", "speed", "batch"]) {
      const { rows } = await process.metric("fine", { layer });
      const counts = rows.map(({ n }) => Number(n));
      expect([layer, counts.reduce((sum, n) => sum + n)]).toEqual([layer, 43]);
      const texts = await process.metric("texts", { layer, value: 1 });
      expect([layer, texts.rows]).toMatchObject([layer, [{ n: 1 }]]);
    }
    const { items } = await process.engine.deadLetters.list({});
    expect(items.map(({ field }) => field)).toEqual(["weight"]);
    expect((await process.status()).problems).toEqual([]);
  });
});
