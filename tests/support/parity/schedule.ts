import { fc } from "testing";
import { type Put, put } from "./events.ts";
import type { World } from "./world.ts";

/** One move of the world. */
export type Move =
  | { readonly move: "put"; readonly partition: number; readonly put: Put }
  | { readonly move: "step" | "flush"; readonly process: number; readonly partition: number }
  | {
    readonly move: "deliver";
    readonly process: number;
    readonly which: number;
    readonly how: "known" | "unknown" | "refused";
  }
  | { readonly move: "crash"; readonly process: number }
  | { readonly move: "wake"; readonly which: number }
  | { readonly move: "archive" | "batch" | "cross" }
  | { readonly move: "check"; readonly bucket: "all" | "hour" };

const process = fc.nat(1);
const partition = fc.nat(4);
const which = fc.nat(7);
const is = <M extends string>(move: M) => fc.constant(move);

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ move: is("put"), partition, put }) },
  { weight: 12, arbitrary: fc.record({ move: is("step"), process, partition }) },
  { weight: 12, arbitrary: fc.record({ move: is("flush"), process, partition }) },
  {
    weight: 16,
    arbitrary: fc.record({
      move: is("deliver"),
      process,
      which,
      how: fc.oneof(
        { weight: 4, arbitrary: fc.constant("known" as const) },
        { weight: 1, arbitrary: fc.constantFrom("unknown" as const, "refused" as const) },
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ move: is("crash"), process }) },
  { weight: 4, arbitrary: fc.record({ move: is("wake"), which }) },
  { weight: 4, arbitrary: fc.record({ move: is("archive") }) },
  { weight: 3, arbitrary: fc.record({ move: is("batch") }) },
  { weight: 1, arbitrary: fc.record({ move: is("cross") }) },
  {
    weight: 6,
    arbitrary: fc.record({ move: is("check"), bucket: fc.constantFrom("all", "hour") }),
  },
);

/** A case: how many partitions, and what happens in which order. */
export const schedules = fc.record({
  partitions: fc.integer({ min: 1, max: 5 }),
  moves: fc.array(move, { minLength: 10, maxLength: 120, size: "max" }),
});

/** Plays a schedule. Returns the first thing that is wrong, or null. */
export async function play(
  world: World,
  partitions: number,
  moves: readonly Move[],
): Promise<string | null> {
  for (const [i, step] of moves.entries()) {
    const fault = await playMove(world, partitions, step);
    if (fault !== null) return `after move ${i}: ${fault}`;
  }
  return await world.settleAll();
}

async function playMove(world: World, partitions: number, step: Move): Promise<string | null> {
  switch (step.move) {
    case "put":
      world.put(step.partition % partitions, step.put);
      return null;
    case "step":
      await world.step(step.process, step.partition % partitions);
      return null;
    case "flush":
      world.flush(step.process, step.partition % partitions);
      return null;
    case "deliver":
      await world.deliver(step.process, step.which, step.how);
      return null;
    case "crash":
      await world.crash(step.process);
      return null;
    case "wake":
      await world.wake(step.which);
      return null;
    case "archive":
      await world.archive();
      return null;
    case "batch":
      await world.batch().run();
      return null;
    case "cross":
      // Two processes run the batch at once, each with a view of the archive of its own.
      await Promise.all([world.batch().run(), world.archive().then(() => world.batch().run())]);
      return null;
    case "check":
      return await world.check("merged", step.bucket);
  }
}
