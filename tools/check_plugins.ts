/** Reports every fault of the plugins and catalogs, as a start does; exits with 1 when there is one. */
import { resolve } from "node:path";
import { inspectDeclarations } from "../runtime/engine/inspect_declarations.ts";
import { findLibrary } from "../runtime/warehouse/libchdb.ts";

const root = resolve(Deno.args[0] ?? resolve(import.meta.dirname!, ".."));
const { faults } = await inspectDeclarations(root, findLibrary());
for (const fault of faults) console.error(fault);
Deno.exit(faults.length === 0 ? 0 : 1);
