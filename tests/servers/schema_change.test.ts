import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "testing";
import { narrow, notesFolder, wide, wider } from "../support/changing_notes.ts";
import type { RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { NotesCluster, SLOW } from "../support/notes_cluster.ts";
import { folderInProject } from "../support/running_engine.ts";
import { postBatches, SESSION_MS, statusOf } from "../support/workers.ts";

type Env = Readonly<Record<string, string>>;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a schema that changes under two workers", () => {
  let dir: string;
  let notes: NotesCluster;

  beforeAll(async () => {
    dir = await folderInProject("schema-change");
    await notesFolder(dir, "narrow", narrow);
    await notesFolder(dir, "wide", wide);
    await notesFolder(dir, "wider", wider);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));
  beforeEach(async () => {
    notes = await NotesCluster.open(dir);
  });
  afterEach(() => notes.close());

  it.each<[string, Env, Env]>([
    ["", {}, {}],
    [", the archive decoded again before the other one stops", {
      TWOFOLD_ROLES: "speed,batch,serve",
    }, {
      TWOFOLD_ROLES: "speed,archive,batch,serve",
    }],
  ])(
    "one after the other answers exactly, and then as if it had always been so%s",
    async (_, one, other) => {
      const first = await notes.start("narrow", narrow, one);
      const second = await notes.start("narrow", narrow, other);
      await notes.cluster.shared();
      await notes.send(2000);
      await notes.answers(narrow);
      await notes.run(narrow);
      await notes.send(500);
      await notes.answers(narrow);

      await notes.stop(second);
      const third = await notes.start("wide", wide, other);
      // Some of the notes reach the old code, some the new one, and both are asked for batch runs.
      const stop = new AbortController();
      const runs = postBatches(notes.cluster, stop.signal);
      for (let round = 0; round < 8; round++) {
        await notes.send(100);
        await notes.ask();
        await pause(500);
      }
      stop.abort();
      expect(await runs).toBeGreaterThan(0);
      const warned = await notes.ask();
      expect(warned.filter(({ problems }) => problems.every(({ code }) => code !== "rebuilding")))
        .toEqual([]);

      await notes.stop(first);
      const fourth = await notes.start("wide", wide, one);
      await notes.send(100);
      await notes.ask();
      await notes.run(wide);
      await notes.answers(wide);
      for (const worker of [third, fourth]) await notes.sound(worker, wide);
    },
  );

  /** The worker that decodes again, as soon as it has done some; it is stopped in the middle. */
  async function stoppedInTheMiddle(workers: readonly RunningProcess[]): Promise<RunningProcess> {
    return await eventually("one to have decoded some again", async () => {
      for (const worker of workers) {
        const { topics: [{ redecoding }] } = await statusOf(worker);
        if (redecoding === null) throw new Error("all of it is decoded again");
        if (redecoding === 0) continue;
        worker.child.kill("SIGSTOP");
        return worker;
      }
      return null;
    }, (found) => found !== null) as RunningProcess;
  }

  it("goes on where the worker that decodes again was killed, and where two do so at once", async () => {
    const old = [await notes.start("narrow", narrow), await notes.start("narrow", narrow)];
    await notes.cluster.shared();
    await notes.send(20_000);
    await notes.answers(narrow);
    await notes.run(narrow);
    for (const worker of old) await notes.stop(worker);

    const workers = [notes.spawn("wide"), notes.spawn("wide")];
    const killed = await stoppedInTheMiddle(workers);
    const other = workers.find((worker) => worker !== killed)!;
    await notes.cluster.kill(killed);
    await notes.know(other, wide);
    await notes.ask();
    await notes.run(wide);
    await notes.answers(wide);
    await notes.sound(other, wide);

    await notes.stop(other);
    const both = [notes.spawn("wider"), notes.spawn("wider")];
    const zombie = await stoppedInTheMiddle(both);
    const awake = both.find((worker) => worker !== zombie)!;
    await pause(SESSION_MS);
    await eventually(
      "the other to go on",
      async () => {
        const { topics: [{ redecoding }] } = await statusOf(awake);
        return redecoding === null || redecoding > 0;
      },
      Boolean,
      SLOW,
    );
    zombie.child.kill("SIGCONT");
    for (const worker of both) {
      await notes.know(worker, wider);
      const share = async () => (await statusOf(worker)).topics[0].redecoding;
      await eventually("all to be decoded again", share, (of) => of === null, SLOW);
    }
    await notes.cluster.shared();
    await notes.send(100);
    await notes.run(wider);
    await notes.answers(wider);
    for (const worker of both) await notes.sound(worker, wider);
  });
});
