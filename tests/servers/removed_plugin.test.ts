import { afterAll, beforeAll, describe, expect, it } from "testing";
import { narrow, notesFolder } from "../support/changing_notes.ts";
import type { RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { answerOf, NotesCluster, rowsOfSql, SLOW } from "../support/notes_cluster.ts";
import { pluginText } from "../support/plugin_folder.ts";
import { folderInProject } from "../support/running_engine.ts";
import { statusOf } from "../support/workers.ts";

/** A plugin that only some of the workers have. */
const kinds = pluginText("kinds", {
  "({ value }) => ({ value })": "({ kind }) => ({ sort: kind })",
  "value, count() AS n": "kind AS sort, count() AS n",
});

describe("a plugin that the newest of two workers lacks", () => {
  let dir: string;
  let notes: NotesCluster;

  beforeAll(async () => {
    dir = await folderInProject("removed-plugin");
    await notesFolder(dir, "both", narrow, { "kinds.ts": kinds });
    await notesFolder(dir, "one", narrow);
    notes = await NotesCluster.open(dir);
  });
  afterAll(async () => {
    await notes.close();
    await Deno.remove(dir, { recursive: true });
  });

  const asked = async (worker: RunningProcess) => {
    const response = await fetch(new URL("/api/v1/metrics/kinds?bucket=all", await worker.url()));
    return { status: response.status, answer: await response.json() };
  };
  const total = async (worker: RunningProcess) =>
    JSON.stringify(await rowsOfSql(worker, "SELECT toUInt32(sum(n)) AS n FROM merged_kinds"));
  const codes = async (worker: RunningProcess) =>
    (await statusOf(worker)).problems.map(({ code }) => code);

  it("is answered with the problem where it is left, and by no relation, until it comes back", async () => {
    const first = await notes.start("both", narrow);
    const second = await notes.start("both", narrow);
    await notes.cluster.shared();
    await notes.send(800);
    await notes.answers(narrow);
    await notes.run(narrow);
    const events = notes.truth(narrow).rows.reduce((sum, { n }) => sum + n, 0);
    expect(await total(first)).toBe(JSON.stringify([{ n: events }]));

    await notes.stop(second);
    const without = await notes.start("one", narrow);
    await eventually("the problem", () => codes(first), (all) => all.includes("plugin_removed"));
    const { status, answer } = await asked(first);
    expect([status, answer.problems]).toMatchObject([200, [{
      code: "plugin_removed",
      subject: "plugin kinds",
      plugin: "kinds",
      message: expect.stringMatching(
        /its relations raise an error, and its answers lack new events/,
      ),
    }]]);
    for (const worker of [first, without]) {
      expect(await total(worker)).toContain("plugin kinds was removed");
    }
    expect((await asked(without)).status).toBe(404);
    // Each process writes its problems into the table every second or so.
    await eventually(
      "the problem in SQL",
      () => rowsOfSql(without, "SELECT code, plugin FROM twofold_problems"),
      (rows) => JSON.stringify(rows) === '[{"code":"plugin_removed","plugin":"kinds"}]',
    );
    // Other metrics of both go on.
    await notes.send(80);
    await notes.answers(narrow);
    expect((await answerOf(without, "merged") as { problems: unknown }).problems).toEqual([]);

    const again = await notes.start("both", narrow);
    for (const worker of [first, again]) {
      await eventually("no problem", () => codes(worker), (all) => all.length === 0, SLOW);
    }
    expect(await total(without)).not.toContain("plugin kinds was removed");
    // The worker without it gives up its partitions: then all is counted.
    await notes.stop(without);
    const all = notes.truth(narrow).rows.reduce((sum, { n }) => sum + n, 0);
    await eventually(
      "all to be counted",
      () => total(again),
      (of) => of === JSON.stringify([{ n: all }]),
      SLOW,
    );
    for (const worker of [first, again]) {
      // Problems of other processes are read every few seconds.
      const { answer: { rows } } = await eventually(
        "an answer without a problem",
        () => asked(worker),
        ({ answer }) => answer.problems.length === 0,
        SLOW,
      );
      expect(rows.reduce((sum: number, { n }: { n: number }) => sum + n, 0)).toBe(all);
    }
  });
});
