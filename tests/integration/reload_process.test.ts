import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { readValues } from "../support/log_reading.ts";
import { notesSchema, pluginText } from "../support/plugin_folder.ts";
import { NEVER, RunningEngine } from "../support/running_engine.ts";

/** Notes without holes: \`made-VALUE-START-0\`, \`made-VALUE-START-1\`, … */
const sourceText = (value: number) => `
import { defineSource } from "twofold";
import { notes } from "./notes.schema.ts";
export default defineSource(notes, {
  name: "made", summary: "Numbered notes",
  *events({ rate, startMs }) {
    for (let n = 0;;) {
      const lines: string[] = [];
      const ms = startMs + 1000 * n / rate;
      for (let i = 0; i < 50; i++) {
        const id = \`made-${value}-\${startMs}-\${n++}\`;
        lines.push(JSON.stringify({ id, at: new Date(ms).toISOString(), value: ${value} }) + "\\n");
      }
      yield { ndjson: lines.join(""), events: lines.length, dueMs: ms };
    }
  },
});
`;

/** Each line is the id of a note. */
const formatText = (value: number) => `
import { defineRowFormat } from "twofold";
import { value } from "./value.shared.ts";
import { notes } from "./notes.schema.ts";
export default defineRowFormat(notes, {
  name: "ids", summary: "Ids", matches: () => false,
  parse: (line) => ({ id: line, at: "2026-01-05T00:00:00Z", value: value + ${value} }),
});
`;

const ROUNDS = 4;
const ROWS = 200;

describe("a process that loads its plugins again", () => {
  let dir: string;
  let server: RunningProcess;
  let url: string;
  const flags = () => ["--plugins", join(dir, "mine")];

  const write = (name: string, text: string) => Deno.writeTextFile(join(dir, "mine", name), text);
  const ask = async (path: string, init?: RequestInit, status = 200) => {
    const response = await fetch(new URL(path, url), init);
    const text = await response.text();
    if (response.status !== status) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  };
  const get = async (path: string) => JSON.parse(await ask(path));
  const post = async (path: string, body: string, type = "application/json") =>
    JSON.parse(await ask(path, { method: "POST", body, headers: { "content-type": type } }));
  const reload = () => post("/api/v1/plugins/reload", "{}");
  const counts = async () => {
    const { rows } = await get("/api/v1/metrics/a?limit=1000");
    return Object.fromEntries(
      rows.map(({ value, n }: Record<string, unknown>) => [String(value), Number(n)]),
    );
  };

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-reloading-" });
    await Deno.mkdir(join(dir, "mine"));
    await write("notes.schema.ts", notesSchema);
    await write("a.ts", pluginText("a"));
    await write("value.shared.ts", "export const value = 100;");
    await write("ids.format.ts", formatText(1));
    await write("made.source.ts", sourceText(1));
    server = RunningProcess.spawn(join(dir, "data"), [
      ...["--block-span", "1s", "--batch-schedule", NEVER, "--simulator", "--rate", "500"],
      ...flags(),
    ]);
    url = await server.url();
  });
  afterAll(async () => {
    await server.end("SIGKILL");
    await Deno.remove(dir, { recursive: true });
  });

  let wanted: Record<string, number>;

  it("loses no event and counts none twice while sources and row formats change", async () => {
    const sent: string[] = [];
    const sends = Array.from({ length: 2 }, async (_, sender) => {
      for (let chunk = 0; sent.length < ROUNDS * ROWS || !isDone; chunk++) {
        const rows = Array.from({ length: 20 }, (_, i) => `row-${sender}-${chunk}-${i}`);
        const path = "/api/v1/events?format=ids";
        const { accepted } = await post(path, rows.join("\n"), "text/plain");
        expect(accepted).toBe(rows.length);
        sent.push(...rows);
      }
    });
    let isDone = false;
    for (let round = 2; round < 2 + ROUNDS; round++) {
      const before = sent.length;
      const made = (await counts())[round - 1] ?? 0;
      await eventually(
        "events of this round",
        counts,
        (now) => sent.length >= before + ROWS && (now[round - 1] ?? 0) > made,
      );
      await write("made.source.ts", sourceText(round));
      await write("ids.format.ts", formatText(round));
      const loaded_files = ["mine/ids.format.ts", "mine/made.source.ts"];
      expect(await reload()).toMatchObject({ loaded_files, refused_files: [] });
    }
    // A helper changes, and a source that does not load leaves the former one in use.
    await write("value.shared.ts", "export const value = 200;");
    await write("made.source.ts", "throw new Error('no source');");
    expect(await reload()).toMatchObject({
      loaded_files: ["mine/ids.format.ts"],
      refused_files: [{ file: "mine/made.source.ts" }],
    });
    isDone = true;
    await Promise.all(sends);
    await Deno.remove(join(dir, "mine", "made.source.ts"));
    expect(await reload()).toMatchObject({ removed_files: ["mine/made.source.ts"] });

    await server.end("SIGTERM");
    const stopped = await RunningEngine.open({
      dir: join(dir, "data"),
      flags: { plugins: join(dir, "mine") },
    });
    try {
      const log = stopped.engine.logs.get("notes")!;
      const partitions = Array.from({ length: log.partitionCount() }, (_, i) => i);
      const values = (await Promise.all(partitions.map((i) => readValues(log, i)))).flat();
      const notes = values.filter((text) => text.startsWith("{")).map((text) => JSON.parse(text));
      const ids: string[] = notes.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      const rows = ids.filter((id) => id.startsWith("row-"));
      expect(rows.sort()).toEqual(sent.sort());
      // Each start of a source begins at 0 and has no holes; one that is far behind starts again.
      const made = ids.filter((id) => id.startsWith("made-")).map((id) => id.split("-"));
      const starts = Map.groupBy(made, ([, value, startMs]) => `${value} ${startMs}`);
      expect(starts.size).toBeGreaterThanOrEqual(1 + ROUNDS);
      for (const numbers of starts.values()) {
        expect(Math.max(...numbers.map(([, , , n]) => Number(n)))).toBe(numbers.length - 1);
      }
      expect(made.length + rows.length).toBe(ids.length);
      wanted = Object.fromEntries(
        [...Map.groupBy(notes, ({ value }) => value)].map(([value, of]) => [value, of.length]),
      );
      // 101 and 201 are of formats that loaded; each source had its turn.
      expect(Object.keys(wanted)).toEqual(
        expect.arrayContaining(["1", "2", "3", "4", "5", "101", "102", "103", "104"]),
      );
      await stopped.batch();
      for (const layer of ["merged", "batch", "speed"]) {
        const answer = await stopped.metric("a", { layer, limit: 1000 });
        const found = answer.rows.map(({ value, n }) => [String(value), Number(n)]);
        expect([layer, Object.fromEntries(found)]).toEqual([layer, wanted]);
      }
    } finally {
      await stopped.close();
    }
  });

  it("offers a topic that it opened later everywhere", async () => {
    server = RunningProcess.spawn(join(dir, "data"), [
      ...["--block-span", "1s", "--batch-schedule", NEVER, "--no-simulator"],
      ...flags(),
    ]);
    url = await server.url();
    await write(
      "bills.schema.ts",
      notesSchema.replace('"notes"', '"bills"').replace(" notes =", " bills ="),
    );
    await write("c.ts", pluginText("c").replaceAll("notes", "bills"));
    expect(await reload()).toMatchObject({ added: ["c"], refused: [] });
    const bill = JSON.stringify({ id: "b1", at: "2026-01-05T00:00:00Z", value: 7 });
    const { accepted, rejected_total, frontier } = await post(
      "/api/v1/events?topic=bills",
      `${bill}\n{"id":"b2","at":"soon","value":8}\n`,
      "application/x-ndjson",
    );
    expect([accepted, rejected_total]).toEqual([1, 1]);
    expect((await get(`/api/v1/metrics/c?wait_for=${frontier}`)).rows).toMatchObject([
      { value: 7, n: 1 },
    ]);
    const { run } = await eventually(
      "a batch run with the bill",
      async () => ({
        ...await post("/api/v1/batch/runs?topic=bills", '{"full":true}'),
        ...await get("/api/v1/metrics/c?layer=batch"),
      }),
      ({ run, rows }) => run?.plugins[0]?.plugin === "c" && rows[0]?.n === 1,
    );
    const runs = async (path: string) =>
      (await get(path)).runs.map(({ run, topic }: Record<string, unknown>) => `${topic} ${run}`);
    expect(await runs("/api/v1/batch/runs?topic=bills")).toContain(`bills ${run.run}`);
    expect(await runs("/api/v1/batch/runs")).toContain(`bills ${run.run}`);
    const cancel = `/api/v1/batch/runs/${run.run}/cancel?topic=bills`;
    const by = {
      method: "POST",
      body: '{"by":"ada"}',
      headers: { "content-type": "application/json" },
    };
    expect(await ask(cancel, by, 400)).toContain(
      `Cannot cancel run ${run.run} of bills: it has ended`,
    );
    const { dead_letters: items } = await eventually(
      "the dead letter",
      () => get("/api/v1/dead-letters?topic=bills"),
      ({ dead_letters }) => dead_letters.length === 1,
    );
    const [{ partition, offset }] = items;
    expect(await ask(`/api/v1/dead-letters/bills/${partition}/${offset}`)).toContain("soon");
    expect(
      await post("/api/v1/dead-letters/redrive", '{"topic":"bills","all":true,"dry_run":true}'),
    )
      .toMatchObject({ letters: 1 });
    expect(await ask("/api/v1/events?topic=bills")).toContain("b1");
    expect(await ask(`/api/v1/events/bills/${partition}/${offset}`)).toContain("soon");
    const { topics } = await get("/api/v1/status");
    expect(topics.map(({ topic }: { topic: string }) => topic)).toEqual(["notes", "bills"]);
    await ask("/api/v1/drift?metric=c");
    expect(await ask("/metrics")).toContain('topic="bills"');
    expect(await ask("/api/v1/openapi.json")).toContain("bills");
    expect(await ask("/api/v1/search?q=merged_c")).toContain("merged_c");
    const sql = await post("/api/v1/sql", "SELECT sum(n) AS n FROM merged_c", "text/plain");
    expect(Number(sql.rows[0].n)).toBe(1);
    const pages = {
      "/": "bills",
      "/plugins": "Notes by value",
      "/plugins/c": "Notes by value",
      "/runs": "bills",
      "/log": "bills",
      [`/log/bills/${partition}/${offset}`]: "soon",
      "/dead-letters": "bills",
      [`/dead-letters/bills/${partition}/${offset}`]: "soon",
    };
    for (const [page, text] of Object.entries(pages)) {
      expect([page, (await ask(page)).includes(text)]).toEqual([page, true]);
    }
    expect((await get("/api/v1/status")).problems).toEqual([]);
  });
});
