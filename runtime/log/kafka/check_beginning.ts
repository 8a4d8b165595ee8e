/** Whether the archive has what a topic no longer has. */
import { type Check, doubtful, failed, fine } from "../../ports/check.ts";
import { messageOf } from "../../std/errors.ts";

/** What {@link beginningCheck} compares the topic with. */
export interface BeginningToCheck {
  /** How far partitions are archived; asked where the topic has lost records. */
  readonly archived: (partitions: readonly number[]) => Promise<readonly bigint[]>;
  /** What a start does about records that were lost. */
  readonly lostRanges: "stop" | "skip";
}

const CHECK = "beginning";

/**
 * Tells of records that retention removed before they were archived.
 *
 * @param topic its name on the broker.
 * @param bounds the lowest offset that the topic holds, by partition.
 */
export async function beginningCheck(
  topic: string,
  bounds: readonly { readonly partition: number; readonly low: string }[],
  { archived, lostRanges }: BeginningToCheck,
): Promise<Check> {
  const removed = bounds.filter(({ low }) => BigInt(low) > 0n)
    .sort((a, b) => a.partition - b.partition);
  if (removed.length === 0) return fine(CHECK, `${topic} begins at offset 0`);
  let from: readonly bigint[];
  try {
    from = await archived(removed.map(({ partition }) => partition));
  } catch (error) {
    const found = `${topic} has lost records; whether they are archived is not known`;
    return doubtful(CHECK, `${found}: ${messageOf(error)}`, "see the check of the store");
  }
  const lost = removed.flatMap(({ partition, low }, i) =>
    from[i] < BigInt(low) ? [`[${from[i]}, ${low}) of partition ${partition}`] : []
  );
  if (lost.length === 0) return fine(CHECK, `what ${topic} no longer holds is archived`);
  const found = `neither ${topic} nor the archive holds offsets ${lost.join(", ")}`;
  if (lostRanges === "skip") return fine(CHECK, `${found}: they are skipped`);
  const advice =
    "start with --lost-ranges skip to go on without them; if they were archived, see " +
    "TWOFOLD_S3_BUCKET, TWOFOLD_S3_PREFIX and TWOFOLD_REGION";
  return failed(CHECK, found, advice);
}
