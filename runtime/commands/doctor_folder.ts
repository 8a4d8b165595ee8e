/** Whether the data folder can be used. */
import { statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { DATA_FORMAT, readInfo } from "../engine/data_folder.ts";
import { type Check, failed, fine } from "../ports/check.ts";
import { messageOf } from "../std/errors.ts";
import type { Owner } from "./world.ts";

const MIB = 2 ** 20;
/** A batch run that spills, a compaction and the log's growth want room. */
const ENOUGH_BYTES = 2048 * MIB;
const LEAST_BYTES = 256 * MIB;

/** Checks of the data folder: whose it is, what it holds, whether it can be written, free space. */
export async function* folderChecks(
  { dataDir }: Pick<Config, "dataDir">,
  owner: Owner | null,
  clock: Clock,
): AsyncGenerator<Check> {
  const dir = resolve(dataDir);
  const absent: string[] = [];
  for (let at = dir; await isAbsent(at); at = dirname(at)) absent.push(at);
  yield await formatCheck(dir, absent.length === 0, owner, clock);
  yield await writeCheck(dir);
  if (!await isAbsent(dir)) yield await spaceCheck(dir);
  // A process that has started meanwhile has put its files there.
  for (const made of absent) await Deno.remove(made).catch(() => {});
}

async function isAbsent(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => false, (error) => error instanceof Deno.errors.NotFound);
}

async function formatCheck(
  dir: string,
  present: boolean,
  owner: Owner | null,
  clock: Clock,
): Promise<Check> {
  if (!present) return fine("folder", `${dir} is not there yet: it is made at the first start`);
  const check = "folder";
  try {
    const info = await readInfo(dir);
    if (info === null) return await strangeFolder(dir);
    if (info.formatVersion > DATA_FORMAT) {
      return {
        check,
        state: "fail",
        advice: "use a newer version of Twofold",
        found: `${dir} is of format ${info.formatVersion}, this version knows ${DATA_FORMAT}`,
      };
    }
    if (Date.parse(info.started) > clock.now()) {
      return {
        check,
        state: "warn",
        advice: "see whether the machine's clock is right",
        found: `${dir} was opened at ${info.started}, which is yet to come`,
      };
    }
    const whose = owner === null ? "no process owns it" : `owned by process ${owner.pid}`;
    return fine(check, `${dir}, format ${info.formatVersion}, ${whose}`);
  } catch (error) {
    return failed(check, error, "see docs/operations.md, The data folder");
  }
}

/** A folder that Twofold never opened: what is in it is somebody else's. */
async function strangeFolder(dir: string): Promise<Check> {
  for await (const { name } of Deno.readDir(dir)) {
    return {
      check: "folder",
      state: "warn",
      advice: "give Twofold a folder of its own: --data",
      found: `${dir} is no data folder, and there is ${name} in it`,
    };
  }
  return fine("folder", `${dir} is empty`);
}

/**
 * Makes the folder, writes a file and removes it: nothing else tells for sure (quotas, read-only
 * mounts). Deno may permit writing to this folder only, so the one above cannot stand for it.
 */
async function writeCheck(dir: string): Promise<Check> {
  const probe = join(dir, `.doctor-${crypto.randomUUID()}`);
  try {
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(probe, "twofold\n", { createNew: true });
    await Deno.remove(probe);
    return fine("writable", dir);
  } catch (error) {
    return {
      check: "writable",
      state: "fail",
      found: `cannot write to ${dir}: ${messageOf(error)}`,
      advice: "give this user the folder, or another one: --data",
    };
  }
}

async function spaceCheck(dir: string): Promise<Check> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const found = `${(free / 1024 / MIB).toFixed(1)} GiB free`;
  if (free >= ENOUGH_BYTES) return fine("disk", found);
  const state = free < LEAST_BYTES ? "fail" : "warn";
  return { check: "disk", state, found, advice: "make room, or keep less: --log-retention" };
}
