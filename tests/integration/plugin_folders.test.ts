import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { pluginFolders } from "../../runtime/engine/plugin_folders.ts";
import { runCommand, RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { notesSchema, pluginText } from "../support/plugin_folder.ts";

/** Counts notes by a function of its own, which runs in an isolate. */
const oddText = `
import { boolean, compute, count, definePlugin, type EventOf } from "twofold";
import { isOdd } from "./odd.shared.ts";
import { notes } from "./notes.schema.ts";
export default definePlugin(notes, {
  name: "odd", summary: "Notes of an odd value",
  where: () => compute(boolean(), (note: EventOf<typeof notes>) => isOdd(note.value), {
    sql: "value % 2 = 1",
  }),
  measures: () => ({ n: count() }),
});
`;

const BATCH_SQL = /"SELECT toStartOfHour.*\n.*GROUP BY ALL"/;
/** Its batch SQL is a file of its folder. */
const filedText = pluginText("filed").replace(BATCH_SQL, '"filed.sql"');
const filedSql = "SELECT toStartOfHour(event_time) AS bucket, value, count() AS n, " +
  "sum(value) AS total FROM events GROUP BY ALL";

describe("plugins outside the checkout", () => {
  let dir: string;
  let server: RunningProcess;
  let flags: string[];

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-elsewhere-" });
    const files = {
      "mine/notes.schema.ts": notesSchema,
      "mine/filed.ts": filedText,
      "mine/sql/filed.sql": filedSql,
      "node_modules/acme-metrics/package.json": '{"name":"acme-metrics","type":"module"}',
      "node_modules/acme-metrics/notes.schema.ts": notesSchema,
      "node_modules/acme-metrics/odd.shared.ts":
        "export const isOdd = (value: number) => value % 2 === 1;\n",
      "node_modules/acme-metrics/odd.ts": oddText,
    };
    await Deno.mkdir(join(dir, "mine", "sql"), { recursive: true });
    await Deno.mkdir(join(dir, "node_modules", "acme-metrics"), { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(dir, name), text);
    }
    const folders = [join(dir, "mine"), join(dir, "node_modules", "acme-metrics")];
    flags = folders.flatMap((folder) => ["--plugins", folder]);
    server = RunningProcess.spawn(join(dir, "data"), ["--block-span", "1s", ...flags]);
  });
  afterAll(async () => {
    await server.end("SIGTERM");
    await Deno.remove(dir, { recursive: true });
  });
  const ask = async (...args: string[]) => {
    const { code, out, err } = await runCommand([...args, "--data", join(dir, "data"), ...flags]);
    expect([code, err]).toEqual([0, ""]);
    return out;
  };
  const rowsOf = async (name: string, layer: string) =>
    JSON.parse(await ask("query", name, "--layer", layer, "--json")).rows;

  it("run in place of the checkout's, with their SQL files, helpers and functions", async () => {
    const url = await server.url();
    const at = "2026-01-05T00:00:00Z";
    const lines = Array.from(
      { length: 100 },
      (_, n) => JSON.stringify({ id: `n${n}`, at, value: n % 3 }) + "\n",
    );
    const headers = { "content-type": "application/x-ndjson" };
    const answer = await fetch(new URL("/api/v1/events", url), {
      method: "POST",
      headers,
      body: lines.join(""),
    });
    expect((await answer.json()).accepted).toBe(100);
    const { plugins } = JSON.parse(await ask("plugins", "list", "--json"));
    expect(plugins.map(({ plugin, state }: Record<string, string>) => [plugin, state])).toEqual([
      ["filed", "running"],
      ["odd", "running"],
    ]);
    const built = await eventually(
      "both to be published",
      async () => {
        await ask("batch");
        return [await rowsOf("odd", "batch"), await rowsOf("filed", "batch")];
      },
      ([odd, filed]) => odd[0]?.n === 33 && filed.length === 3,
      { deadlineMs: 60_000, pauseMs: 500 },
    );
    expect([await rowsOf("odd", "speed"), await rowsOf("filed", "speed")]).toEqual(built);
    expect(JSON.parse(await ask("plugins", "inspect", "odd", "--json")).file)
      .toBe("acme-metrics/odd.ts");
  });

  it("are loaded again, and named by their folder where they have a fault", async () => {
    await Deno.writeTextFile(join(dir, "mine", "filed.ts"), filedText.replace("notes,", "nots,"));
    const { code, out } = await runCommand([
      "plugins",
      "reload",
      "--data",
      join(dir, "data"),
      ...flags,
    ]);
    expect([code, out]).toEqual([1, expect.stringContaining("Correct mine/filed.ts")]);
    await Deno.writeTextFile(join(dir, "mine", "filed.ts"), filedText);
    expect(await ask("plugins", "reload")).toBe("Nothing changed.\n");
  });

  it("are found as packages, and refused where two folders have one name", async () => {
    const found = pluginFolders(dir, [join(dir, "mine"), "acme-metrics"]);
    expect(found).toEqual([
      { dir: join(dir, "mine"), sqlFolder: join(dir, "mine", "sql") },
      {
        dir: join(dir, "node_modules", "acme-metrics"),
        sqlFolder: join(dir, "node_modules", "acme-metrics", "sql"),
      },
    ]);
    expect(() => pluginFolders(dir, ["a/metrics", "b/metrics"])).toThrow(/of different names/);
    const { code, err } = await runCommand([
      "produce",
      "--data",
      join(dir, "other"),
      "--plugins",
      join(dir, "nowhere"),
    ]);
    expect([code, err]).toEqual([2, expect.stringMatching(/folder .*nowhere.* cannot be read/)]);
  });
});
