/** The table `redrives`: the record of who sent which dead letters again, as which events. */
import type { Warehouse } from "../ports/ports.ts";
import type { Redrive } from "../ports/services.ts";
import { RowBinaryWriter } from "../std/row_binary.ts";

/** Where a letter lies. */
export interface LetterAt {
  readonly topic: string;
  readonly log: string;
  readonly partition: number;
  readonly offset: number | string;
}

/** A redrive of one letter, as it is kept. */
export interface KeptRedrive extends Redrive, LetterAt {
  /** The same for all letters of one redrive. */
  readonly redrive: string;
  /** The event time in nanoseconds since 1970 UTC. */
  readonly eventNs: bigint;
}

type Row = Omit<KeptRedrive, "set" | "eventNs" | "by" | "sent" | "event_time"> & {
  readonly redriven_by: string;
  readonly patch: string;
  readonly event_ns: string;
  readonly sent: number;
};

/** Whether a redrive is one of the letter at a place. */
export const isOf = (redrive: LetterAt, at: LetterAt): boolean => keyOf(redrive) === keyOf(at);

const keyOf = ({ topic, log, partition, offset }: LetterAt) =>
  `${topic}/${log}/${partition}/${offset}`;

/** Letters that one statement asks for: parameters go in the address of a request. */
const TOGETHER = 50;

/** All redrives of some letters; those of one letter the oldest first. */
export async function redrivesOf(
  warehouse: Pick<Warehouse, "query">,
  letters: readonly LetterAt[],
  signal?: AbortSignal,
): Promise<KeptRedrive[]> {
  const found: KeptRedrive[] = [];
  for (let at = 0; at < letters.length; at += TOGETHER) {
    found.push(...await redrivesOfFew(warehouse, letters.slice(at, at + TOGETHER), signal));
  }
  return found;
}

async function redrivesOfFew(
  warehouse: Pick<Warehouse, "query">,
  letters: readonly LetterAt[],
  signal?: AbortSignal,
): Promise<KeptRedrive[]> {
  const rows = await warehouse.query<Row>(
    `SELECT topic, log, partition, offset, redrive, at, redriven_by, patch, event_id,
  toString(toUnixTimestamp64Nano(event_time)) AS event_ns, sent
FROM redrives FINAL
WHERE topic IN {topics:Array(String)}
  AND concat(topic, '/', log, '/', toString(partition), '/', toString(offset)) IN {keys:Array(String)}
ORDER BY at, redrive`,
    {
      params: {
        topics: [...new Set(letters.map(({ topic }) => topic))],
        keys: letters.map(keyOf),
      },
      signal,
    },
  );
  return rows.map(({ redriven_by: by, patch, event_ns, sent, ...row }) => {
    const eventNs = BigInt(event_ns);
    const event_time = instantText(eventNs);
    return { ...row, by, set: JSON.parse(patch), eventNs, event_time, sent: sent === 1 };
  });
}

/** Writes redrives; one with `sent` takes the place of the same one without. */
export async function writeRedrives(
  warehouse: Pick<Warehouse, "insert">,
  redrives: readonly Omit<KeptRedrive, "event_time">[],
): Promise<void> {
  if (redrives.length === 0) return;
  const rows = new RowBinaryWriter();
  for (const { topic, log, partition, offset, redrive, at, by, set, event_id, ...of } of redrives) {
    rows.text(topic);
    rows.text(log);
    rows.u32(partition);
    rows.u64(BigInt(offset));
    rows.text(redrive);
    rows.i64(Date.parse(at));
    rows.text(by);
    rows.text(JSON.stringify(set));
    rows.text(event_id);
    rows.u64(of.eventNs);
    rows.u8(of.sent ? 1 : 0);
  }
  await warehouse.insert(
    "redrives (topic, log, partition, offset, redrive, at, redriven_by, patch, event_id, " +
      "event_time, sent)",
    rows.finish(),
  );
}

/** ISO 8601, as fine as it is. */
function instantText(ns: bigint): string {
  const [seconds] = new Date(Number(ns / 1_000_000n)).toISOString().split(".");
  const fraction = String(ns % 1_000_000_000n).padStart(9, "0").replace(/0+$/, "");
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`;
}
