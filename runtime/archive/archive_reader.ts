import { ExternalError } from "../errors.ts";
import { clickHouseType, type EventSchema } from "../events.ts";
import type { Cut } from "../frontier.ts";
import type { ArchiveReader, Manifest, ObjectStore } from "../ports.ts";
import { beforeManifest, parseManifestName, partitionFolder } from "./archive_names.ts";
import { decodeManifest } from "./manifest.ts";
import { ManifestChain } from "./manifest_chain.ts";

/** Options of {@link openArchiveReader}. */
export interface ArchiveReaderOptions {
  readonly schema: EventSchema;
  readonly store: ObjectStore;
}

/** Manifests fetched side by side. */
const FETCHES = 16;

/** Above so many days one `*` and a condition are cheaper than their names. */
const MAX_NAMED_DAYS = 366;

/**
 * Opens the archive of a topic for reading, over all logs that it has had.
 *
 * @example
 * ```ts
 * import { openArchiveReader } from "./archive_reader.ts";
 * import { defineSchema, instant, string } from "../events.ts";
 * import type { ObjectStore } from "../ports.ts";
 * const store = { async *list() {} } as unknown as ObjectStore;
 * const reader = openArchiveReader({
 *   store,
 *   schema: defineSchema({
 *     topic: "t", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *     fields: { id: string(), at: instant() },
 *   }),
 * });
 * if (Object.keys(await reader.frontier()).length !== 0) throw new Error("unexpected");
 * ```
 */
export function openArchiveReader({ schema, store }: ArchiveReaderOptions): ArchiveReader {
  const chain = new ManifestChain(schema.topic, store);
  let looking: Promise<void> | null = null;
  return {
    async frontier() {
      // Callers that ask at once share one look.
      looking ??= chain.look().finally(() => looking = null);
      await looking;
      return cutOf(chain);
    },
    manifests: (base, cut) => readManifests(schema.topic, store, base, cut),
    relation: (days) => relationSql(schema, store, days),
  };
}

function cutOf(chain: ManifestChain): Cut {
  const cut: Record<string, bigint[]> = {};
  for (const { log, partition, position } of chain.chains()) {
    const offsets = cut[log] ??= [];
    while (offsets.length <= partition) offsets.push(0n);
    offsets[partition] = position;
  }
  return cut;
}

async function* readManifests(
  topic: string,
  store: ObjectStore,
  base: Cut,
  cut: Cut,
): AsyncGenerator<Manifest> {
  for (const log of Object.keys(cut).sort()) {
    for (const [partition, end] of cut[log].entries()) {
      const start = base[log]?.[partition] ?? 0n;
      if (start >= end) continue;
      const names: string[] = [];
      const folder = partitionFolder(topic, log, partition);
      const after = beforeManifest(topic, log, partition, start);
      for await (const { name } of store.list(folder, after)) {
        const block = parseManifestName(topic, name);
        if (!block) continue;
        if (block.start >= end) break;
        if (block.end <= end) names.push(name);
      }
      for (let first = 0; first < names.length; first += FETCHES) {
        const some = names.slice(first, first + FETCHES);
        yield* await Promise.all(some.map((name) => readManifest(store, name)));
      }
    }
  }
}

async function readManifest(store: ObjectStore, name: string): Promise<Manifest> {
  const bytes = await store.get(name);
  if (bytes) return decodeManifest(bytes, name);
  throw new ExternalError(`Cannot read manifest "${name}": it was listed and is not there`);
}

function relationSql(
  schema: EventSchema,
  store: ObjectStore,
  days: readonly string[] | null,
): string {
  const columns: [name: string, type: string][] = [
    ["event_time", "DateTime64(9, 'UTC')"],
    ...schema.fieldNames.filter((name) => name !== schema.eventTime)
      .map((name): [string, string] => [name, clickHouseType(schema.fields[name])]),
    ["log", "String"],
    ["partition", "UInt32"],
    ["offset", "UInt64"],
    ["append_time", "DateTime64(3, 'UTC')"],
    ["raw", "String"],
  ];
  const structure = columns.map(([name, type]) => `${name} ${type}`).join(", ");
  const names = columns.map(([name]) => name).join(", ");
  if (days?.length === 0) {
    const empty = columns.map(([name, type]) =>
      `CAST(defaultValueOfTypeName('${type.replace(/[\\']/g, "\\$&")}') AS ${type}) AS ${name}`
    );
    return `(SELECT ${empty.join(", ")} WHERE 0)`;
  }
  for (const day of days ?? []) {
    if (!/^\d{4}-\d\d-\d\d$/.test(day)) {
      throw new TypeError(`Cannot read the archive: a day must be like 2013-07-20, got "${day}"`);
    }
  }
  const named = days !== null && days.length <= MAX_NAMED_DAYS;
  const dayGlob = !named ? "*" : days.length === 1 ? days[0] : `{${days.join(",")}}`;
  const glob = `${schema.topic}/events/dt=${dayGlob}/*.parquet`;
  const where = days !== null && !named
    ? ` WHERE toDate(event_time) IN (${days.map((day) => `'${day}'`).join(", ")})`
    : "";
  return `(SELECT ${names} FROM ${store.tableFunction(glob, structure)}${where})`;
}
