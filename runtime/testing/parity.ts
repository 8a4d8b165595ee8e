/** The parity law: both layers of a plugin give the same for every stream of events. */
import fc from "fast-check";
import process from "node:process";
import { eventColumns } from "../archive/archive_relation.ts";
import { checkBatchSql } from "../batch/check_sql.ts";
import { messageOf } from "../std/errors.ts";
import type { DifferingCell, Laboratory, Subject } from "./laboratory.ts";
import { type EventJson, literalsOf, randomStreams } from "./random_stream.ts";

/** How long a stream for which the layers differ is made smaller: to the end may take hours. */
const SHRINKING_MS = 300_000;

/** How many streams are tried, and which. */
export interface ParityRuns {
  /** Default 100. */
  readonly runs?: number;
  /** A whole number; the same one gives the same streams. Default: another one each time. */
  readonly seed?: number;
}

/** Thrown when the layers of a plugin differ. */
export class ParityError extends Error {
  override name = "ParityError";
  /** @param events the smallest stream found, within five minutes, for which they do. */
  constructor(message: string, readonly events: readonly EventJson[]) {
    super(message);
    // What the layers give is no fault of a line of code.
    this.stack = `${this.name}: ${message}`;
  }
}

/** Tries random streams; see `expectParity()`. */
export async function checkParity(
  laboratory: Laboratory,
  subject: Subject,
  { runs = 100, seed = Date.now() % 2 ** 31 }: ParityRuns,
): Promise<void> {
  const { plugin, batchSql } = subject;
  const { source, where, computed } = plugin;
  await checkBatchSql(laboratory.warehouse, { ...subject, columns: eventColumns(source) });
  const literals = literalsOf(batchSql, where?.text ?? "", ...Object.keys(computed));
  const property = fc.asyncProperty(
    randomStreams(source, literals),
    async (events) => await faultOf(laboratory, subject, events) === null,
  );
  const found = await fc.check(property, { numRuns: runs, seed, endOnFailure: true });
  if (!found.failed) return;
  if (found.counterexample === null) throw new Error(fc.defaultReportMessage(found));
  const smaller = await fc.check(property, {
    seed,
    path: found.counterexamplePath!,
    interruptAfterTimeLimit: SHRINKING_MS,
  });
  const [events] = smaller.counterexample ?? found.counterexample;
  const fault = await faultOf(laboratory, subject, events);
  const many = events.length === 1 ? "one event" : `${events.length} events`;
  throw new ParityError(
    `The layers of plugin "${plugin.name}" differ for a stream of ${many} (seed ${seed}):\n` +
      `${fault}\n\nAs a test:\n\n${testOf(subject, events)}`,
    events,
  );
}

/** What is wrong for a stream, in words; null when both layers give the same. */
async function faultOf(
  laboratory: Laboratory,
  subject: Subject,
  events: readonly EventJson[],
): Promise<string | null> {
  try {
    const cells = await laboratory.differences(subject, events);
    return cells.length === 0 ? null : cells.map((cell) => cellWords(subject, cell)).join("\n");
  } catch (error) {
    return `  ${messageOf(error)}`;
  }
}

function cellWords({ plugin }: Subject, { bucket, key, measures }: DifferingCell): string {
  const keys = plugin.keyColumns.map(({ name }, i) => `${name}=${JSON.stringify(key[i])}`);
  const found = measures.map(({ name, speed, batch }) =>
    `${
      name === "" ? "the row is" : `${name} is`
    } ${speed} in the speed layer, ${batch} in batch SQL`
  );
  return `  ${[bucket, ...keys].join(" ")}: ${found.join("; ")}`;
}

/** A test of one stream, to be pasted into a file. */
function testOf({ plugin }: Subject, events: readonly EventJson[]): string {
  const framework = process.env.VITEST ? "vitest" : "node:test";
  const literal = (event: EventJson) =>
    Object.entries(event).map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(", ");
  return [
    'import assert from "node:assert/strict";',
    `import { test } from "${framework}";`,
    'import { rowsOf } from "twofold/testing";',
    `import plugin from "./${plugin.name}.ts";`,
    "",
    `test("${plugin.name}: both layers agree", async () => {`,
    "  const { speed, batch } = await rowsOf(plugin, [",
    ...events.map((event) => `    { ${literal(event)} },`),
    "  ]);",
    "  assert.deepEqual(batch, speed);",
    "});",
    "",
  ].join("\n");
}
