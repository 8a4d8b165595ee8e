import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "testing";
import type { MetricAnswer } from "../../runtime/ports/services.ts";
import { eventually } from "../support/eventually.ts";
import { pluginFolder, pluginText } from "../support/plugin_folder.ts";
import { nothingChanged } from "../support/reload_answer.ts";
import { folderInProject, RunningEngine } from "../support/running_engine.ts";
import { byTier, tier } from "../support/tier.ts";

const EVENTS = byTier({ quick: 2_000, full: 30_000, long: 1_000_000 });

/** Between two answers of a reader, which else takes the time of what it waits for. */
const READ_PAUSE_MS = 10;

/** Notes in several days, with repeats, in no order of time. */
const notes = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    // Every 50th is sent again later.
    const id = n % 50 === 49 ? n - 30 : n;
    const at = new Date(Date.parse("2026-01-05") + ((id * 7919) % 400_000) * 1000).toISOString();
    return { id: `n${id}`, at, value: id % 10 };
  });

/** A plugin with a function that a helper is part of. */
const helped = (name: string) => `
import { boolean, compute, count, definePlugin, type EventOf } from "twofold";
import { notes } from "./notes.schema.ts";
import { least } from "./${name}.limit.ts";
export default definePlugin(notes, {
  name: "${name}", summary: "High notes",
  where: () => compute(boolean(), (note: EventOf<typeof notes>) => note.value >= least, {
    sql: \`value >= \${least}\`,
  }),
  measures: () => ({ n: count() }),
});
`;

describe("plugins that are loaded again", () => {
  let dir: string;
  let engine: RunningEngine;

  const write = (name: string, text: string) =>
    Deno.writeTextFile(join(dir, "plugins", name), text);
  const start = async () => {
    const flags = { "block-size": "512", partitions: "2" };
    engine = await RunningEngine.open({ dir: join(dir, "data"), root: dir, flags });
  };
  const open = async (files: Record<string, string>) => {
    await pluginFolder(dir, files);
    await start();
  };
  beforeEach(async () => {
    dir = await folderInProject("reload");
  });
  afterEach(async () => {
    await engine?.close();
    await Deno.remove(dir, { recursive: true });
  });

  const post = async (from: number, to: number) => {
    let frontier = "";
    for (let at = from; at < to; at += 1000) {
      ({ frontier } = await engine.post(notes(at, Math.min(at + 1000, to))));
    }
    return frontier;
  };
  const reload = () => engine.engine.reloadPlugins();
  /** Everything that is the same whenever a plugin was added. */
  const rowsOf = async (name: string, layer: string, bucket = "day") => {
    const { rows } = await engine.metric(name, { layer, bucket, limit: 1000 });
    return rows;
  };
  const statusOf = async (name: string) =>
    (await engine.status()).plugins.find(({ plugin }) => plugin === name)!;
  const built = (name: string, generation?: string) =>
    eventually(
      `${name} to be built`,
      () => statusOf(name),
      (status) =>
        status !== undefined && status.rebuilding === null && status.run !== null &&
        status.answering === status.generation &&
        status.answering !== generation,
      { deadlineMs: 60_000, pauseMs: 50 },
    );

  it("take row formats as they are now, and keep one that does not load any more", async () => {
    const format = (name: string, id = "line.split(separator)[0]") => `
      import { defineRowFormat } from "twofold";
      import { separator } from "./lines.shared.ts";
      import { notes } from "./notes.schema.ts";
      export default defineRowFormat(notes, {
        name: "${name}", summary: "Notes", matches: () => false,
        parse: (line) => ({ id: ${id}, at: "2026-01-05T00:00:00Z", value: 1 }),
      });`;
    const helper = 'export const separator = ",";';
    await open({
      "a.ts": pluginText("a"),
      "lines.format.ts": format("lines"),
      "lines.shared.ts": helper,
    });
    const [lines, more] = ["plugins/lines.format.ts", "plugins/more.format.ts"];
    /** The id of the event that a row becomes, or the status and the detail of the refusal. */
    const idOf = async (row: string, name = "lines") => {
      const response = await fetch(new URL(`/api/v1/events?format=${name}`, engine.url), {
        method: "POST",
        body: row,
        headers: { "content-type": "text/plain" },
      });
      const { detail } = await response.json();
      if (response.status !== 200) return `${response.status} ${detail}`;
      const { events } = await engine.get<{ events: { event: { id: string } | null }[] }>(
        "/api/v1/events?limit=1",
      );
      return events[0].event!.id;
    };
    const problemsOf = async () =>
      (await engine.status()).problems.map(({ code, message }) => `${code}: ${message}`);
    const offered = async () => {
      const { paths } = await engine.get<{
        paths: Record<
          string,
          { post: { parameters: { name: string; schema: { enum: string[] } }[] } }
        >;
      }>("/api/v1/openapi.json");
      const { parameters } = paths["/api/v1/events"].post;
      return parameters.find(({ name }) => name === "format")!.schema.enum.slice(3);
    };
    expect(await idOf("1,;2")).toBe("1");
    expect([await reload(), await offered()]).toEqual([nothingChanged, ["lines"]]);

    await write("lines.shared.ts", helper.replace(",", ";"));
    expect(await reload()).toEqual({ ...nothingChanged, loaded_files: [lines] });
    expect(await idOf("2,;2")).toBe("2,");

    await write("more.format.ts", format("more"));
    expect(await idOf("3;", "more")).toMatch(/^400 .*one of ndjson, json-array, csv, lines, got/);
    expect(await reload()).toEqual({ ...nothingChanged, loaded_files: [more] });
    expect([await idOf("3;", "more"), await offered()]).toEqual(["3", ["lines", "more"]]);

    // Neither a module that throws nor a name that another file has takes a format away.
    const faults = ['row format "more" is declared twice, in ' + `${lines} and ${more}`];
    await write("lines.format.ts", format("more"));
    expect(await reload()).toEqual({
      ...nothingChanged,
      refused_files: [{ file: lines, faults }, { file: more, faults }],
    });
    await write("lines.format.ts", "throw new Error('no lines');");
    await write("lines.shared.ts", helper);
    expect(await reload()).toEqual({
      ...nothingChanged,
      loaded_files: [more],
      refused_files: [{ file: lines, faults: [expect.stringMatching(/^no lines/)] }],
    });
    expect(await problemsOf()).toEqual([expect.stringMatching(
      /^format_refused: Row format lines is used as it was loaded before: no lines.*Correct plugins\/lines.format.ts and load it again/,
    )]);
    expect([await idOf("4,;"), await idOf("5,;", "more")]).toEqual(["4,", "5"]);

    await Deno.remove(join(dir, more));
    await write("lines.format.ts", format("lines", "`${line}!`"));
    expect(await reload()).toEqual({
      ...nothingChanged,
      loaded_files: [lines],
      removed_files: [more],
    });
    expect([await problemsOf(), await idOf("6")]).toEqual([[], "6!"]);
    expect(await idOf("7", "more")).toMatch(/^400 /);
  });

  it("answer as if they had been there from the start, while the others go on", async () => {
    await open({ "a.ts": pluginText("a") });
    await post(0, EVENTS);
    await engine.batch();
    await post(EVENTS, EVENTS + 500);
    await write("b.ts", pluginText("b"));
    expect(await reload()).toEqual({ ...nothingChanged, added: ["b"] });
    // Others are not held up, and what is new is shown from the first moment on.
    const frontier = await post(EVENTS + 500, EVENTS + 1000);
    await engine.metric("a", { wait_for: frontier });
    expect((await statusOf("b")).topic).toBe("notes");
    await built("b");
    await engine.metric("b", { wait_for: frontier });
    for (const layer of ["merged", "batch", "speed"]) {
      await engine.batch();
      expect(await rowsOf("b", layer)).toEqual(await rowsOf("a", layer));
    }
    for (const relation of ["merged", "batch", "stream"]) {
      const sum = (name: string) => engine.value(`SELECT sum(n) FROM ${relation}_${name}`);
      expect(await sum("b")).toEqual(await sum("a"));
    }
    expect((await engine.status()).problems).toEqual([]);
    const run = await engine.batch({ full: true });
    expect(run!.plugins.map(({ drift }) => drift)).toEqual([0, 0]);
  });

  it("change in one moment: nobody reads a changed plugin half done", async () => {
    await open({
      "a.ts": pluginText("a"),
      "high.ts": helped("high"),
      "high.limit.ts": "export const least = 5;",
    });
    const frontier = await post(0, EVENTS);
    await engine.batch();
    await engine.metric("high", { wait_for: frontier });
    const explained: [boolean, string[]][] = [];
    const total = async () => {
      const answer: MetricAnswer = await engine.metric("high", {});
      const { rows, generation, frozen_at, rebuilding, problems } = answer;
      // A frozen answer gives its reason from the first moment on.
      if (frozen_at !== null) {
        explained.push([rebuilding !== null, problems.map(({ code }) => code)]);
      }
      return { n: Number(rows[0].n), generation };
    };
    const before = await total();
    const unique = new Map(notes(0, EVENTS).map(({ id, value }) => [id, value]));
    const from = (least: number) => [...unique.values()].filter((value) => value >= least).length;
    expect(before.n).toBe(from(5));
    const seen = new Map<string, Set<number>>();
    const inSql = new Set<number>();
    const stop = new AbortController();
    const polls = [
      async () => {
        const { n, generation } = await total();
        seen.set(generation, (seen.get(generation) ?? new Set()).add(n));
      },
      async () => void inSql.add(Number(await engine.value("SELECT sum(n) FROM merged_high"))),
      async () => {
        await engine.metric("a", { wait_for: frontier });
      },
    ].map(async (poll) => {
      while (!stop.signal.aborted) {
        await poll();
        await new Promise((resolve) => setTimeout(resolve, READ_PAUSE_MS));
      }
    });
    try {
      await write("high.limit.ts", "export const least = 2;");
      expect((await reload()).changed).toEqual(["high"]);
      const after = await eventually(
        "the changed helper to count",
        total,
        ({ generation }) => generation !== before.generation,
        { deadlineMs: 60_000, pauseMs: 20 },
      );
      expect(after.n).toBe(from(2));
      await eventually("SQL follows", () => Promise.resolve(inSql), (all) => all.has(after.n));
    } finally {
      stop.abort();
    }
    await Promise.all(polls);
    expect([...seen.values()].map((totals) => [...totals])).toEqual([[from(5)], [from(2)]]);
    expect([...inSql]).toEqual([from(5), from(2)]);
    expect(explained.length).toBeGreaterThan(0);
    expect(explained).toEqual(explained.map(() => [true, ["rebuilding"]]));
    await built("high");
    expect((await engine.status()).problems).toEqual([]);
  });

  if (tier === "quick") return;

  it("that are only shown otherwise go on from where they are", async () => {
    await open({ "a.ts": pluginText("a") });
    const frontier = await post(0, 2000);
    await engine.batch();
    const { generation } = await statusOf("a");
    await write("a.ts", pluginText("a", { '"stream_a"': '"windows_of_a"' }));
    expect((await reload()).changed).toEqual(["a"]);
    const answer = await engine.metric("a", { wait_for: frontier });
    expect([answer.generation, answer.rebuilding, answer.frozen_at]).toEqual([
      generation,
      null,
      null,
    ]);
    expect(Number(await engine.value("SELECT sum(n) FROM windows_of_a"))).toBeGreaterThan(0);
    await expect(engine.value("SELECT sum(n) FROM stream_a")).rejects.toThrow(/stream_a/);
    const again = await post(2000, 2100);
    await engine.metric("a", { wait_for: again });
    expect(await reload()).toEqual(nothingChanged);
  });

  it("that are removed answer no more, and the others do", async () => {
    await open({ "a.ts": pluginText("a"), "b.ts": pluginText("b") });
    await post(0, 1000);
    await engine.batch();
    await Deno.remove(join(dir, "plugins", "b.ts"));
    expect((await reload()).removed).toEqual(["b"]);
    await expect(engine.metric("b", {})).rejects.toThrow(/answered 404/);
    await expect(engine.value("SELECT sum(n) FROM merged_b")).rejects.toThrow(/was removed/);
    const frontier = await post(1000, 1500);
    await engine.metric("a", { wait_for: frontier });
    expect((await engine.status()).plugins.map(({ plugin }) => plugin)).toEqual(["a"]);
    // It comes back to its tables.
    await write("b.ts", pluginText("b"));
    expect((await reload()).added).toEqual(["b"]);
    await engine.metric("b", { wait_for: frontier });
    expect(await rowsOf("b", "merged")).toEqual(await rowsOf("a", "merged"));
  });

  it("open a topic of their own", async () => {
    await open({ "a.ts": pluginText("a") });
    await post(0, 100);
    const schema = await Deno.readTextFile(join(dir, "plugins", "notes.schema.ts"));
    await write(
      "bills.schema.ts",
      schema.replace('"notes"', '"bills"').replace(" notes =", " bills ="),
    );
    await write("c.ts", pluginText("c").replaceAll("notes", "bills"));
    expect((await reload()).added).toEqual(["c"]);
    const { frontier } = await engine.post(notes(0, 100), "bills");
    const { rows } = await engine.metric("c", { wait_for: frontier });
    expect(rows.length).toBe(10);
    await engine.batch({ topic: "bills" });
    expect((await engine.status()).problems).toEqual([]);
  });

  it("leave a topic whose schema changed to the next start", async () => {
    await open({ "a.ts": pluginText("a") });
    await post(0, 100);
    const schema = await Deno.readTextFile(join(dir, "plugins", "notes.schema.ts"));
    await write(
      "notes.schema.ts",
      schema.replace("at: instant(),", "at: instant(), more: string({ nullable: true }),"),
    );
    expect((await reload()).refused.map(({ plugin }) => plugin)).toEqual(["a"]);
    const { problems } = await engine.status();
    expect(problems.map(({ code }) => code)).toEqual(["restart_needed"]);
    const frontier = await post(100, 200);
    await engine.metric("a", { wait_for: frontier });
    await write("notes.schema.ts", schema);
    expect(await reload()).toEqual(nothingChanged);
    expect((await engine.status()).problems).toEqual([]);
  });

  it("during a batch run, and in turn where several ask at once", async () => {
    await open({ "a.ts": pluginText("a"), "b.ts": pluginText("b") });
    await post(0, EVENTS);
    await engine.allArchived();
    const running = engine.engine.batch.get("notes")!.run({ full: true });
    await write(
      "b.ts",
      pluginText("b", { "sum(value)": "max(value)", ", sum }": ", max }" })
        .replace("import { count, definePlugin, sum }", "import { count, definePlugin, max }")
        .replace("sum(value) AS total", "max(value) AS total"),
    );
    await write("c.ts", pluginText("c"));
    const answers = await Promise.all([reload(), reload()]);
    expect(answers.map(({ added, changed }) => [added, changed])).toEqual([
      [["c"], ["b"]],
      [[], []],
    ]);
    await running;
    await built("b");
    await built("c");
    expect(await rowsOf("c", "merged")).toEqual(await rowsOf("a", "merged"));
    const [most] = await rowsOf("b", "batch");
    expect(Number(most.total)).toBeLessThan(10);
    await engine.batch();
    const { problems } = await engine.status();
    expect(problems).toEqual([]);
  });

  it("while the process closes", async () => {
    await open({ "a.ts": pluginText("a") });
    await post(0, 1000);
    await write("b.ts", pluginText("b"));
    const loading = reload().then(() => "loaded", (error) => error.message);
    await engine.close();
    expect(await loading).toMatch(/loaded|stops|closed/);
    await expect(reload()).rejects.toThrow(/stops/);
    await start();
    expect((await engine.status()).plugins.map(({ plugin }) => plugin)).toEqual(["a", "b"]);
  });

  // The last one: Deno leaves a thread that loops behind, which takes time from all others.
  it("that do not load run on as they were, and say why, until they are mended", async () => {
    await open({ "a.ts": pluginText("a"), "b.ts": pluginText("b") });
    await post(0, 1000);
    await write("b.ts", `${pluginText("b")}\n}`);
    await write("c.ts", "for (;;);");
    const { refused } = await reload();
    expect(refused.map(({ plugin }) => plugin)).toEqual(["b", "c"]);
    const frontier = await post(1000, 2000);
    const { problems } = await engine.metric("b", { wait_for: frontier });
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^Plugin b runs as it was loaded before: .*Correct plugins\/b\.ts and load it again/,
      ),
    ]);
    expect(await rowsOf("b", "merged")).toEqual(await rowsOf("a", "merged"));
    await write("b.ts", pluginText("b"));
    await Deno.remove(join(dir, "plugins", "c.ts"));
    expect(await reload()).toEqual(nothingChanged);
    expect((await engine.status()).problems).toEqual([]);
  });
});
