import { closeAll } from "../std/close_all.ts";
import type { Config } from "../settings/config.ts";
import { NotFoundError, retry } from "../std/errors.ts";
import { chosenTopic } from "../std/chosen_topic.ts";
import { encodeFrontier } from "../model/frontier.ts";
import type { BatchRun, Services, Status } from "../ports/services.ts";
import type { RunReport, Target } from "./target.ts";
import type { OpenOptions, World } from "./world.ts";

const POLL_MS = 100;
/** After so many milliseconds without progress, waiting is of no use. */
const STANDSTILL_MS = 10_000;

/** Options of {@link openOwnFolder}. */
export interface OwnFolderOptions {
  /** Whether the layers run; false to look only, which claims no generation. */
  readonly start: boolean;
  /** Told of faults that the engine survives. */
  readonly onProblem: OpenOptions["onProblem"];
}

/**
 * Opens the data folder in this process as a target.
 *
 * @throws what opening the engine throws.
 */
export async function openOwnFolder(
  config: Config,
  world: World,
  { start, onProblem }: OwnFolderOptions,
): Promise<Target> {
  const { clock, stop } = world;
  const engine = await world.openEngine(config, { onProblem, claims: start });
  if (start) engine.start();
  let behind = false;
  const settled = once(async () => {
    const status = await engine.status();
    if (recordsBehind(status, config.blockSize) === 0) return;
    if (!start) {
      // Generations that do not answer are left to a process that claims them.
      if (!status.plugins.some(({ generation, answering }) => generation === answering)) return;
      engine.start();
    }
    await caughtUp(() => engine.status(), config, world);
  });
  const answers = whenSettled(engine, settled);
  return {
    name: config.dataDir,
    own: true,
    status: () => engine.status(),
    memory: () => engine.memory(),
    ...answers,
    deadLetters: {
      ...answers.deadLetters,
      redrive(request, signal) {
        behind = true;
        return answers.deadLetters.redrive(request, signal);
      },
    },
    records: engine.records,
    drifts: engine.drifts,
    catalogs: engine.catalogs,
    ingest(bytes, format, topic) {
      behind = true;
      const once = () => engine.ingest.ingest(ReadableStream.from([bytes]), format, topic);
      return retry(once, { signal: stop, sleep: (ms) => clock.sleep(ms, stop) });
    },
    acceptDamage: (damage) => engine.verification.accept(damage),
    verify: ({ fast }) => engine.verification.verify({ fast, signal: stop }),
    async batch({ full }) {
      // A run covers what is archived: without this, nothing of what has just come in.
      await caughtUp(() => engine.status(), config, world);
      const runs: (RunReport | null)[] = [];
      for (const layer of engine.batch.values()) {
        const run = await layer.run({ full, signal: stop });
        runs.push(run && reportOf(run));
      }
      return runs;
    },
    async cancelRun(run, by, topic) {
      const { batch } = engine;
      const layer = batch.get(chosenTopic("Cannot cancel a batch run", [...batch.keys()], topic))!;
      return reportOf(await layer.cancel(run, by, stop));
    },
    async plugin(name) {
      const text = engine.plugins.get(name);
      const status = (await engine.status()).plugins.find(({ plugin }) => plugin === name);
      if (text !== undefined && status !== undefined) return { ...text, status };
      const known = [...engine.plugins.keys()].join(", ") || "none";
      throw new NotFoundError(`There is no plugin "${name}"; there are ${known}`);
    },
    reloadPlugins: () => engine.reloadPlugins(),
    prunePlugins: () => engine.prunePlugins(),
    lifecycle: {
      ...engine.lifecycle,
      async rebuild(name, request) {
        const answer = await engine.lifecycle.rebuild(name, request);
        return { ...answer, run: answer.run && reportOf(answer.run) };
      },
    },
    async [Symbol.asyncDispose]() {
      await closeAll([
        // What is in the log is safe; this only spares the next start the catching up.
        () => behind && caughtUp(() => engine.status(), config, world),
        () => engine.close(),
      ]);
    },
  };
}

const reportOf = (run: BatchRun): RunReport => ({ ...run, cut: encodeFrontier(run.cut) });

/** What the warehouse answers: it covers the log, also after a process that could not end well. */
function whenSettled(
  { serving, deadLetters, sql }: Services,
  settled: () => Promise<void>,
): Pick<Target, "query" | "deadLetters" | "sql"> {
  return {
    query: (...args) => settled().then(() => serving.query(...args)),
    deadLetters: {
      list: (...args) => settled().then(() => deadLetters.list(...args)),
      one: (...args) => settled().then(() => deadLetters.one(...args)),
      redrive: (...args) => settled().then(() => deadLetters.redrive(...args)),
    },
    sql: { open: (...args) => settled().then(() => sql.open(...args)) },
  };
}

function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () =>
    done ??= action().catch((error) => {
      done = undefined;
      throw error;
    });
}

/** Waits until all that the log holds is counted and all full blocks are archived. */
async function caughtUp(
  read: () => Promise<Status>,
  { blockSize }: Config,
  { clock, stop }: World,
): Promise<void> {
  let least = Infinity;
  let leastAtMs = clock.now();
  while (!stop.aborted) {
    const behind = recordsBehind(await read(), blockSize);
    if (behind === 0) return;
    if (behind < least) [least, leastAtMs] = [behind, clock.now()];
    if (clock.now() - leastAtMs > STANDSTILL_MS) return;
    await clock.sleep(POLL_MS, stop);
  }
}

function recordsBehind({ topics }: Status, blockSize: number): number {
  let behind = 0;
  for (const { partitions, redecoding } of topics) {
    // A fraction that shrinks: no layer starts before.
    if (redecoding !== null) behind += 1 - redecoding;
    for (const { lag_records, log_end, archived } of partitions) {
      const open = Number(BigInt(log_end) - BigInt(archived));
      behind += lag_records + (open >= blockSize ? open : 0);
    }
  }
  return behind;
}
