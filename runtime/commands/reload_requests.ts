import { basename, dirname, relative, sep } from "node:path";
import type { PluginFolder } from "../engine/plugin_folders.ts";
import type { Clock } from "../std/clock.ts";

/** An editor writes a file in several steps. */
const SETTLED_MS = 200;

/** What {@link reloadRequests} takes. */
export interface ReloadRequestsOptions {
  /** Folders whose files ask for a reload when they change. */
  readonly watched: readonly PluginFolder[];
  readonly clock: Clock;
}

/**
 * Yields the reasons to load the plugins again: `SIGHUP` and, where files are watched, the files that
 * changed, once none has changed for a moment. Reasons that come during a reload are one request.
 */
export async function* reloadRequests(
  { watched, clock }: ReloadRequestsOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const reasons = new Set<string>();
  let wake = () => {};
  const ask = (reason: string) => {
    reasons.add(reason);
    wake();
  };
  const hangup = () => ask("SIGHUP");
  const folders = watched.flatMap(({ dir, sqlFolder }) =>
    sqlFolder.startsWith(dir + sep) ? [dir] : [dir, sqlFolder]
  );
  const watcher = folders.length > 0 ? Deno.watchFs(folders) : null;
  const stop = () => {
    watcher?.close();
    wake();
  };
  signal.addEventListener("abort", stop, { once: true });
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", hangup);
  const following = watcher === null ? undefined : follow(watcher, folders, ask);
  try {
    while (!signal.aborted) {
      if (reasons.size === 0) {
        await new Promise<void>((resolve) => wake = resolve);
        if (signal.aborted) return;
        await clock.sleep(SETTLED_MS, signal);
        continue;
      }
      const asked = [...reasons].sort();
      reasons.clear();
      yield asked;
    }
  } finally {
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGHUP", hangup);
    signal.removeEventListener("abort", stop);
    if (!signal.aborted) watcher?.close();
    await following;
  }
}

async function follow(
  watcher: Deno.FsWatcher,
  folders: readonly string[],
  ask: (reason: string) => void,
): Promise<void> {
  for await (const { kind, paths } of watcher) {
    if (kind === "access") continue;
    for (const path of paths) {
      if (!/\.(tsx?|sql)$/.test(path)) continue;
      const folder = folders.find((folder) => path.startsWith(folder + sep));
      const name = folder === undefined ? basename(path) : relative(dirname(folder), path);
      ask(name.replaceAll("\\", "/"));
    }
  }
}
