/**
 * Reports every fault of the plugins and catalogs, and of schemas over the archive that the settings
 * name, as a start does; exits with 1 when there is one.
 */
import { resolve } from "node:path";
import { inspectDeclarations, inspectSchemas } from "../runtime/engine/inspect_declarations.ts";
import { readConfig } from "../runtime/settings/config.ts";
import { systemClock } from "../runtime/std/clock.ts";
import { findLibrary } from "../runtime/warehouse/libchdb.ts";

const root = resolve(Deno.args[0] ?? resolve(import.meta.dirname!, ".."));
const config = readConfig({ command: "start", env: Deno.env.toObject() });
const { faults: declared } = await inspectDeclarations(root, config.pluginDirs, findLibrary());
const faults = [...declared, ...await inspectSchemas(root, config, systemClock)];
for (const fault of faults) console.error(fault);
Deno.exit(faults.length === 0 ? 0 : 1);
