/** Bundles the islands into dist/client, from where the server takes them. Run by `deno task build`. */
import { bundleIslands, writeBundle } from "kit/dev";
import { join } from "node:path";

const root = join(import.meta.dirname!, "..");
const bundle = await bundleIslands(root);
await writeBundle(bundle, join(root, "dist", "client"));
Deno.exit(0); // esbuild's own process would keep this one.
