/**
 * The runtime's modules under test, loaded from a folder: the project itself, or a copy of it in
 * which one line is wrong on purpose.
 */
import { copy } from "./copy_tree.ts";

const root = new URL("../../../", import.meta.url);

/** Loads the modules that the parity world is made of. */
export async function loadEngine(base: URL = root) {
  const at = <T>(path: string) => import(new URL(path, base).href) as Promise<T>;
  const [
    decoder,
    flusher,
    ledger,
    pipeline,
    plugin,
    recentBlocks,
    recentRows,
    resume,
    expireBlocks,
    tablePositions,
    wholeWindows,
    archiver,
    compactor,
    reader,
    records,
    identity,
    batch,
    serving,
    contract,
  ] = await Promise.all([
    at<typeof import("../../../runtime/decode/decoder.ts")>("runtime/decode/decoder.ts"),
    at<typeof import("../../../runtime/speed/flusher.ts")>("runtime/speed/flusher.ts"),
    at<typeof import("../../../runtime/speed/ledger.ts")>("runtime/speed/ledger.ts"),
    at<typeof import("../../../runtime/speed/partition_pipeline.ts")>(
      "runtime/speed/partition_pipeline.ts",
    ),
    at<typeof import("../../../runtime/speed/plugin_partition.ts")>(
      "runtime/speed/plugin_partition.ts",
    ),
    at<typeof import("../../../runtime/speed/recent_blocks.ts")>(
      "runtime/speed/recent_blocks.ts",
    ),
    at<typeof import("../../../runtime/speed/recent_rows.ts")>("runtime/speed/recent_rows.ts"),
    at<typeof import("../../../runtime/speed/resume.ts")>("runtime/speed/resume.ts"),
    at<typeof import("../../../runtime/speed/expire_blocks.ts")>(
      "runtime/speed/expire_blocks.ts",
    ),
    at<typeof import("../../../runtime/speed/table_positions.ts")>(
      "runtime/speed/table_positions.ts",
    ),
    at<typeof import("../../../runtime/speed/whole_windows.ts")>(
      "runtime/speed/whole_windows.ts",
    ),
    at<typeof import("../../../runtime/archive/archiver.ts")>("runtime/archive/archiver.ts"),
    at<typeof import("../../../runtime/archive/compactor.ts")>("runtime/archive/compactor.ts"),
    at<typeof import("../../../runtime/archive/archive_reader.ts")>(
      "runtime/archive/archive_reader.ts",
    ),
    at<typeof import("../../../runtime/archive/archived_records.ts")>(
      "runtime/archive/archived_records.ts",
    ),
    at<typeof import("../../../runtime/decode/identity.ts")>("runtime/decode/identity.ts"),
    at<typeof import("../../../runtime/batch/batch_layer.ts")>("runtime/batch/batch_layer.ts"),
    at<typeof import("../../../runtime/serving/serving.ts")>("runtime/serving/serving.ts"),
    at<typeof import("../../../runtime/plugin.ts")>("runtime/plugin.ts"),
  ]);
  return {
    ...decoder,
    ...flusher,
    ...ledger,
    ...pipeline,
    ...plugin,
    ...recentBlocks,
    ...recentRows,
    ...resume,
    ...expireBlocks,
    ...tablePositions,
    ...wholeWindows,
    ...archiver,
    ...compactor,
    ...reader,
    ...records,
    ...identity,
    ...batch,
    ...serving,
    columnsOfMeasures: contract.columnsOfMeasures,
  };
}

/** The modules of {@link loadEngine}. */
export type EngineModules = Awaited<ReturnType<typeof loadEngine>>;

/** One deliberate fault: in `file`, the text `find` (which occurs once) becomes `replace`. */
export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Loads a mutant, see {@link makeMutant}. */
export async function loadMutant(name: string, patches: readonly Patch[]): Promise<EngineModules> {
  return await loadEngine(await makeMutant(name, patches));
}

/**
 * Makes a mutant: a copy of the runtime with the patches applied.
 *
 * @returns the folder that holds it in place of the project.
 * @throws Error when a patch does not apply: the code has changed and the mutant with it.
 */
export async function makeMutant(name: string, patches: readonly Patch[]): Promise<URL> {
  const base = new URL(`.mutants/${name}/`, root);
  await Deno.remove(base, { recursive: true }).catch(() => {});
  await copy(new URL("runtime/", root), new URL("runtime/", base));
  for (const { file, find, replace } of patches) {
    const path = new URL(file, base);
    const text = await Deno.readTextFile(path);
    if (text.split(find).length !== 2) {
      throw new Error(`Cannot make mutant "${name}": ${file} must hold this once:\n${find}`);
    }
    await Deno.writeTextFile(path, text.replace(find, () => replace));
  }
  return base;
}
