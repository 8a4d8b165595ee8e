import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "testing";
import { reloadRequests } from "../../runtime/commands/reload_requests.ts";
import { pluginFolders } from "../../runtime/engine/plugin_folders.ts";
import { systemClock } from "../../runtime/std/clock.ts";

describe("reloadRequests()", () => {
  let root: string;
  let stop: AbortController;
  beforeEach(async () => {
    root = await Deno.makeTempDir({ prefix: "twofold-watched-" });
    for (const folder of ["plugins/lib", "sql/batch", "mine/sql"]) {
      await Deno.mkdir(join(root, folder), { recursive: true });
    }
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await Deno.remove(root, { recursive: true });
  });
  const requests = (watches: boolean) => {
    const watched = watches
      ? [...pluginFolders(root), ...pluginFolders(root, [`${root}/mine`])]
      : [];
    const made = reloadRequests({ watched, clock: systemClock }, stop.signal);
    const next = async () => (await made.next()).value;
    return { made, next };
  };
  const write = (path: string) => Deno.writeTextFile(join(root, path), "x");

  it("names the files that changed, once they have settled, and no others", async () => {
    const { next } = requests(true);
    const first = next();
    await write("plugins/notes.txt");
    for (const path of ["plugins/b.ts", "plugins/a.ts", "plugins/a.ts"]) await write(path);
    expect(await first).toEqual(["plugins/a.ts", "plugins/b.ts"]);
    const second = next();
    await write("plugins/lib/limits.ts");
    await write("sql/batch/a.sql");
    await write("mine/c.ts");
    await write("mine/sql/c.sql");
    await Deno.remove(join(root, "plugins/b.ts"));
    expect(await second).toEqual([
      "mine/c.ts",
      "mine/sql/c.sql",
      "plugins/b.ts",
      "plugins/lib/limits.ts",
      "sql/batch/a.sql",
    ]);
  });

  it("keeps what comes while nobody listens for the next time", async () => {
    const { next } = requests(true);
    const first = next();
    await write("plugins/a.ts");
    await first;
    await write("plugins/b.ts");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await next()).toEqual(["plugins/b.ts"]);
  });

  it("tells of SIGHUP where no files are watched, and ends when it is told to", async () => {
    // Listening for signals keeps no process alive.
    const alive = setInterval(() => {}, 1000);
    const { made, next } = requests(false);
    const asked = next();
    await write("plugins/a.ts");
    Deno.kill(Deno.pid, "SIGHUP");
    expect(await asked).toEqual(["SIGHUP"]);
    const last = made.next();
    stop.abort();
    expect((await last).done).toBe(true);
    clearInterval(alive);
  });
});
