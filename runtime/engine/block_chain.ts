/** Looks for holes in rows by block: each block has to begin where the one before ends. */

/** The first block of a table that is not whole. */
export interface BrokenBlock {
  readonly partition: number;
  readonly block: number | string;
  /** Where it ends by its own row; 0 where it has none. */
  readonly reached: number | string;
  /** The start of the next block; 0 where there is none. */
  readonly following: number | string;
}

/**
 * The first broken block: one that does not end where the next begins, or that is not `whole`.
 *
 * @param blocks a SELECT of `partition`, `block`, `reached`, `whole`, and what `where` reads.
 * @param where which blocks are judged. Default: all.
 */
export function brokenBlockSql(blocks: string, where = "1"): string {
  return `SELECT partition, block, reached, following FROM (
  SELECT *, leadInFrame(block) OVER (PARTITION BY partition ORDER BY block
    ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS following
  FROM (${blocks})
) WHERE (NOT whole OR (following > 0 AND following != reached)) AND (${where})
ORDER BY partition, block LIMIT 1`;
}

/** What is missing behind a block, as a clause; null where it is the block that is not whole. */
export function gapBehind({ partition, block, reached, following }: BrokenBlock): string | null {
  return BigInt(following) === 0n || BigInt(following) === BigInt(reached)
    ? null
    : `rows of partition ${partition} are missing: of block ${block} up to offset ${reached}, of ` +
      `the next one from offset ${following} on`;
}

/**
 * What two looks find alike: rows that are written or removed meanwhile may look like damage to one.
 *
 * @param look returns what it finds first; undefined for nothing.
 */
export async function foundTwice<T>(look: () => Promise<T | undefined>): Promise<T | undefined> {
  const found = await look();
  if (found === undefined) return undefined;
  return JSON.stringify(await look()) === JSON.stringify(found) ? found : undefined;
}
