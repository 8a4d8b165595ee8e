import { join } from "node:path";
import { describe, expect, it } from "testing";
import { openSqliteLog } from "../../runtime/log/sqlite_log.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { RecordKind } from "../../runtime/ports/ports.ts";
import { crashValue } from "../support/crash_value.ts";
import { type PlainRecord, readAll } from "../support/log_reading.ts";
import { byTier } from "../support/tier.ts";

const WRITER = new URL("../support/crash_writer.ts", import.meta.url).pathname;
const ROUNDS = 3;
/** More than one round can append. */
const SEQUENCES_PER_ROUND = 100_000_000;

interface Ack {
  readonly partition: number;
  readonly next: number;
  readonly first: number;
  readonly count: number;
}

/** Lets a writer append until it has acknowledged `acks` appends, and kills it where it stands. */
async function writeAndKill(
  path: string,
  first: number,
  seed: number,
  acks: number,
): Promise<Ack[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-all", WRITER, path, String(first), String(seed)],
    stdout: "piped",
  }).spawn();
  let output = "";
  let killed = false;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (killed || output.split("\n").length <= acks) continue;
    child.kill("SIGKILL");
    killed = true;
  }
  expect((await child.status).signal).toBe("SIGKILL");
  return output.split("\n").slice(0, -1).map((line) => {
    const [partition, next, first, count] = line.split(" ").map(Number);
    return { partition, next, first, count };
  });
}

async function readPartitions(path: string): Promise<PlainRecord[][]> {
  const log = openSqliteLog({ path, topic: "crash", clock: systemClock });
  const all = await Promise.all([readAll(log, 0), readAll(log, 1)]);
  await log.close();
  return all;
}

function expectNothingLost(acks: Ack[], partitions: PlainRecord[][]): void {
  for (const { partition, next, first, count } of acks) {
    for (let i = 0; i < count; i++) {
      const { value } = partitions[partition][next - count + i];
      if (value !== crashValue(first + i)) {
        throw new Error(`Lost: sequence ${first + i}, found ${value.slice(0, 40)}`);
      }
    }
  }
}

function expectWhole(partitions: PlainRecord[][]): void {
  const seen = new Set<string>();
  for (const records of partitions) {
    records.forEach(({ offset, value, kind }, i) => {
      if (offset !== BigInt(i)) throw new Error(`Offset ${offset} at place ${i}`);
      if (kind === RecordKind.tick) return;
      if (value !== crashValue(parseInt(value))) throw new Error(`Torn: ${value.slice(0, 40)}`);
      if (seen.has(value)) throw new Error(`Twice: ${value.slice(0, 40)}`);
      seen.add(value);
    });
  }
}

describe("SQLite log under kill -9", () => {
  for (const seed of byTier({ quick: [1], full: [1, 7, 2026], long: [1, 7, 2026, 2027, 2028] })) {
    it(`nothing acknowledged is lost, torn or overwritten (seed ${seed})`, async () => {
      const folder = await Deno.makeTempDir();
      const path = join(folder, "log.db");
      const acks: Ack[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const many = 5 + (seed * 31 + round * 17) % 60;
        acks.push(...await writeAndKill(path, round * SEQUENCES_PER_ROUND, seed + round, many));
        const partitions = await readPartitions(path);
        expectNothingLost(acks, partitions);
        expectWhole(partitions);
      }
      expect(acks.length).toBeGreaterThan(ROUNDS * 5);
      await Deno.remove(folder, { recursive: true });
    });
  }
});
