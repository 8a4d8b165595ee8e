/**
 * Where catalogs are kept: each put is an immutable, numbered object of NDJSON, and the greatest
 * number stands. So the warehouse can be lost, and two processes that put at once cannot mix rows.
 */
import { crc32 } from "node:zlib";
import { DamagedError, ExternalError, messageOf } from "../std/errors.ts";
import type { ObjectStore } from "../ports/ports.ts";
import type { CatalogRow } from "./catalog_rows.ts";

/** One version of a catalog. */
export interface CatalogVersion {
  /** 0 when it was never put. */
  readonly number: number;
  /** When it was put, ISO 8601. */
  readonly updated: string | null;
  readonly rows: readonly CatalogRow[];
}

/** What {@link loadNewest} finds where nothing was put. */
export const noVersion: CatalogVersion = { number: 0, updated: null, rows: [] };

/** Versions kept: the one that stands, and the one that a reader may just be loading. */
const KEPT_VERSIONS = 2;
const MAX_ATTEMPTS = 20;

const prefixOf = (catalog: string) => `catalogs/${catalog}/`;
const nameOf = (catalog: string, number: number) =>
  `${prefixOf(catalog)}${String(number).padStart(10, "0")}.ndjson`;

async function numbers(store: ObjectStore, catalog: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of store.list(prefixOf(catalog))) {
    const match = /\/(\d{10})\.ndjson$/.exec(name);
    if (match) found.push(Number(match[1]));
  }
  return found;
}

/** The newest number of a catalog; 0 when it was never put. */
export async function newestNumber(store: ObjectStore, catalog: string): Promise<number> {
  return (await numbers(store, catalog)).at(-1) ?? 0;
}

/**
 * Loads the version that stands.
 *
 * @throws {DamagedError} naming the object, when it is not what was put. Versions of earlier builds
 * have no checksum.
 */
export async function loadNewest(store: ObjectStore, catalog: string): Promise<CatalogVersion> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const number = await newestNumber(store, catalog);
    if (number === 0) return noVersion;
    const bytes = await store.get(nameOf(catalog, number));
    // Removed in between: a newer one stands by now.
    if (bytes === null) continue;
    return { number, ...decode(nameOf(catalog, number), bytes) };
  }
  throw new ExternalError(`Cannot load catalog "${catalog}": its versions keep vanishing`);
}

/** The catalogs that the store has. */
export async function storedCatalogs(store: ObjectStore): Promise<string[]> {
  const names = new Set<string>();
  for await (const { name } of store.list("catalogs/")) names.add(name.split("/")[1]);
  return [...names];
}

function decode(name: string, bytes: Uint8Array): Omit<CatalogVersion, "number"> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const [head, ...lines] = text.trimEnd().split("\n");
    const { updated, checksum } = JSON.parse(head) as { updated: string; checksum?: number };
    if (checksum !== undefined && checksum !== checksumOf(updated, lines)) {
      throw new TypeError("its checksum is another");
    }
    return { updated, rows: lines.map((line) => JSON.parse(line)) };
  } catch (cause) {
    throw new DamagedError(name, `it is not what was put: ${messageOf(cause)}`, { cause });
  }
}

const checksumOf = (updated: string, lines: readonly string[]) =>
  crc32([updated, ...lines].join("\n"));

/** Stores rows as the version that stands from now on. */
export async function storeVersion(
  store: ObjectStore,
  catalog: string,
  rows: readonly CatalogRow[],
  updated: string,
): Promise<CatalogVersion> {
  const lines = rows.map((row) => JSON.stringify(row));
  const head = JSON.stringify({ updated, checksum: checksumOf(updated, lines) });
  const bytes = new TextEncoder().encode([head, ...lines].join("\n") + "\n");
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const known = await numbers(store, catalog);
    const number = (known.at(-1) ?? 0) + 1;
    if (!await store.put(nameOf(catalog, number), bytes, { ifAbsent: true })) continue;
    for (const old of known.slice(0, -(KEPT_VERSIONS - 1))) {
      await store.remove(nameOf(catalog, old));
    }
    return { number, updated, rows };
  }
  throw new ExternalError(`Cannot put catalog "${catalog}": others kept putting it`);
}
