import { afterEach, beforeEach, describe, expect, it } from "testing";
import { knownRefused, schemasOf } from "../../runtime/engine/refused_plugins.ts";
import {
  assertAny,
  type Declarations,
  loadDeclarations,
  loadInputs,
} from "../../runtime/engine/load_plugins.ts";
import { pluginFolders } from "../../runtime/engine/plugin_folders.ts";
import type { LiveRow } from "../../runtime/engine/live_rows.ts";
import { declarationText } from "../../runtime/model/generation.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { catalogText, pluginFolder, pluginText } from "../support/plugin_folder.ts";
import { root as project } from "../support/running_engine.ts";

describe("loadDeclarations()", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-load-", dir: project });
  });
  afterEach(() => Deno.remove(dir, { recursive: true }));

  const load = async (files: Readonly<Record<string, string>>, clock?: ManualClock) =>
    await loadDeclarations(pluginFolders(await pluginFolder(dir, files)), { clock });
  const faultsOf = ({ refused, refusedFiles }: Declarations) =>
    Object.fromEntries([...refused, ...refusedFiles].map(({ file, faults }) => [file, faults]));
  const namesOf = ({ plugins }: Declarations) => plugins.map(({ plugin }) => plugin.name);

  it("refuses both of two plugins, or of a plugin and a catalog, that declare one name", async () => {
    const found = await load({
      "a.ts": pluginText("a"),
      "b.ts": pluginText("b", { stream_b: "shared" }),
      "c.ts": pluginText("c", { batch_c: "shared" }),
      "d.ts": pluginText("d", { stream_d: "same", batch_d: "same" }),
      "e.ts": pluginText("e", { batch_e: "titles" }),
      "titles.catalog.ts": catalogText("titles"),
      "other.catalog.ts": catalogText("other"),
    });
    expect(namesOf(found)).toEqual(["a"]);
    expect(found.catalogs.map(({ catalog }) => catalog.name)).toEqual(["other"]);
    const shared = ['relation "shared" is declared twice, in plugins/b.ts and plugins/c.ts'];
    const titles = [
      'relation "titles" is declared twice, in plugins/e.ts and plugins/titles.catalog.ts',
    ];
    expect(faultsOf(found)).toEqual({
      "plugins/b.ts": shared,
      "plugins/c.ts": shared,
      "plugins/d.ts": ['relation "same" is declared twice, in plugins/d.ts'],
      "plugins/e.ts": titles,
      "plugins/titles.catalog.ts": titles,
    });
  });

  it("refuses the plugins whose schema of a topic is not the one that most of them name", async () => {
    const schema = 'import { notes } from "./notes.schema.ts";';
    const other = 'import { notes as known } from "./notes.schema.ts";\n' +
      "const notes = { ...known, version: 2 };";
    const found = await load({
      "a.ts": pluginText("a", { [schema]: other }),
      "b.ts": pluginText("b"),
      "c.ts": pluginText("c"),
    });
    expect(namesOf(found)).toEqual(["b", "c"]);
    expect(faultsOf(found)).toEqual({
      "plugins/a.ts": ['topic "notes" has another schema in plugins/b.ts'],
    });
  });

  it("refuses all of them where none is the one of most", async () => {
    const schema = 'import { notes } from "./notes.schema.ts";';
    const other = 'import { notes as known } from "./notes.schema.ts";\n' +
      "const notes = { ...known, version: 2 };";
    const found = await load({
      "a.ts": pluginText("a", { [schema]: other }),
      "b.ts": pluginText("b"),
    });
    expect(() => assertAny(found)).toThrow(
      'Cannot load any plugin: plugins/a.ts: topic "notes" has another schema in plugins/b.ts. ' +
        'plugins/b.ts: topic "notes" has another schema in plugins/a.ts',
    );
  });

  it("gives up a module that never resolves", async () => {
    const clock = new ManualClock();
    const loading = load({
      "a.ts": pluginText("a"),
      "b.ts": `${
        pluginText("b")
      }\nawait new Promise((resolve) => addEventListener("end", resolve));`,
    }, clock);
    const waiting = setInterval(() => clock.advance(2000), 200);
    const found = await loading;
    clearInterval(waiting);
    // The runner ends no test whose modules wait.
    dispatchEvent(new Event("end"));
    expect(namesOf(found)).toEqual(["a"]);
    expect(faultsOf(found)).toEqual({
      "plugins/b.ts": ["its module did not load within 10 s"],
    });
  });

  it("loads row formats and sources, and refuses both of two that declare one name", async () => {
    const format = (name: string) =>
      `import { defineRowFormat } from "twofold";
      import { notes } from "./notes.schema.ts";
      export default defineRowFormat(notes, {
        name: "${name}", summary: "notes", parse: (line) => ({ id: line, at: line, value: 1 }),
      });`;
    const source = `import { defineSource } from "twofold";
      import { notes } from "./notes.schema.ts";
      export default defineSource(notes, { name: "lines", summary: "", *events() {} });`;
    const found = await load({
      "a.format.ts": format("lines"),
      "b.format.ts": format("twice"),
      "c.format.ts": format("twice"),
      "d.format.ts": pluginText("d"),
      "lines.source.ts": source,
      "e.source.ts": format("e"),
    });
    const { sources } = await loadInputs(pluginFolders(dir));
    expect(sources.map(({ name, source: { topic } }) => [name, topic])).toEqual([[
      "lines",
      "notes",
    ]]);
    expect(found.inputs.formats.map(({ name }) => name)).toEqual(["lines"]);
    const twice = [
      'row format "twice" is declared twice, in plugins/b.format.ts and plugins/c.format.ts',
    ];
    expect(faultsOf(found)).toEqual({
      "plugins/b.format.ts": twice,
      "plugins/c.format.ts": twice,
      "plugins/d.format.ts": [
        "its default export must be what defineRowFormat() or defineCatalogFormat() returns",
      ],
      "plugins/e.source.ts": ["its default export must be what defineSource() returns"],
    });
  });

  it("takes a folder without plugins", async () => {
    expect(await load({})).toMatchObject({ plugins: [], refused: [], catalogs: [] });
  });

  describe("of files that do not load", () => {
    const rowOf = (found: Declarations, plugin: string, file?: string): LiveRow => ({
      topic: "notes",
      plugin,
      claim: 1,
      generation: "v1_0",
      since: 0,
      seen: 0,
      retired: null,
      declaration: declarationText({ ...found.plugins[0].plugin, name: plugin }, file),
    });
    const named = async (files: Record<string, string>, rows: [string, string?][]) => {
      const found = await load({ "a.ts": pluginText("a"), ...files });
      const live = new Map(rows.map(([name, file]) => [name, rowOf(found, name, file)]));
      const refused = knownRefused(found, live);
      return {
        names: refused.map(({ name, topic }) => [name, topic]),
        topics: schemasOf([], refused, live).map(({ topic }) => topic),
      };
    };

    it("the name is the one that the file declared when it last ran", async () => {
      expect(
        await named({ "b.ts": "throw 1;" }, [["b_old", "plugins/b.ts"], ["b", "plugins/c.ts"]]),
      )
        .toEqual({ names: [["b_old", "notes"]], topics: ["notes"] });
    });

    it("the name is the file's where nothing says another one", async () => {
      expect(await named({ "b.ts": "throw 1;", "c.ts": "throw 1;" }, [["b"]]))
        .toEqual({ names: [["b", "notes"], ["c", ""]], topics: ["notes"] });
    });

    it("the name is not one that another file declares by now", async () => {
      const { names } = await named({
        "b.ts": "throw 1;",
        "moved.ts": pluginText("b"),
      }, [["b", "plugins/b.ts"]]);
      expect(names).toEqual([["b.ts", ""]]);
    });
  });
});
