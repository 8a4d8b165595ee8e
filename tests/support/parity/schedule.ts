import { fc } from "testing";
import { grains } from "../../../runtime/plugin.ts";
import { type Event, event, type Put, put } from "./events.ts";
import type { EdgeQuestion } from "./edges.ts";
import { SHARES } from "./removals.ts";
import type { CheckedBucket, World } from "./world.ts";

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
  | { readonly move: "archive" | "batch" | "compact" }
  | {
    readonly move: "cross";
    readonly partition: number;
    readonly before: readonly Put[];
    readonly between: readonly Put[];
  }
  /** Episodes: short stories that chance alone tells too seldom. */
  | {
    readonly move: "stall" | "refuse";
    readonly process: number;
    readonly partition: number;
    readonly before: readonly Put[];
    /** Happens twice, so that both parts of the story change one cell. */
    readonly twin: Event;
  }
  | { readonly move: "check"; readonly bucket: CheckedBucket };

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
  { weight: 3, arbitrary: fc.record({ move: is("compact") }) },
  {
    weight: 1,
    arbitrary: fc.record({
      move: is("cross"),
      partition,
      before: fc.array(put, { maxLength: 4 }),
      between: fc.array(put, { maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      move: fc.constantFrom("stall", "refuse"),
      process,
      partition,
      before: fc.array(put, { maxLength: 4 }),
      twin: event,
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ move: is("check"), bucket: fc.constantFrom("all", "grain") }),
  },
);

/** What happens to windows after one of the moves: some may be removed, then they are asked for. */
export interface WindowMove {
  readonly after: number;
  /** The share to remove; null for none. */
  readonly removed: number | null;
  readonly question: EdgeQuestion;
}

const share = fc.integer({ min: 1, max: SHARES });

/** Mostly null: what is removed once is never asked for again. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 30, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

const question: fc.Arbitrary<EdgeQuestion> = fc.record({
  near: fc.nat(1000),
  shift: fc.integer({ min: -400, max: 3 }),
  windows: fc.constantFrom(1, 5, 30, 360, 401, 1000, 9000, 50_000),
  bucket: fc.constantFrom("all", "grain", "minute", "window"),
  removed: seldom(share),
});

const windowMove: fc.Arbitrary<WindowMove> = fc.record({
  after: fc.nat(1000),
  question,
  removed: seldom(share),
});

/** A case: how many partitions, what happens in which order, and the metric's grain. */
export const schedules = fc.record({
  // Few partitions are the harder case: more happens to each.
  partitions: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 5 })),
  moves: fc.array(move, { minLength: 10, maxLength: 120, size: "max" }),
  grain: fc.constantFrom(...grains),
  // Last, so that the seeds of mutants go on giving the same moves.
  windowMoves: fc.array(windowMove, { minLength: 2, maxLength: 8, size: "max" }),
});

/** Plays a schedule. Returns the first thing that is wrong, or null. */
export async function play(
  world: World,
  partitions: number,
  moves: readonly Move[],
  windowMoves: readonly WindowMove[],
): Promise<string | null> {
  for (const [i, step] of moves.entries()) {
    const fault = await playMove(world, partitions, step) ??
      await playWindows(world, windowMoves.filter(({ after }) => after % moves.length === i));
    if (fault !== null) return `after move ${i}: ${fault}`;
  }
  // Once all is published, every window is asked for below the cut.
  return await world.settleAll() ?? await playWindows(world, windowMoves);
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
    case "compact":
      await world.compact();
      await world.trim();
      return null;
    case "batch":
      await world.batch().run();
      return null;
    case "cross":
      await world.cross(step.partition % partitions, step.before, step.between);
      return await world.check("merged", "all") ?? await world.check("merged", "grain");
    case "stall":
      await playStall(world, step.process, step.partition % partitions, step);
      return await world.check("merged", "all");
    case "refuse":
      await playRefusal(world, step.process, step.partition % partitions, step);
      return await world.check("merged", "all");
    case "check":
      return await world.check("merged", step.bucket);
  }
}

async function playWindows(world: World, moves: readonly WindowMove[]): Promise<string | null> {
  for (const { removed, question } of moves) {
    if (removed !== null) await world.remove(removed);
    const fault = await world.checkEdge(question);
    if (fault !== null) return fault;
  }
  return null;
}

type Episode = { readonly before: readonly Put[]; readonly twin: Event };

function putTwin(world: World, partition: number, { twin }: Episode): void {
  world.put(partition, { kind: "event", gap: 0, event: twin, shape: 0 });
}

/** A process stalls with what it has read, while another reads further and writes; then it writes. */
async function playStall(world: World, slow: number, partition: number, episode: Episode) {
  for (const put of episode.before) world.put(partition, put);
  putTwin(world, partition, episode);
  await world.step(slow, partition);
  putTwin(world, partition, episode);
  await world.step(1 - slow, partition);
  await world.write(1 - slow, partition, "known");
  await world.write(slow, partition, "known");
}

/** What a process writes is refused; it goes on and writes again. */
async function playRefusal(world: World, process: number, partition: number, episode: Episode) {
  for (const put of episode.before) world.put(partition, put);
  putTwin(world, partition, episode);
  await world.step(process, partition);
  await world.write(process, partition, "refused");
  putTwin(world, partition, episode);
  await world.step(process, partition);
  await world.write(process, partition, "known");
}
