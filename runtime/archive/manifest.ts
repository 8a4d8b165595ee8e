import { writeJson } from "../ports/stored_json.ts";
import { createHash } from "node:crypto";
import { DamagedError, ExternalError } from "../std/errors.ts";
import type { ArchivedTick, ArchiveFile, Manifest, StoredFile } from "../ports/ports.ts";
import type { ManifestKind } from "./archive_names.ts";

/** The SHA-256 of a file, in hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** {@link sha256} of a file so large that others would wait for it: on another thread. */
export async function sha256Aside(bytes: Uint8Array): Promise<string> {
  const unshared = bytes as Uint8Array<ArrayBuffer>;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", unshared)).toHex();
}

/**
 * A manifest as JSON; offsets are texts, because they may pass 2⁵³. The last member is the hash of
 * all others. The same manifest gives the same bytes.
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const members = membersOf(manifest);
  return writeJson({ ...members, checksum: sha256(writeJson(members)) });
}

function membersOf(manifest: Manifest): Record<string, unknown> {
  const { log, partition, start, end, records, events, deadLetters } = manifest;
  return {
    version: 1,
    decoding: manifest.decoding,
    log,
    partition,
    start: String(start),
    end: String(end),
    records,
    events,
    deadLetters,
    eventMs: manifest.eventMs,
    appendMs: manifest.appendMs,
    files: manifest.files.map(({ name, day, rows, sizeBytes, sha256 }) => {
      return { name, day, rows, sizeBytes, sha256 };
    }),
    ticks: manifest.ticks?.map(({ offset, appendMs }) => [String(offset), appendMs]),
    letters: manifest.letters?.map(({ name, rows, sizeBytes, sha256 }) => {
      return { name, rows, sizeBytes, sha256 };
    }),
  };
}

/**
 * Reads and validates a manifest. One of an earlier build, which has no checksum, still has to be
 * written as that build wrote it.
 *
 * @param name the object's name, for the error.
 * @throws {DamagedError} when it is not a manifest, naming the member, or when a byte of it
 * was changed.
 */
export function decodeManifest(bytes: Uint8Array, name: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DamagedError(name, "it is not JSON", { cause });
  }
  const read = new Reader(name, json);
  const version = read.count("version");
  if (version !== 1) throw read.fault("version", "1", version);
  const manifest: Manifest = {
    ...(read.has("decoding") ? { decoding: read.text("decoding", /^[0-9]+_[0-9a-f]{8}$/) } : {}),
    log: read.text("log", /^[0-9a-z-]+$/),
    partition: read.count("partition"),
    start: read.offset("start"),
    end: read.offset("end"),
    records: read.count("records"),
    events: read.count("events"),
    deadLetters: read.count("deadLetters"),
    eventMs: read.range("eventMs"),
    appendMs: read.range("appendMs"),
    files: read.list("files").map((file): ArchiveFile => ({
      ...storedFile(file),
      day: file.text("day", /^\d{4}-\d\d-\d\d$/),
    })),
    ...(read.has("ticks") ? { ticks: read.ticks("ticks") } : {}),
    ...(read.has("letters") ? { letters: read.list("letters").map(storedFile) } : {}),
  };
  const written = read.has("checksum") ? encodeManifest(manifest) : writeJson(membersOf(manifest));
  if (!sameBytes(bytes, written)) {
    throw new DamagedError(name, "it does not have the checksum that it was written with");
  }
  return manifest;
}

const storedFile = (file: Reader): StoredFile => ({
  name: file.text("name", /^[A-Za-z0-9._=/-]+$/),
  rows: file.count("rows"),
  sizeBytes: file.count("sizeBytes"),
  sha256: file.text("sha256", /^[0-9a-f]{64}$/),
});

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/**
 * The ticks of a block or of a compacted range.
 *
 * @param name the manifest's name, for the error.
 * @throws {ExternalError} not retriable, when a compacted range does not tell where its ticks lie.
 */
export function ticksOf(manifest: Manifest, kind: ManifestKind, name: string): ArchivedTick[] {
  if (manifest.ticks !== undefined) return [...manifest.ticks];
  const count = manifest.records - manifest.events - manifest.deadLetters;
  if (count === 0) return [];
  if (kind === "manifests") {
    // A tick ends its block.
    return [{ offset: manifest.end - 1n, appendMs: manifest.appendMs![1] }];
  }
  throw new ExternalError(
    `Cannot read records back by manifest "${name}": it must tell where its ${count} ticks lie, ` +
      `an earlier build wrote it`,
    { retriable: false },
  );
}

/** Reads the members of one JSON object, each with its check. */
class Reader {
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(readonly name: string, json: unknown) {
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      throw this.fault("", "an object", json);
    }
    this.#members = json as Record<string, unknown>;
  }

  fault(member: string, wanted: string, got: unknown): DamagedError {
    const shown = JSON.stringify(got) ?? "nothing";
    return new DamagedError(
      this.name,
      `${member || "it"} must be ${wanted}, got ${shown.slice(0, 80)}`,
    );
  }

  text(member: string, pattern: RegExp): string {
    const value = this.#members[member];
    if (typeof value === "string" && pattern.test(value)) return value;
    throw this.fault(member, `a text like ${pattern.source}`, value);
  }

  offset(member: string): bigint {
    return BigInt(this.text(member, /^[0-9]{1,20}$/));
  }

  count(member: string): number {
    const value = this.#members[member];
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    throw this.fault(member, "a whole number", value);
  }

  range(member: string): readonly [number, number] | null {
    const value = this.#members[member];
    if (value === null) return null;
    if (Array.isArray(value) && value.length === 2 && value.every(Number.isFinite)) {
      return [value[0], value[1]];
    }
    throw this.fault(member, "null or two numbers", value);
  }

  has(member: string): boolean {
    return this.#members[member] !== undefined;
  }

  ticks(member: string): ArchivedTick[] {
    const value = this.#members[member];
    const isTick = (tick: unknown) =>
      Array.isArray(tick) && tick.length === 2 && /^[0-9]{1,20}$/.test(String(tick[0])) &&
      Number.isFinite(tick[1]);
    if (!Array.isArray(value) || !value.every(isTick)) {
      throw this.fault(member, "a list of offsets and times", value);
    }
    return value.map(([offset, appendMs]) => ({ offset: BigInt(offset), appendMs }));
  }

  list(member: string): Reader[] {
    const value = this.#members[member];
    if (Array.isArray(value)) return value.map((item) => new Reader(this.name, item));
    throw this.fault(member, "a list", value);
  }
}
