/** Bundles islands by esbuild: for development and before a deployment, never while serving. */
import { build } from "./esbuild.ts";
import { basename, join, relative, resolve } from "node:path";
import { type Bundle, islandName, MANIFEST, siteFiles } from "kit/loading";

const ROOT = join(import.meta.dirname!, "..", "..");
const CLIENT = join(ROOT, "kit", "client.ts");
const RUNTIME = join(ROOT, "kit", "runtime.ts");

/** How sources are read and written, whatever for. */
export const language = {
  bundle: true,
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "silent",
  metafile: true,
  write: false,
} as const;

/**
 * Bundles the islands of a site by esbuild, which runs as a program of its own.
 *
 * @param root the folder of `islands/` and `routes/`.
 * @param options.minify default true.
 * @throws esbuild's errors for a source that cannot be bundled.
 */
export async function bundleIslands(
  root: string,
  options: { readonly minify?: boolean } = {},
): Promise<Bundle> {
  const { islands: files } = await siteFiles({ root });
  const { outputFiles, metafile } = await build({
    ...language,
    entryPoints: [CLIENT, ...files.map((file) => join(root, file))],
    alias: { "fresh/runtime": RUNTIME },
    absWorkingDir: ROOT,
    outdir: "/out",
    entryNames: "[name]-[hash]",
    chunkNames: "chunk-[hash]",
    splitting: true,
    minify: options.minify ?? true,
    platform: "browser",
    target: "es2022",
  });
  const outputs = Object.entries(metafile.outputs).map(([path, output]) => ({
    name: basename(path),
    entry: output.entryPoint === undefined ? null : resolve(ROOT, output.entryPoint),
    imports: output.imports.filter(({ kind }) => kind === "import-statement")
      .map(({ path }) => basename(path)),
  }));
  const islands = outputs.filter(({ entry }) => entry?.endsWith(".tsx"))
    .map(({ entry, name }) => [islandName(relative(root, entry!)), name] as const);
  return {
    files: new Map(outputFiles.map(({ path, contents }) => [basename(path), contents.slice()])),
    client: outputs.find(({ entry }) => entry === CLIENT)!.name,
    islands: new Map(islands),
    imports: new Map(outputs.map(({ name, imports }) => [name, imports])),
  };
}

/** Writes a bundle into a folder, which then holds nothing else. */
export async function writeBundle(bundle: Bundle, dir: string): Promise<void> {
  await Deno.remove(dir, { recursive: true }).catch(() => {});
  await Deno.mkdir(dir, { recursive: true });
  for (const [name, bytes] of bundle.files) await Deno.writeFile(join(dir, name), bytes);
  const { client, islands, imports } = bundle;
  const manifest = { client, islands: [...islands], imports: [...imports] };
  await Deno.writeTextFile(join(dir, MANIFEST), JSON.stringify(manifest));
}
