/** Who gets what of a topic: decided by the group's leader, from what every member tells of itself. */

/** What falls to a member. */
export interface Share {
  readonly speed: readonly number[];
  readonly archive: readonly number[];
  readonly batch: boolean;
}

/** A member of the group. */
export interface Member {
  readonly id: string;
  /** What it can do. */
  readonly roles: readonly string[];
  /** What it has at the moment, and would rather keep. */
  readonly has: Share;
}

/**
 * Shares partitions out so that each falls to one member of each role, members of a role have equally
 * many (or one more), and as many as possible stay where they are. A partition is archived where its
 * windows are computed, if that member can: it is then read once. The same members in any order get
 * the same.
 *
 * @returns by member.
 */
export function assign(
  members: readonly Member[],
  partitionCount: number,
): ReadonlyMap<string, Share> {
  const sorted = [...members].sort((a, b) => a.id < b.id ? -1 : 1);
  const of = (role: string) => sorted.filter(({ roles }) => roles.includes(role));
  const ownerOf = (role: "speed" | "archive", partition: number) =>
    sorted.find(({ has }) => has[role].includes(partition))?.id;
  const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);
  const speed = shareOut(of("speed"), partitions, (partition) => ownerOf("speed", partition));
  const archivers = of("archive");
  const archive = shareOut(archivers, partitions, (partition) => {
    const id = speed[partition];
    return archivers.some((member) => member.id === id) ? id : ownerOf("archive", partition);
  });
  const runners = of("batch");
  const batch = (runners.find(({ has }) => has.batch) ?? runners[0])?.id;
  return new Map(sorted.map(({ id }) => [id, {
    speed: partitions.filter((partition) => speed[partition] === id),
    archive: partitions.filter((partition) => archive[partition] === id),
    batch: id === batch,
  }]));
}

/** @returns by partition, who gets it; undefined where there is nobody. */
function shareOut(
  members: readonly Member[],
  partitions: readonly number[],
  wishedBy: (partition: number) => string | undefined,
): (string | undefined)[] {
  const owners: (string | undefined)[] = partitions.map(() => undefined);
  if (members.length === 0) return owners;
  const each = Math.floor(partitions.length / members.length);
  let more = partitions.length % members.length;
  const loads = new Map(members.map(({ id }) => [id, 0]));
  const give = (partition: number, id: string) => {
    owners[partition] = id;
    loads.set(id, loads.get(id)! + 1);
  };
  for (const partition of partitions) {
    const id = wishedBy(partition);
    const load = id === undefined ? undefined : loads.get(id);
    if (id === undefined || load === undefined || load > each || load === each && more === 0) {
      continue;
    }
    if (load === each) more--;
    give(partition, id);
  }
  for (const partition of partitions) {
    if (owners[partition] !== undefined) continue;
    const [id] = [...loads].reduce((least, other) => other[1] < least[1] ? other : least);
    give(partition, id);
  }
  return owners;
}
