import { afterEach, beforeEach, describe, expect, it } from "testing";
import { SEEN_MS } from "../../runtime/engine/generations.ts";
import { Retirement } from "../../runtime/engine/retirement.ts";
import type { TopicRuntime } from "../../runtime/engine/topic_runtime.ts";
import { Problems } from "../../runtime/model/problems.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openWarehouse } from "../support/batch_world.ts";
import {
  answering,
  GenerationWorld,
  LEDGER,
  LOG,
  MERGED,
  visits,
} from "../support/generation_world.ts";

const OLD = "v1_00000001";
const NEW = "v1_00000002";
const REACH = { start: 0n, frontier: 200n };

describe("a plugin that some of the processes over one warehouse have", () => {
  let warehouse: Warehouse;
  let world: GenerationWorld;
  beforeEach(async () => {
    warehouse = await openWarehouse();
    world = new GenerationWorld(warehouse);
  });
  afterEach(() => warehouse.close());

  const startWith = (generation = OLD) => world.start(generation, REACH, { shared: true });
  /** A process whose folder lacks the plugin. */
  const startWithout = async (options = {}) => {
    const topic = {
      schema: visits.source,
      plugins: [],
      log: { id: LOG },
      ledger: LEDGER,
      membership: { shared: true },
    };
    const retirement = new Retirement({
      warehouse,
      store: world.store,
      clock: world.clock,
      topics: [topic as unknown as TopicRuntime],
      refused: () => new Map(),
      answers: () => false,
      unknown: () => false,
      keepMs: 86_400_000,
      problems: new Problems(world.clock),
      ...options,
    });
    await retirement.look();
    return retirement;
  };
  const shown = () => world.total(MERGED).catch((error) => /was removed/.exec(error.message)?.[0]);
  /** What the relation shows after each of some rounds in which everybody looks. */
  const rounds = async (looks: readonly { look(): Promise<void> }[]) => {
    const seen = [];
    for (let round = 0; round < 4; round++) {
      for (const process of looks) {
        await process.look();
        seen.push(await shown());
      }
      world.clock.advance(SEEN_MS / 2);
    }
    return new Set(seen);
  };
  const started = async () => {
    const old = await startWith();
    await world.publish(OLD, 1, 60, 100);
    await world.flush(OLD, 40, 100, 200);
    return old;
  };

  it("is removed by one that starts without it, although others run it, for all of them", async () => {
    const old = await started();
    expect(await shown()).toBe(100);
    const without = await startWithout();
    expect(await rounds([old.generations, without])).toEqual(new Set(["was removed"]));
    expect(answering(old)).toBe(OLD);
    // What still answers says so.
    expect(old.problems.standing()).toMatchObject([
      { code: "plugin_removed", subject: "plugin visits", plugin: "visits", blocking: false },
    ]);
  });

  it("is there again once one starts with it, for all of them", async () => {
    const old = await started();
    const without = await startWithout();
    await old.generations.look();
    const again = await startWith();
    expect(await rounds([without, again.generations, old.generations])).toEqual(new Set([100]));
    expect([...old.problems.standing(), ...again.problems.standing()]).toEqual([]);
  });

  it("is not removed by one that runs on while another generation is being built", async () => {
    const without = await startWithout();
    await started();
    await world.start(NEW, { start: 150n, frontier: 160n }, { shared: true });
    world.clock.advance(10 * SEEN_MS);
    expect(await rounds([without])).toEqual(new Set([100]));
  });

  it("is removed once nobody has run it for two minutes", async () => {
    const without = await startWithout();
    await started();
    expect(await rounds([without])).toEqual(new Set([100]));
    world.clock.advance(10 * SEEN_MS);
    expect(await rounds([without])).toEqual(new Set(["was removed"]));
  });

  it("is not removed while a file that does not load may declare it", async () => {
    await started();
    const without = await startWithout({ unknown: () => true });
    world.clock.advance(10 * SEEN_MS);
    expect(await rounds([without])).toEqual(new Set([100]));
    expect(await without.prune()).toEqual([]);
  });

  it("keeps its tables while another process wants it, whatever was kept for long enough", async () => {
    const old = await started();
    const without = await startWithout();
    world.clock.advance(2 * 86_400_000);
    await startWith();
    await without.look();
    expect(await shown()).toBe(100);
    expect(answering(old)).toBe(OLD);
  });
});
