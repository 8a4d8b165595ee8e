import { join } from "node:path";
import { describe, expect, it } from "testing";
import { BatchLevel } from "../../runtime/sql/tables.ts";
import { eventually } from "../support/eventually.ts";
import { pluginFolder, pluginText } from "../support/plugin_folder.ts";
import { folderInProject, root as project, RunningEngine } from "../support/running_engine.ts";
import { byTier } from "../support/tier.ts";

const MOMENTS = byTier({ quick: ["before"], full: ["before", "after"], long: ["before", "after"] });
const { pointer, skipped, floor } = BatchLevel;

/** Notes of three days, in no order of time, each tenth of which comes twice. */
const NOTES = Array.from({ length: 600 }, (_, i) => {
  const id = i % 10 === 9 ? i - 5 : i;
  const at = new Date(Date.parse("2026-01-05") + ((id * 7919) % 259_200) * 1000).toISOString();
  return { id: `n${id}`, at, value: id % 10 };
});

/** What the batch layer answers, or the status of the refusal. */
async function answerOf({ url }: RunningEngine, name: string): Promise<unknown> {
  const asked = `/api/v1/metrics/${name}?layer=batch&bucket=day&limit=1000`;
  const response = await fetch(new URL(asked, url));
  const { rows } = await response.json();
  return response.status === 200 ? rows : response.status;
}

const tableOf = async (engine: RunningEngine, name: string) =>
  String(
    await engine.value(
      "SELECT name FROM system.tables WHERE database = currentDatabase() " +
        `AND startsWith(name, 'state_batch_${name}_')`,
    ),
  );

/** Waits until no scratch table, no row of a run that never published, and no file is left. */
async function expectNothingLeft(engine: RunningEngine, name: string, data: string) {
  const scratch = await engine.sql(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'scratch%'",
  );
  expect(scratch).toEqual([]);
  const table = await tableOf(engine, name);
  // The engine removes rows in its own time.
  await eventually(
    "rows of the dead run to go",
    () =>
      engine.value(
        `SELECT count() FROM ${table} WHERE level NOT IN (${pointer}, ${skipped}, ${floor}) ` +
          `AND run NOT IN (SELECT run FROM ${table} WHERE level = ${pointer})`,
      ),
    (count) => Number(count) === 0,
  );
  expect([...Deno.readDirSync(join(data, "archive", "~incoming"))]).toEqual([]);
}

describe("a process that is killed where a batch run publishes", () => {
  for (const moment of MOMENTS) {
    for (const what of ["rebuild", "backfill"]) {
      it(`${moment} its ${what} is decided, leaves the old answer until it is done anew`, async () => {
        const dir = await folderInProject("killed-run");
        const data = join(dir, "data");
        await pluginFolder(dir, { "a.ts": pluginText("a") });
        const open = () => RunningEngine.open({ dir: data, root: dir });
        let engine = await open();
        await engine.post(NOTES);
        await engine.batch();
        const right = await answerOf(engine, "a");
        if (what === "rebuild") {
          await engine.engine.warehouse.command(
            `ALTER TABLE ${await tableOf(engine, "a")} UPDATE n = n + 1 ` +
              `WHERE level NOT IN (${pointer}, ${skipped}, ${floor}) SETTINGS mutations_sync = 2`,
          );
          expect(await answerOf(engine, "a")).not.toEqual(right);
        }
        const old = await answerOf(engine, "a");
        await engine.close();

        const script = join(project, "tests", "support", "killed_run.ts");
        const { signal, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--no-check", script, dir, data, what, moment],
          cwd: project,
          stdin: "null",
          stderr: "piped",
        }).output();
        expect([signal, signal === null ? new TextDecoder().decode(stderr) : ""])
          .toEqual(["SIGKILL", ""]);

        engine = await open();
        try {
          expect(await answerOf(engine, "a")).toEqual(old);
          const name = what === "rebuild" ? "a" : "b";
          if (what === "backfill") {
            expect([503, right]).toContainEqual(await answerOf(engine, name));
          }
          const run = what === "rebuild"
            ? (await engine.engine.lifecycle.rebuild(name, {})).run
            : await engine.batch({ full: true });
          expect(run!.plugins.find(({ plugin }) => plugin === name)?.status).toBe("published");
          expect(await answerOf(engine, name)).toEqual(right);
          await expectNothingLeft(engine, name, data);
        } finally {
          await engine.close();
        }
        await Deno.remove(dir, { recursive: true });
      });
    }
  }
});
