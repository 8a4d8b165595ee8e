/**
 * The file-system trial. Each seed writes to a log and to an object store whose disk fails some
 * calls, then cuts the power, and looks whether all that was acknowledged is there.
 *
 * To be run as a program of its own, with faulty_disk.so preloaded:
 * `trial.ts <faulty_disk.so> <base of the runtime> <seed>...`. Prints one line of JSON
 * per seed: what failed, and what was found wrong.
 */
import { join } from "node:path";
import type { EventLog, ObjectStore } from "../../../runtime/ports/ports.ts";
import { random } from "../../../plugins/viewing/chance.ts";
import { readValues, records } from "../log_reading.ts";
import { cutPower } from "./power_cut.ts";

const [library, base, ...seeds] = Deno.args;
const at = <T>(path: string) => import(new URL(path, base).href) as Promise<T>;
const { openSqliteLog } = await at<typeof import("../../../runtime/log/sqlite_log.ts")>(
  "runtime/log/sqlite_log.ts",
);
const { openLocalStore } = await at<typeof import("../../../runtime/archive/local_store.ts")>(
  "runtime/archive/local_store.ts",
);

const disk = Deno.dlopen(library, {
  disk_watch: { parameters: ["buffer", "buffer"], result: "void" },
  disk_arm: { parameters: ["u32", "i32", "i32", "i32"], result: "void" },
}).symbols;
const text = (value: string) => new TextEncoder().encode(`${value}\0`);

const EIO = 5, ENOSPC = 28, EROFS = 30, ALWAYS = 1_000_000;
const OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, TRUNCATE = 16, MAKE = 32;

/** What may go wrong with a disk: of the calls, one among the first begins to fail. */
const FAULTS = [
  { name: "one sync fails", kinds: SYNC, error: EIO, among: 30, times: 1 },
  { name: "all syncs fail", kinds: SYNC, error: EIO, among: 30, times: ALWAYS },
  { name: "one write fails", kinds: WRITE, error: EIO, among: 60, times: 1 },
  { name: "some writes fail", kinds: WRITE, error: EIO, among: 60, times: 5 },
  {
    name: "the disk is full for a while",
    kinds: WRITE | MAKE,
    error: ENOSPC,
    among: 60,
    times: 10,
  },
  { name: "one file is not opened", kinds: OPEN, error: EIO, among: 10, times: 1 },
  { name: "one name is not given", kinds: RENAME, error: EIO, among: 10, times: 1 },
  { name: "one file is not cut", kinds: TRUNCATE, error: EIO, among: 4, times: 1 },
  {
    name: "the disk is read-only",
    kinds: OPEN | WRITE | RENAME | TRUNCATE | MAKE,
    error: EROFS,
    among: 60,
    times: ALWAYS,
  },
] as const;

const MOST_STEPS = 20;
/** Enough for a checkpoint after a few of them; it writes anew what a failed sync left. */
const LARGE_BYTES = 1_000_000, LARGE_SHARE = 0.1;

interface Disk {
  readonly log: EventLog;
  readonly store: ObjectStore;
}

class Trial {
  readonly found: string[] = [];
  readonly #chance: () => number;
  readonly #attempted = new Set<string>();
  readonly #acknowledged: string[] = [];
  readonly #stored = new Map<string, string>();
  #failed = false;
  #failures = 0;
  #serial = 0;

  constructor(readonly seed: number, readonly folder: string) {
    this.#chance = random(seed);
  }

  async run(): Promise<{ fault: string; failures: number }> {
    const trace = join(this.folder, "trace");
    const folder = join(this.folder, "disk");
    await Deno.mkdir(folder);
    disk.disk_watch(text(folder), text(trace));
    const fault = FAULTS[this.seed % FAULTS.length];
    const arm = () =>
      disk.disk_arm(
        fault.kinds,
        fault.error,
        Math.floor(this.#chance() * fault.among),
        fault.times,
      );
    const early = this.#chance() < 0.2;
    if (early) arm();
    let opened = await this.#open(folder);
    if (!early) arm();
    for (let step = Math.floor(this.#chance() * MOST_STEPS); step >= 0; step--) {
      await this.#step(opened);
      if (!this.#failed || this.#chance() < 0.7) continue;
      // Somebody has seen to the disk, and starts again.
      disk.disk_arm(0, 0, 0, 0);
      await opened.log.close();
      opened = await this.#open(folder);
      this.#failed = false;
    }
    const copy = join(this.folder, "copy");
    // All at one moment: a checkpoint may be under way.
    copyFolder(folder, copy);
    cutPower(Deno.readTextFileSync(trace), folder, copy, this.#chance);
    disk.disk_arm(0, 0, 0, 0);
    await opened.log.close();
    await this.#afterPowerCut(copy);
    return { fault: fault.name, failures: this.#failures };
  }

  /** Opens both, and tries again with a whole disk where that fails. */
  async #open(folder: string): Promise<Disk> {
    try {
      return await this.#openOnce(folder);
    } catch {
      disk.disk_arm(0, 0, 0, 0);
      return await this.#openOnce(folder);
    }
  }

  async #openOnce(folder: string): Promise<Disk> {
    const log = openSqliteLog({
      path: join(folder, "log.sqlite"),
      topic: "views",
      partitions: 1,
      clock: { now: () => 0 },
      onFailed: () => {
        this.#failed = true;
        this.#failures++;
      },
    });
    try {
      return { log, store: await openLocalStore(folder) };
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  async #step({ log, store }: Disk): Promise<void> {
    const wasFailed = this.#failed;
    const acts = Array.from({ length: 1 + Math.floor(this.#chance() * 3) }, () => {
      const value = `${this.#serial++}:${
        "x".repeat(this.#chance() < LARGE_SHARE ? LARGE_BYTES : 10)
      }.`;
      this.#attempted.add(value);
      return this.#chance() < 0.7 ? this.#append(log, value) : this.#put(store, value);
    });
    const [taken] = await Promise.all([Promise.all(acts)]);
    if (wasFailed && taken.includes("appended")) this.found.push("a failed log took an event");
    const read = await readValues(log, 0);
    if (this.#acknowledged.some((value) => !read.includes(value))) {
      this.found.push("an acknowledged event cannot be read");
    }
  }

  async #append(log: EventLog, value: string): Promise<string> {
    try {
      await log.append(records(["k", value]));
      this.#acknowledged.push(value);
      return "appended";
    } catch (error) {
      return this.#refused(error);
    }
  }

  async #put(store: ObjectStore, value: string): Promise<string> {
    const name = `objects/${value.split(":")[0]}`;
    const ifAbsent = this.#chance() < 0.5;
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        if (await store.put(name, new TextEncoder().encode(value), { ifAbsent })) {
          this.#stored.set(name, value);
          return "put";
        }
        this.found.push(`${name} was taken, though no put had succeeded`);
      } catch (error) {
        this.#refused(error);
      }
    }
    return "refused";
  }

  #refused(error: unknown): string {
    const expected = error instanceof Error &&
      ["ExternalError", "LogFailedError"].includes(error.name);
    if (!expected) this.found.push(`an error of another kind: ${error}`);
    return "refused";
  }

  async #afterPowerCut(copy: string): Promise<void> {
    const { log, store } = await this.#openOnce(copy);
    const read = await readValues(log, 0);
    const lost = this.#acknowledged.filter((value) => !read.includes(value));
    if (lost.length > 0) this.found.push(`${lost.length} acknowledged events are lost`);
    const unknown = read.filter((value) => !this.#attempted.has(value));
    if (unknown.length > 0) this.found.push(`${unknown.length} events are torn`);
    if (new Set(read).size !== read.length) this.found.push("events are there twice");
    for (const [name, value] of this.#stored) {
      const bytes = await store.get(name);
      if (bytes === null) this.found.push(`${name} is lost`);
      else if (new TextDecoder().decode(bytes) !== value) this.found.push(`${name} is torn`);
    }
    await log.append(records(["k", "after"]));
    await log.close();
  }
}

function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

/** Syncs of a real disk take most of the time, and nothing here depends on them. */
const inMemory = await Deno.stat("/dev/shm").then(() => "/dev/shm", () => undefined);

for (const seed of seeds.map(Number)) {
  const folder = await Deno.realPath(await Deno.makeTempDir({ dir: inMemory }));
  const trial = new Trial(seed, folder);
  const outcome = await trial.run().catch((error) => {
    trial.found.push(String(error?.stack ?? error));
    return { fault: FAULTS[seed % FAULTS.length].name, failures: 0 };
  });
  console.log(JSON.stringify({ seed, ...outcome, found: trial.found }));
  await Deno.remove(folder, { recursive: true });
}
