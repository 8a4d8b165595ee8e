/**
 * Decodings of an archive. A topic's first decoding is that of the schema and the decoder that it was
 * begun with. Each change of what decides how records are decoded claims the next one, by a
 * conditional put, and going back is one more claim. A decoding has files and manifests of its own,
 * below its root. Below `from` it takes over what the decoding before archived; from there on it
 * decodes the log itself.
 */
import { DamagedError, UserError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import { type Cut, decodeCut, encodeCut, reaches } from "../model/frontier.ts";
import {
  type FieldMeaning,
  meaningOf,
  type SchemaChange,
  schemaChange,
  type SchemaMeaning,
  schemaOf,
} from "../model/schema_meaning.ts";
import type { ObjectStore } from "../ports/ports.ts";
import { newestName, writeJson } from "../ports/stored_json.ts";
import { ArchiveChain } from "./archive_chain.ts";
import { decodedRoot } from "./archive_names.ts";
import { sha256 } from "./manifest.ts";

/** What is fixed about a decoding when its number is claimed. */
interface Claim {
  /** 0 is the first. */
  readonly number: number;
  readonly decoderVersion: number;
  readonly schema: SchemaMeaning;
  /**
   * Whether the archive was begun by a build that claimed nothing: then the schema is that of the
   * first claim, and what decoded the records before may have been another.
   */
  readonly assumed?: boolean;
  /** Fields that earlier schemas declared: their columns may be in archived files. */
  readonly dropped: readonly FieldMeaning[];
  /** The number of the decoding whose records are taken over; null for the first. */
  readonly before: number | null;
  /** Up to where they are taken over; block bounds. */
  readonly from: Cut;
  /** Up to where they are taken over as compacted ranges. */
  readonly compacted: Cut;
}

/** A decoding that was claimed. */
export interface Decoding extends Claim {
  /** Names it, as in `1_0f3a9c2e`: its number and the hash of schema and decoder version. */
  readonly id: string;
  /** Where its files and manifests lie: see `archive_names.ts`. */
  readonly root: string;
}

/** What {@link openDecoding} takes. */
export interface DecodingOptions {
  readonly store: ObjectStore;
  readonly schema: EventSchema;
  readonly decoderVersion: number;
  /** Whether the process may claim. Default true; one that only looks takes the newest. */
  readonly claims?: boolean;
}

const DIGITS = 10;
const folderOf = (topic: string) => `${topic}/decodings/`;
const nameOf = (topic: string, number: number) =>
  `${folderOf(topic)}${String(number).padStart(DIGITS, "0")}.json`;
const numberOf = (topic: string, name: string) =>
  Number(name.slice(folderOf(topic).length).split(".")[0]);

/**
 * The decoding of a schema, claimed unless the newest one is it.
 *
 * @throws {SchemaMisfit} when archived records cannot be read as the schema wants them.
 * @throws {DamagedError} when a claim is not as it was written.
 */
export async function openDecoding(options: DecodingOptions): Promise<Decoding> {
  const { store, schema, decoderVersion, claims = true } = options;
  const { topic } = schema;
  const meaning = meaningOf(schema);
  const wanted = hashOf({ decoderVersion, schema: meaning });
  for (;;) {
    const newest = await newestDecoding(store, topic);
    if (newest !== null && hashOf(newest) === wanted) return newest;
    const claim = newest === null
      ? await firstClaim(store, meaning, decoderVersion)
      : await following(store, newest, schema, decoderVersion);
    if (newest !== null && !claims) return newest;
    const name = nameOf(topic, claim.number);
    if (!claims || await store.put(name, encodeClaim(claim), { ifAbsent: true })) {
      return decodingOf(claim);
    }
  }
}

/** A declared schema that does not fit what is archived. */
export class SchemaMisfit extends UserError {
  override readonly name = "SchemaMisfit";
  /** By which the archive was decoded: it goes on to be, and new events with it. */
  readonly former: EventSchema;

  /**
   * @param conflicts what does not fit, each as a clause.
   */
  constructor(former: EventSchema, conflicts: readonly string[]) {
    const { topic } = former;
    super(
      `The metrics of topic ${topic} do not run, because its schema does not fit its archived ` +
        `events: ${conflicts.join("; ")}. Undo this, declare a nullable field with another name ` +
        "instead, and start again. Until then new events are archived by the former schema",
      { topic, field: "schema" },
    );
    this.former = former;
  }
}

/** The newest decoding of a topic; null where none was claimed, as by builds before. */
export async function newestDecoding(store: ObjectStore, topic: string): Promise<Decoding | null> {
  const newest = await newestName(store, folderOf(topic));
  if (newest === null) return null;
  return await readDecoding(store, topic, numberOf(topic, newest));
}

/** Whether all that a decoding takes over has manifests of its own. */
export async function isTakenOver(store: ObjectStore, { root, from }: Decoding): Promise<boolean> {
  if (Object.keys(from).length === 0) return true;
  const chain = new ArchiveChain(root, store);
  await chain.look();
  return reaches(chain.blocks.cut(), from);
}

/** The newest decoding, up to the given one, that has taken over all that it takes over. */
export async function completeDecoding(store: ObjectStore, newest: Decoding): Promise<Decoding> {
  let decoding = newest;
  while (!await isTakenOver(store, decoding)) decoding = (await decodingBefore(store, decoding))!;
  return decoding;
}

/** The decoding whose records one takes over. */
export async function decodingBefore(
  store: ObjectStore,
  { schema: { topic }, before }: Decoding,
): Promise<Decoding | null> {
  return before === null ? null : await readDecoding(store, topic, before);
}

/** The roots of the decodings before one, the oldest first. */
export async function rootsBefore(store: ObjectStore, decoding: Decoding): Promise<string[]> {
  const { schema: { topic } } = decoding;
  const roots: string[] = [];
  for (let number = 0; number < decoding.number; number++) {
    roots.push((await readDecoding(store, topic, number)).root);
  }
  return roots;
}

/** What a decoding changes about records that the one before decoded. */
export function changeSince(before: Decoding, schema: SchemaMeaning): SchemaChange {
  const change = schemaChange(before.schema, schema, before.dropped);
  if (!before.assumed) return change;
  const names = schema.fields.map(({ name }) => name);
  return { ...change, widened: names, added: names };
}

async function firstClaim(
  store: ObjectStore,
  schema: SchemaMeaning,
  decoderVersion: number,
): Promise<Claim> {
  const chain = new ArchiveChain(schema.topic, store);
  await chain.look();
  const assumed = Object.keys(withoutZeros(chain.blocks.cut())).length > 0;
  const nothing = { dropped: [], before: null, from: {}, compacted: {} };
  return { number: 0, decoderVersion, schema, ...(assumed ? { assumed } : {}), ...nothing };
}

/** The claim that follows the newest decoding. */
async function following(
  store: ObjectStore,
  newest: Decoding,
  declared: EventSchema,
  decoderVersion: number,
): Promise<Claim> {
  const schema = meaningOf(declared);
  // What was not taken over completely is taken over from where it lies.
  const before = await completeDecoding(store, newest);
  const chain = new ArchiveChain(before.root, store);
  await chain.look();
  const from = withoutZeros(chain.blocks.cut());
  const { conflicts } = changeSince(before, schema);
  if (conflicts.length > 0 && Object.keys(from).length > 0) {
    throw new SchemaMisfit(schemaOf(newest.schema, declared), conflicts);
  }
  const known = new Map([...before.dropped, ...before.schema.fields].map((of) => [of.name, of]));
  for (const { name } of schema.fields) known.delete(name);
  return {
    number: newest.number + 1,
    decoderVersion,
    schema,
    dropped: [...known.values()],
    before: before.number,
    from,
    compacted: withoutZeros(chain.compacted.cut()),
  };
}

const withoutZeros = (cut: Cut): Cut =>
  Object.fromEntries(Object.entries(cut).filter(([, offsets]) => offsets.some((at) => at > 0n)));

function hashOf({ schema, decoderVersion }: Pick<Claim, "schema" | "decoderVersion">): string {
  return sha256(writeJson({ schema, decoderVersion })).slice(0, 8);
}

function decodingOf(claim: Claim): Decoding {
  const { number, schema: { topic } } = claim;
  const id = `${number}_${hashOf(claim)}`;
  return { ...claim, id, root: number === 0 ? topic : decodedRoot(topic, id) };
}

async function readDecoding(store: ObjectStore, topic: string, number: number): Promise<Decoding> {
  const name = nameOf(topic, number);
  const bytes = await store.get(name);
  if (bytes === null) throw new DamagedError(name, "it is missing, and a later claim names it");
  const decoding = decodingOf(decodeClaim(bytes, name));
  if (nameOf(decoding.schema.topic, decoding.number) === name) return decoding;
  throw new DamagedError(name, `it is the claim of decoding ${decoding.number}`);
}

/** The claims of a topic that are not as they were written. */
export async function decodingFaults(store: ObjectStore, topic: string): Promise<DamagedError[]> {
  const faults: DamagedError[] = [];
  for await (const { name } of store.list(folderOf(topic))) {
    await readDecoding(store, topic, numberOf(topic, name)).catch((error) => {
      if (!(error instanceof DamagedError)) throw error;
      faults.push(error);
    });
  }
  return faults;
}

/** A claim as JSON; the last member is the hash of all others. */
function encodeClaim({ from, compacted, ...rest }: Claim): Uint8Array {
  const members = { ...rest, from: encodeCut(from), compacted: encodeCut(compacted) };
  return writeJson({ ...members, checksum: sha256(writeJson(members)) });
}

/**
 * The claim of {@link encodeClaim}.
 *
 * @throws {DamagedError} when a byte of it was changed.
 */
function decodeClaim(bytes: Uint8Array, name: string): Claim {
  const damaged = (cause?: unknown) =>
    new DamagedError(name, "it does not have the checksum that it was written with", { cause });
  try {
    const { checksum, ...members } = JSON.parse(new TextDecoder().decode(bytes));
    if (sha256(writeJson(members)) !== checksum) throw damaged();
    return { ...members, from: decodeCut(members.from), compacted: decodeCut(members.compacted) };
  } catch (error) {
    throw error instanceof DamagedError ? error : damaged(error);
  }
}
