/**
 * What a power cut leaves of a folder, by the trace that faulty_disk.c wrote: bytes count as lost
 * that no successful sync covers, and so do names whose folder was not synced since. After a failed
 * sync bytes stay lost until they are written again, whatever is synced later. Names are lost until
 * their folder is synced: file systems that cannot write a folder take nothing more at all.
 */
import { dirname, join, relative } from "node:path";

interface Range {
  readonly from: number;
  readonly to: number;
}

/** What one file has that is not on the disk for certain. */
class Unsynced {
  /** Written, and not synced yet. */
  dirty: Range[] = [];
  /** By sync, what it covers while it is under way. */
  readonly underWay = new Map<string, Range[]>();
  /** What a failed sync left. */
  lost: Range[] = [];

  write(range: Range): void {
    this.lost = without(this.lost, range);
    for (const [sync, ranges] of this.underWay) this.underWay.set(sync, without(ranges, range));
    this.dirty = [...without(this.dirty, range), range];
  }

  begin(sync: string): void {
    this.underWay.set(sync, this.dirty);
    this.dirty = [];
  }

  end(sync: string, succeeded: boolean): void {
    if (!succeeded) this.lost.push(...this.underWay.get(sync)!);
    this.underWay.delete(sync);
  }

  all(): Range[] {
    return [...this.dirty, ...[...this.underWay.values()].flat(), ...this.lost];
  }
}

/**
 * Applies a power cut to a copy of a folder.
 *
 * @param folder the one that was watched; `copy` holds its files as they stand.
 * @param chance a number in `[0, 1)`: half of the files lose what was written and not synced.
 */
export function cutPower(
  trace: string,
  folder: string,
  copy: string,
  chance: () => number,
): void {
  const { files, names } = unsyncedOf(trace);
  const inCopy = (path: string) => join(copy, relative(folder, path));
  for (const [path, unsynced] of files) {
    const ranges = chance() < 0.5 ? unsynced.all() : unsynced.lost;
    zero(inCopy(path), ranges);
  }
  for (const path of names) remove(inCopy(path));
}

function unsyncedOf(trace: string): { files: Map<string, Unsynced>; names: Set<string> } {
  const files = new Map<string, Unsynced>();
  /** Names that are not on the disk, with the sync that is about to put them there. */
  const names = new Map<string, string | null>();
  const syncs = new Map<string, string>();
  const file = (path: string) => {
    if (!files.has(path)) files.set(path, new Unsynced());
    return files.get(path)!;
  };
  for (const line of trace.split("\n")) {
    const [what, ...words] = line.split(" ");
    switch (what) {
      case "name":
        names.set(words[0], null);
        break;
      case "write":
        file(words[2]).write({ from: Number(words[0]), to: Number(words[1]) });
        break;
      case "truncate":
        file(words[1]).write({ from: Number(words[0]), to: Infinity });
        file(words[1]).dirty.pop();
        break;
      case "sync": {
        const [sync, path] = words;
        syncs.set(sync, path);
        file(path).begin(sync);
        for (const [name, by] of names) {
          if (dirname(name) === path && by === null) names.set(name, sync);
        }
        break;
      }
      case "synced":
      case "unsynced": {
        const [sync] = words;
        file(syncs.get(sync)!).end(sync, what === "synced");
        for (const [name, by] of names) {
          if (by !== sync) continue;
          if (what === "synced") names.delete(name);
          else names.set(name, null);
        }
        break;
      }
      case "rename":
      case "link": {
        const [from, to] = words;
        files.set(to, file(from));
        names.set(to, null);
        if (what === "rename") [names, files].forEach((of) => of.delete(from));
        break;
      }
      case "unlink":
        files.delete(words[0]);
        names.delete(words[0]);
        break;
    }
  }
  return { files, names: new Set(names.keys()) };
}

function without(ranges: readonly Range[], { from, to }: Range): Range[] {
  return ranges.flatMap((range) => [
    { from: range.from, to: Math.min(range.to, from) },
    { from: Math.max(range.from, to), to: range.to },
  ]).filter((range) => range.from < range.to);
}

function zero(path: string, ranges: readonly Range[]): void {
  if (ranges.length === 0) return;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) return;
    throw error;
  }
  const { size } = file.statSync();
  for (const { from, to } of ranges) {
    file.seekSync(from, Deno.SeekMode.Start);
    if (from < size) file.writeSync(new Uint8Array(Math.min(to, size) - from));
  }
  file.close();
}

function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
