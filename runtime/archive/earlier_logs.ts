/** What the archive knows of a topic's earlier logs, which the speed layer does not read. */
import { type Cut, encodeFrontier } from "../model/frontier.ts";
import type { ArchiveReader } from "../ports/ports.ts";

/**
 * Finds the greatest event time below a cut in all logs but one, in milliseconds since 1970 UTC; -1
 * without any. It reads their manifests once per cut, which rarely changes.
 */
export function earlierLogs(
  archive: Pick<ArchiveReader, "manifests">,
  logId: string,
): (cut: Cut) => Promise<number> {
  let known: { readonly of: string; readonly lastMs: Promise<number> } | null = null;
  return (cut) => {
    const earlier = Object.fromEntries(Object.entries(cut).filter(([log]) => log !== logId));
    const of = encodeFrontier(earlier);
    if (known?.of === of) return known.lastMs;
    const lastMs = lastEventMs(archive, earlier);
    const asked = known = { of, lastMs };
    lastMs.catch(() => {
      if (known === asked) known = null;
    });
    return lastMs;
  };
}

async function lastEventMs(archive: Pick<ArchiveReader, "manifests">, cut: Cut): Promise<number> {
  let lastMs = -1;
  for await (const { eventMs } of archive.manifests({}, cut)) {
    lastMs = Math.max(lastMs, eventMs?.[1] ?? -1);
  }
  return lastMs;
}
