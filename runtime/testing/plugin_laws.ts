/**
 * The parity law of plugins as tests, run by `twofold test`. Not a test of this project: the one
 * argument says, as JSON, which plugins.
 */
import { pathToFileURL } from "node:url";
import type { Plugin } from "../plugin.ts";
import { UserError } from "../std/errors.ts";
import { expectParity, type ParityRuns } from "./mod.ts";

/** What `twofold test` asks for. */
export interface PluginLaws extends ParityRuns {
  readonly plugins: readonly {
    /** The path of the plugin's module. */
    readonly file: string;
    readonly sqlFolder: string;
  }[];
}

const { plugins, ...runs }: PluginLaws = JSON.parse(Deno.args[0]);

for (const { file, sqlFolder } of plugins) {
  Deno.test(`${file}: both layers agree`, async () => {
    const { default: plugin }: { default?: Plugin } = await import(pathToFileURL(file).href);
    if (plugin?.measureColumns === undefined) {
      throw new UserError(`${file}: its default export must be what definePlugin() returns`);
    }
    await expectParity(plugin, { ...runs, sqlFolder });
  });
}
