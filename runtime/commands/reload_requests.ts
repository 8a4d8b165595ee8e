import { join, relative } from "node:path";
import type { Clock } from "../std/clock.ts";

const FOLDERS = ["plugins", "sql"];
/** An editor writes a file in several steps. */
const SETTLED_MS = 200;

/** What {@link reloadRequests} takes. */
export interface ReloadRequestsOptions {
  /** The folder that holds `plugins/` and `sql/`. */
  readonly root: string;
  /** Whether a file that changes asks for a reload. */
  readonly watches: boolean;
  readonly clock: Clock;
}

/**
 * Yields the reasons to load the plugins again: `SIGHUP` and, where files are watched, the files that
 * changed, once none has changed for a moment. Reasons that come during a reload are one request.
 */
export async function* reloadRequests(
  { root, watches, clock }: ReloadRequestsOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  const reasons = new Set<string>();
  let wake = () => {};
  const ask = (reason: string) => {
    reasons.add(reason);
    wake();
  };
  const hangup = () => ask("SIGHUP");
  const watcher = watches ? Deno.watchFs(FOLDERS.map((folder) => join(root, folder))) : null;
  const stop = () => {
    watcher?.close();
    wake();
  };
  signal.addEventListener("abort", stop, { once: true });
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", hangup);
  const following = watcher === null ? undefined : follow(watcher, root, ask);
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
  root: string,
  ask: (reason: string) => void,
): Promise<void> {
  for await (const { kind, paths } of watcher) {
    if (kind === "access") continue;
    for (const path of paths) {
      if (/\.(tsx?|sql)$/.test(path)) ask(relative(root, path).replaceAll("\\", "/"));
    }
  }
}
