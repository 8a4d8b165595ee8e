import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { catalogText, pluginFolder, pluginText } from "../support/plugin_folder.ts";
import { folderInProject, root as project, RunningEngine } from "../support/running_engine.ts";

/** By plugin, the text that breaks it and what is reported of that. */
const broken: Readonly<Record<string, readonly [text: string, fault: RegExp]>> = {
  unparsed: [
    pluginText("unparsed") + "\n}",
    /Expression expected \(plugins\/unparsed\.ts:\d+:\d+\)/,
  ],
  unresolved: [
    `import "./nowhere.ts";${pluginText("unresolved")}`,
    /Module not found "plugins\/nowhere\.ts"\./,
  ],
  misnamed: [
    pluginText("misnamed", { "{ notes }": "{ noets as notes }" }),
    /does not provide an export named 'noets' at plugins\/misnamed\.ts:3:/,
  ],
  hidden: [
    pluginText("hidden", { "export default": "export const hidden =" }),
    /its default export must be what definePlugin\(\) returns/,
  ],
  thrown: [`throw "words alone";`, /does not run: words alone\./],
  nothing: [
    pluginText("nothing", {
      "definePlugin(notes": "definePlugin((null as never as { s: typeof notes }).s",
    }),
    /Cannot read properties of null \(reading 's'\) \(plugins\/nothing\.ts:\d+:\d+\)/,
  ],
  declared: [pluginText("declared", { "version: 1": "version: 0" }), /version must be 1 or more/],
  mistyped: [
    pluginText("mistyped", { "FROM events": "FROM evnts" }),
    /batch\.sql: it reads table evnts/,
  ],
  fileless: [
    pluginText("fileless", { 'sql: "SELECT': 'sql: "batch/no.sql" ?? "SELECT' }),
    /batch\.sql names sql\/batch\/no\.sql, which cannot be read/,
  ],
  derived: [
    pluginText("derived", { "{ total, n }": "{ totl: total, n }" }),
    /derive "mean": there is no measure "totl"; did you mean "total"\?/,
  ],
  columned: [
    pluginText("columned", { '"batch_columned"': '"batch_columned", columns: { x: "nope" }' }),
    /batch\.relation: Unknown expression identifier `nope`/,
  ],
  grouped: [
    pluginText("grouped", { '"stream_grouped"': '"stream_grouped", by: { v: "vlue" }' }),
    /stream\.relation: Unknown expression identifier `vlue`/,
  ],
  spaced: [
    pluginText("spaced", { '"batch_spaced"': '"batch spaced"' }),
    /batch\.relation\.name must be snake_case, got "batch spaced"/,
  ],
  taken: [
    pluginText("taken", { '"batch_taken"': '"live_generations"' }),
    /relation "live_generations": another table or view has this name/,
  ],
};
const names = Object.keys(broken).sort();
const notes = Array.from({ length: 40 }, (_, i) => ({
  id: `n${i}`,
  value: i % 4,
  at: new Date(Date.parse("2026-01-05") + 1000 * i).toISOString(),
}));

describe("plugins with faults", () => {
  let dir: string;
  let process: RunningEngine;
  let frontier: string;

  beforeAll(async () => {
    dir = await folderInProject("refused");
    const files = (text: (name: string) => string) =>
      Object.fromEntries(names.map((name) => [`${name}.ts`, text(name)]));
    const good = { "fine.ts": pluginText("fine"), "labels.catalog.ts": catalogText("labels") };
    await pluginFolder(join(dir, "before"), {
      ...good,
      ...files(pluginText),
      "twice.ts": pluginText("twice"),
      "names.catalog.ts": catalogText("names"),
    });
    await pluginFolder(join(dir, "after"), {
      ...good,
      ...files((name) => broken[name][0]),
      "twice.ts": pluginText("twice"),
      "twice_again.ts": pluginText("twice", {
        "stream_twice": "stream_x",
        "batch_twice": "batch_x",
      }),
      "young.ts": pluginText("young", { "FROM events": "FROM evnts" }),
      "names.catalog.ts": `import "./nowhere.ts";${catalogText("names")}`,
      "lines.format.ts": `import { defineRowFormat } from "twofold";
        import { notes } from "./notes.schema.ts";
        export default defineRowFormat(notes, { name: "lines", summary: "notes", parser: 1 });`,
    });
    process = await RunningEngine.open({ dir: join(dir, "data"), root: join(dir, "before") });
    await process.post(notes);
    for (const [name, title] of [["names", "N"], ["labels", "L"]]) {
      const row = JSON.stringify({ value: 1, [`${name}_title`]: title });
      await process.engine.catalogs.put(name, ReadableStream.from([utf8(row)]), "ndjson");
    }
    await process.batch();
    ({ frontier } = await process.metric("derived", {}));
    await process.close();
    process = await RunningEngine.open({ dir: join(dir, "data"), root: join(dir, "after") });
  });
  afterAll(async () => {
    await process.close();
    await Deno.remove(dir, { recursive: true });
  });

  const utf8 = (text: string) => new TextEncoder().encode(text);
  const refusals = async () =>
    (await process.status()).problems.filter(({ code }) => code === "plugin_refused");
  const asked = async (path: string) => {
    const response = await fetch(new URL(path, process.url));
    return { status: response.status, body: await response.text() };
  };

  it("are reported one by one, each with its file, and none with the fault of another", async () => {
    const problems = await refusals();
    expect(problems.map(({ plugin }) => plugin).sort()).toEqual(
      [...names, "twice", "young"].sort(),
    );
    for (const name of names) {
      const { message, subject, blocking } = problems.find(({ plugin }) => plugin === name)!;
      expect({ subject, blocking }).toEqual({ subject: `plugin ${name}`, blocking: false });
      expect(message).toMatch(new RegExp(`^Plugin ${name} does not run: `));
      expect(message).toMatch(broken[name][1]);
      expect(message).toMatch(new RegExp(`Correct plugins/${name}\\.ts and load it again`));
      expect(message).not.toContain("\n");
      const files = message.match(/plugins\/\w+(?:\.(?:catalog|format))?\.ts/g)!;
      expect(files.filter((file) => file !== "plugins/nowhere.ts" && file !== `plugins/${name}.ts`))
        .toEqual([]);
    }
    expect(problems.find(({ plugin }) => plugin === "twice")!.message).toBe(
      'Plugin twice does not run: plugin "twice" is declared twice, in plugins/twice.ts and ' +
        'plugins/twice_again.ts; relation "merged_twice" is declared twice, in plugins/twice.ts ' +
        "and plugins/twice_again.ts. Correct plugins/twice.ts, plugins/twice_again.ts and load it " +
        "again: twofold plugins reload",
    );
  });

  it("leave one line in the log each, and the process ready", async () => {
    for (const name of names) {
      const lines = process.faults.filter((line) => line.startsWith(`Plugin ${name} `));
      expect(lines).toHaveLength(1);
    }
    const { status, body } = await asked("/readyz");
    expect(status).toBe(200);
    for (const name of names) expect(body).toContain(`plugin ${name}`);
  });

  it("are reported in the same words, all at once, by a check without a data folder", async () => {
    const known = (await process.status()).problems
      .filter(({ code }) => code.endsWith("_refused"));
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "tools/check_plugins.ts", join(dir, "after")],
      cwd: project,
    }).output();
    const lines = new TextDecoder().decode(stderr).trimEnd().split("\n");
    expect(code).toBe(1);
    // Of two files that import the same missing module, one is said to be the place.
    const placeless = (message: string) => message.replace(/ \(plugins\/\S+:1:8\)/, "");
    expect(lines.map(placeless).sort())
      .toEqual(known.map(({ message }) => placeless(message)).sort());
  });

  it("answer by their older generation, frozen, in the API and in SQL; good ones go on", async () => {
    const more = await process.post([{ id: "later", value: 9, at: "2026-01-05T01:00:00Z" }]);
    const fine = await process.metric("fine", { wait_for: more.frontier });
    expect(fine).toMatchObject({ frozen_at: null, problems: [] });
    expect(fine.rows.length).toBe(5);
    for (const name of [...names, "twice"]) {
      const { rows, frozen_at, frontier: reached, problems } = await process.metric(name, {});
      expect(rows).toContainEqual({ value: 3, n: 10, total: 30, mean: 3 });
      expect([rows.length, reached]).toEqual([4, frontier]);
      expect(Date.parse(frozen_at!)).toBeLessThanOrEqual(Date.now());
      expect(problems).toMatchObject([{ code: "plugin_refused", plugin: name }]);
      expect(await process.value(`SELECT sum(n) FROM merged_${name}`)).toBe(40);
      expect(await process.value(`SELECT sum(n) FROM batch_${name}`)).toBe(40);
      const beyond = await asked(`/api/v1/metrics/${name}?wait_for=${more.frontier}`);
      expect(beyond.status).toBe(503);
      expect(beyond.body).toContain("because no process computes it");
    }
  });

  it("answer 503 with the problem where no older generation exists", async () => {
    const { status, body } = await asked("/api/v1/metrics/young");
    const problem = JSON.parse(body);
    expect([status, problem.code]).toEqual([503, "plugin_refused"]);
    expect(problem.detail).toMatch(/^Plugin young does not run: batch\.sql: it reads table evnts/);
    const { metrics } = await process.get<{ metrics: { name: string }[] }>("/api/v1/metrics");
    expect(metrics.map(({ name }) => name).sort()).toEqual(["fine", ...names, "twice"].sort());
  });

  it("have a page each, and are on the first page", async () => {
    const first = (await asked("/")).body;
    for (const name of names) expect(first).toContain(`Plugin ${name} does not run`);
    for (const name of ["unparsed", "derived"]) {
      const { status, body } = await asked(`/plugins/${name}`);
      expect(status).toBe(200);
      expect(body).toContain(`Plugin ${name} does not run`);
      const about = await process.get<{ file: string; status: { state: string } }>(
        `/api/v1/plugins/${name}`,
      );
      expect(about).toMatchObject({ file: `plugins/${name}.ts`, status: { state: "refused" } });
    }
    const young = await asked("/plugins/young");
    expect(young.status).toBe(503);
    expect(young.body).toContain("Plugin young does not run");
  });

  it("keep their tables, and their events are archived", async () => {
    expect(await process.engine.prunePlugins()).toEqual([]);
    expect(
      await process.value(
        "SELECT uniqExact(name) FROM system.tables WHERE name LIKE 'state_batch_%_v%'",
      ),
    )
      .toBe(names.length + 2);
    await process.allArchived();
  });

  it("of catalogs leave metrics without their columns, and say so in the answer", async () => {
    const { rows, problems } = await process.metric("fine", { expand: "names,labels", value: 1 });
    expect(rows).toMatchObject([{ value: 1, labels_title: "L" }]);
    expect(rows[0]).not.toHaveProperty("names_title");
    expect(problems).toMatchObject([{ code: "catalog_refused", subject: "catalog names" }]);
    const { status, body } = await asked("/api/v1/catalogs/names");
    expect([status, JSON.parse(body).code]).toEqual([503, "catalog_refused"]);
    expect((await process.engine.catalogs.list()).map(({ name }) => name)).toEqual(["labels"]);
  });

  it("of row formats leave the others, and say so", async () => {
    const { problems } = await process.status();
    expect(problems.filter(({ code }) => code === "format_refused")).toMatchObject([{
      subject: "row format lines",
      message: "Row format lines is not used: parser is no member; known are name, summary, " +
        'matches, header, parse; did you mean "parse"?; parse must be a function of a line, got ' +
        "undefined. Correct plugins/lines.format.ts and load it again: twofold plugins reload",
    }]);
    expect([...process.engine.formats.keys()]).toEqual(["ndjson", "json-array", "csv"]);
  });
});

describe("a folder in which no plugin loads", () => {
  it("ends the start in one line of words", async () => {
    const dir = await folderInProject("refused");
    const at = await pluginFolder(join(dir, "folder"), {
      "a.ts": "throw 'first';",
      "b.ts": `import "./nowhere.ts";`,
    });
    const error = await RunningEngine.open({ dir: join(dir, "data"), root: at })
      .then(() => null, (error) => error);
    expect(error.message).toBe(
      'Cannot load any plugin: plugins/a.ts: first. plugins/b.ts: Module not found "plugins/nowhere.ts". ' +
        "(plugins/b.ts:1:8)",
    );
    await Deno.remove(dir, { recursive: true });
  });
});
