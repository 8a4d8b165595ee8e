import { afterEach, beforeEach, describe, expect, it, vi } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openWarehouse } from "../support/batch_world.ts";
import { SEEN_MS } from "../../runtime/engine/generations.ts";
import { answering, BATCH, GenerationWorld, LOG, MERGED } from "../support/generation_world.ts";

const OLD = "v1_00000001";
const NEW = "v1_00000002";

describe("generations", () => {
  let warehouse: Warehouse;
  let world: GenerationWorld;
  beforeEach(async () => {
    warehouse = await openWarehouse();
    world = new GenerationWorld(warehouse);
  });
  afterEach(() => warehouse.close());

  /** A process of the old code that has 60 by a run up to 100 and 40 from there on. */
  const startOld = async (options = {}) => {
    const old = await world.start(OLD, { start: 0n, frontier: 200n }, options);
    await world.publish(OLD, 1, 60, 100);
    await world.flush(OLD, 40, 100, 200);
    return old;
  };

  it("of a new metric: the first one answers at once where its rows begin with the log", async () => {
    const first = await world.start(OLD, { start: 0n, frontier: 0n });
    expect(first.problems.standing()).toEqual([]);
    expect(await world.total(MERGED)).toBe(0);
    await expect(world.total(BATCH)).rejects.toThrow(/waits for the first batch run/);
  });

  it("of a process that is alone are not looked at while nothing is being built", async () => {
    const asked = async (
      options: { alone: boolean },
      reach: { start: bigint; frontier: bigint },
    ) => {
      const { generations } = await world.start(OLD, reach, options);
      await generations.look();
      const stop = new AbortController();
      const running = generations.run(stop.signal);
      const query = vi.spyOn(warehouse, "query");
      for (let second = 0; second < 30; second++) {
        world.clock.advance(1000);
        // A look takes a few turns, after which it sleeps again.
        while (world.clock.sleeping === 0) await new Promise((resolve) => setTimeout(resolve));
      }
      const { length } = query.mock.calls;
      query.mockRestore();
      stop.abort();
      await running;
      return length;
    };
    const [settled, building] = [{ start: 0n, frontier: 200n }, { start: 100n, frontier: 200n }];
    expect(await asked({ alone: true }, building)).toBeGreaterThan(20);
    await world.publish(OLD, 1, 60, 100);
    expect(await asked({ alone: true }, settled)).toBe(0);
    expect(await asked({ alone: false }, settled)).toBeGreaterThan(20);
  });

  it("of a new metric: a process without partitions reports nothing before it has them", async () => {
    const first = await world.start(OLD, { start: 100n, frontier: 200n }, { begun: false });
    await first.generations.look();
    expect(first.problems.standing()).toEqual([]);
    await expect(world.total(MERGED)).rejects.toThrow(`relation ${MERGED} waits for generation`);
    first.begun = true;
    await first.generations.look();
    expect(first.problems.standing()).toMatchObject([{ code: "rebuilding" }]);
  });

  it("of a new metric: relations wait for the run that closes the gap, and then follow", async () => {
    const first = await world.start(OLD, { start: 100n, frontier: 200n });
    await world.flush(OLD, 40, 100, 200);
    const [problem] = first.problems.standing();
    expect(problem).toMatchObject({ code: "rebuilding", plugin: "visits", blocking: false });
    for (let look = 0; look < 2; look++) {
      await expect(world.total(MERGED)).rejects.toThrow(
        `relation ${MERGED} waits for generation ${OLD} of plugin visits`,
      );
      await first.generations.look();
    }
    await world.publish(OLD, 1, 60, 100);
    await first.generations.look();
    expect(await world.total(MERGED)).toBe(100);
    expect(first.problems.standing()).toEqual([]);
  });

  it("of a new metric: events of an earlier log in the archive wait for a run over them", async () => {
    world.archived = { "log-0": [300n], [LOG]: [100n] };
    const first = await world.start(OLD, { start: 0n, frontier: 200n });
    await world.flush(OLD, 40, 100, 200);
    expect(first.problems.standing()).toMatchObject([{
      code: "rebuilding",
      message: expect.stringContaining("a batch run over the archived events of an earlier log"),
    }]);
    await expect(world.total(MERGED)).rejects.toThrow(`relation ${MERGED} waits for generation`);
    await world.publish(OLD, 1, 60, 100, { "log-0": 300 });
    await first.generations.look();
    expect(await world.total(MERGED)).toBe(100);
    expect(first.problems.standing()).toEqual([]);
  });

  it("the old one answers until the new one has run, has no gap and has come as far", async () => {
    await startOld();
    const process = await world.start(NEW, { start: 150n, frontier: 160n });
    const looked = async () => {
      await process.generations.look();
      const { frozenAt, rebuilding } = process.generations.served("visits")!;
      const total = await world.total(MERGED);
      return { generation: answering(process), frozen: frozenAt !== null, rebuilding, total };
    };
    const old = { generation: OLD, frozen: true, total: 100 };
    expect(await looked()).toEqual({ ...old, rebuilding: 0.05 });
    await world.flush(NEW, 5, 150, 200);
    process.reach = { start: 150n, frontier: 200n };
    expect(await looked()).toEqual({ ...old, rebuilding: 0.25 });
    await world.publish(NEW, 2, 700, 100);
    expect(await looked()).toEqual({ ...old, rebuilding: 0.75 });
    await world.publish(NEW, 3, 700, 150);
    process.reach = { start: 150n, frontier: 199n };
    expect(await looked()).toEqual({ ...old, rebuilding: 0.99 });
    expect(process.problems.standing()).toMatchObject([{ code: "rebuilding" }]);
    // What is only in memory is written before it is judged.
    process.fresh = () => void (process.reach = { start: 150n, frontier: 200n });
    expect(await looked()).toEqual({
      generation: NEW,
      frozen: false,
      rebuilding: null,
      total: 705,
    });
    expect(process.problems.standing()).toEqual([]);
  });

  it("where the old one has no run either, the new one answers without a run", async () => {
    await world.start(OLD, { start: 0n, frontier: 200n });
    await world.flush(OLD, 40, 0, 200);
    const process = await world.start(NEW, { start: 0n, frontier: 100n });
    await world.flush(NEW, 30, 0, 200);
    await process.generations.look();
    expect([answering(process), await world.total(MERGED)]).toEqual([OLD, 40]);
    process.reach = { start: 0n, frontier: 200n };
    await process.generations.look();
    expect([answering(process), await world.total(MERGED)]).toEqual([NEW, 30]);
  });

  it("is frozen and says why before the new one is looked at, and where that fails", async () => {
    await startOld();
    const process = await world.start(NEW, { start: 0n, frontier: 100n });
    expect(process.atOnce).toEqual({ frozen: true, rebuilding: 0, codes: ["rebuilding"] });
    process.fresh = () => {
      throw new Error("no warehouse");
    };
    await expect(process.generations.look()).rejects.toThrow("no warehouse");
    expect(process.generations.served("visits")!.frozenAt).not.toBeNull();
    expect(process.problems.standing()).toMatchObject([{ code: "rebuilding" }]);
  });

  it("a log that was truncated does not hold the new one up", async () => {
    await startOld();
    world.end = 120n;
    const process = await world.start(NEW, { start: 0n, frontier: 120n });
    await world.publish(NEW, 2, 7, 100);
    await process.generations.look();
    expect(answering(process)).toBe(NEW);
  });

  it("of two processes side by side do not take turns; going back is a new claim", async () => {
    const old = await startOld({ shared: true });
    const young = await world.start(NEW, { start: 0n, frontier: 200n }, { shared: true });
    await old.generations.look();
    expect([answering(old), answering(young)]).toEqual([OLD, OLD]);
    await world.publish(NEW, 2, 700, 200);
    await young.generations.look();
    for (let look = 0; look < 3; look++) {
      await old.generations.look();
      await young.generations.look();
      expect([answering(old), answering(young)]).toEqual([NEW, NEW]);
      expect(await world.total(MERGED)).toBe(700);
    }
    // The old process reads what the young one writes: it stands still for nobody.
    expect(old.generations.served("visits")).toMatchObject({ frozenAt: null, rebuilding: null });
    expect(old.problems.standing()).toEqual([]);

    // Once the young one has stopped, nobody computes what answers.
    world.clock.advance(2 * SEEN_MS);
    await old.generations.look();
    expect(old.generations.served("visits")!.frozenAt).toBe("2026-01-05T00:00:00.000Z");
    expect(old.problems.standing()).toMatchObject([{ code: "generation_stopped" }]);

    const again = await world.start(OLD, { start: 0n, frontier: 200n }, { shared: true });
    for (const process of [again, young, old]) await process.generations.look();
    expect([again, young, old].map(answering)).toEqual([OLD, OLD, OLD]);
    expect(await world.total(MERGED)).toBe(100);
    expect(old.problems.standing()).toEqual([]);
  });

  it("of a removed plugin that comes back changed: the old one answers again, by one row", async () => {
    await startOld();
    const retired = "fromUnixTimestamp64Milli(toInt64(1), 'UTC')";
    await warehouse.command(
      `INSERT INTO live_generations SELECT * REPLACE (seen + 1 AS seen, ${retired} AS retired)
       FROM live_generations FINAL`,
    );
    const changed = await world.start(NEW, { start: 0n, frontier: 100n });
    const rows = () => warehouse.query("SELECT seen, retired FROM live_generations FINAL");
    const once = await rows();
    await changed.generations.look();
    expect(await rows()).toEqual(once);
    expect(once).toMatchObject([{ retired: null }]);
    expect([answering(changed), await world.total(MERGED)]).toEqual([OLD, 100]);
  });

  it("makes the relations of a process that died between its row and them", async () => {
    await startOld();
    const dying = await world.start(NEW, { start: 0n, frontier: 200n });
    await world.publish(NEW, 2, 700, 200);
    await dying.generations.look();
    expect(answering(dying)).toBe(NEW);
    await warehouse.command(`CREATE OR REPLACE VIEW ${MERGED} AS SELECT 1 AS n`);
    await world.start(NEW, { start: 0n, frontier: 200n });
    expect(await world.total(MERGED)).toBe(700);
  });

  describe("in a process that only looks", () => {
    const look = async (generation: string) => {
      const reach = { start: 0n, frontier: 200n };
      const process = await world.start(generation, reach, { claims: false });
      await process.generations.look();
      return process;
    };
    const stored = async () => ({
      claims: [...world.store.objects.keys()],
      rows: await warehouse.query("SELECT claim, generation, seen FROM live_generations"),
    });

    it("are neither claimed nor made to answer, however complete they are", async () => {
      await startOld();
      const before = await stored();
      world.clock.advance(90_000);
      await look(NEW);
      await world.publish(NEW, 2, 700, 200);
      const same = await look(OLD);
      expect(same.generations.served("visits")).toMatchObject({ frozenAt: null, rebuilding: null });
      const other = await look(NEW);
      expect([answering(other), await world.total(MERGED)]).toEqual([OLD, 100]);
      expect(other.generations.served("visits")!.frozenAt).toBe("2026-01-05T00:00:00.000Z");
      expect(same.problems.standing()).toEqual([]);
      expect(other.problems.standing()).toMatchObject([{
        code: "generation_stopped",
        plugin: "visits",
        message: expect.stringMatching(/No process has computed .* since 2026-01-05T00:00:00.000Z/),
      }]);
      expect(await stored()).toEqual(before);
    });

    it("are reported as being built where another process claimed them", async () => {
      await startOld();
      await world.start(NEW, { start: 150n, frontier: 160n });
      await world.publish(NEW, 2, 700, 200);
      const before = await stored();
      const { generations, problems } = await look(NEW);
      expect(generations.served("visits")).toMatchObject({ rebuilding: 0.99 });
      expect(generations.served("visits")!.tables.generation).toBe(OLD);
      expect(problems.standing()).toMatchObject([{
        code: "rebuilding",
        message: expect.stringContaining("waits for a process that runs"),
      }]);
      expect(await stored()).toEqual(before);
    });

    it("of a build without rows answer without one", async () => {
      await startOld();
      await warehouse.command("TRUNCATE TABLE live_generations");
      const process = await look(NEW);
      expect([answering(process), (await stored()).rows]).toEqual([OLD, []]);
    });
  });

  it("a damaged claim is followed by a new one", async () => {
    const old = await startOld();
    world.store.objects.set("visits/generations/visits/0000000002.json", new Uint8Array());
    await old.generations.look();
    expect(answering(old)).toBe(OLD);
    await world.start(OLD, { start: 0n, frontier: 200n });
    expect([...world.store.objects.keys()].at(-1)).toMatch(/0000000003\.json$/);
  });
});
