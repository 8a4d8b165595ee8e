import type { EventSchema } from "../events.ts";
import type { SchemaChange } from "../model/schema_meaning.ts";
import type { Manifest, ObjectStore, QueryParams, StoredFile, Warehouse } from "../ports/ports.ts";
import { eventColumns, filesSql, letterColumns } from "./archive_relation.ts";
import type { FileChecks } from "./file_checks.ts";

/** Where the rows of archived ranges are looked at. */
export interface RangeParts {
  readonly schema: EventSchema;
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly checks: FileChecks;
}

/**
 * The ranges in which decoding again may change something: those with a dead letter whose fault is a
 * field that takes more now, and those with an event that may carry a new field in `raw`. Reads the
 * columns `field` and `raw` alone.
 *
 * @param manifests of one partition and kind, in the order of their offsets.
 * @throws DamagedError when a file is not as its manifest says.
 */
export async function rangesToRedecode(
  parts: RangeParts,
  manifests: readonly Manifest[],
  { added, widened }: SchemaChange,
): Promise<Set<Manifest>> {
  const { schema, store } = parts;
  // Earlier builds did not list dead letters: only decoding again gives them files that are listed.
  const found = new Set(
    manifests.filter(({ letters, deadLetters }) => letters === undefined && deadLetters > 0),
  );
  const note = async (
    files: readonly StoredFile[],
    columns: readonly (readonly [string, string])[],
    where: string,
    params: QueryParams,
  ) => {
    if (files.length === 0) return;
    // A damaged file would get a new hash, and then pass for right.
    await parts.checks.check(files);
    const starts = manifests.map(({ start }) => start);
    const rows = await parts.warehouse.query<{ place: number | string }>(
      `SELECT DISTINCT arrayLastIndex(start -> start <= offset, {starts:Array(UInt64)}) AS place
FROM ${filesSql(store, columns, files)} WHERE ${where}`,
      { params: { starts, ...params } },
    );
    for (const { place } of rows) found.add(manifests[Number(place) - 1]);
  };
  if (widened.length > 0) {
    const letters = manifests.flatMap(({ letters = [] }) => letters);
    await note(letters, letterColumns, "field IN {widened:Array(String)}", { widened });
  }
  if (added.length > 0) {
    const files = manifests.flatMap(({ files }) => files);
    // A name that is written with an escape has a backslash.
    const marks = ["\\", ...added.map((name) => `"${name}"`)];
    const has = marks.map((_, i) => `position(raw, {mark_${i}:String}) > 0`).join(" OR ");
    const params = Object.fromEntries(marks.map((mark, i) => [`mark_${i}`, mark]));
    await note(files, eventColumns(schema), `raw != '' AND (${has})`, params);
  }
  return new Set(manifests.filter((manifest) => found.has(manifest)));
}
