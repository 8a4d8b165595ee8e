/** The pages and islands of the checkout, bundled once per process. */
import { bundleIslands } from "kit/dev";
import { type BuildCache, loadBuildCache } from "kit/loading";
import { join } from "node:path";
import { notRoutes } from "../../routes/app.ts";

const root = join(import.meta.dirname!, "..", "..");
let loaded: Promise<BuildCache> | null = null;

/** Loads them. */
export function loadSite(): Promise<BuildCache> {
  return loaded ??= (async () => {
    const bundle = await bundleIslands(root);
    return await loadBuildCache({ root, bundle, ignore: notRoutes });
  })();
}
