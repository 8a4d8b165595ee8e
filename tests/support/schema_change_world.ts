/** A log of readings whose archive is begun with a narrower schema, and what changes it later. */
import { openArchivedRecords } from "../../runtime/archive/archived_records.ts";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import { scanArchive } from "../../runtime/archive/archive_scan.ts";
import { Compactor } from "../../runtime/archive/compactor.ts";
import { DecodedGarbage } from "../../runtime/archive/decoded_garbage.ts";
import { type Decoding, openDecoding } from "../../runtime/archive/decoding.ts";
import { encodePart } from "../../runtime/archive/encode_block.ts";
import { FileChecks } from "../../runtime/archive/file_checks.ts";
import { Redecoder } from "../../runtime/archive/redecoder.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { hashIdentity } from "../../runtime/decode/identity.ts";
import {
  decimal,
  defineSchema,
  enumeration,
  type EventSchema,
  string,
} from "../../runtime/events.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import { RecordSource } from "../../runtime/speed/record_source.ts";
import { openArchiver, readings } from "./archive_world.ts";
import { BLOCK_SIZE, CompactionWorld } from "./compaction_world.ts";

const { note: _note, other_or_null: _other, ...others } = readings.fields;

/** What {@link readings} was at first: two fields fewer, an enum value fewer, narrower bounds. */
export const narrow: EventSchema = defineSchema({
  ...readings,
  fields: {
    ...others,
    id: string({ maxBytes: 6 }),
    level: decimal({ scale: 3, min: -500, max: 500 }),
    state: enumeration(["it's on", "off"]),
  },
});

/** On the way to {@link readings}: `other_or_null` is not declared yet. */
export const middle: EventSchema = defineSchema({
  ...readings,
  fields: { ...others, note: readings.fields.note },
});

/** The classes that a mutant may replace. */
export interface SchemaChangeParts {
  readonly Redecoder: typeof Redecoder;
  readonly openArchivedRecords: typeof openArchivedRecords;
}

/** The archive of one log under schemas that follow each other. */
export class SchemaChangeWorld {
  readonly problems: Problems;
  #schema: EventSchema = narrow;
  #decoding: Decoding | null = null;

  /** @param parts default: the project's. */
  constructor(
    readonly world: CompactionWorld,
    readonly parts: SchemaChangeParts = { Redecoder, openArchivedRecords },
  ) {
    this.problems = new Problems(world.clock);
  }

  /** Starts a process with a schema; one of an earlier build claims nothing. */
  async open(schema: EventSchema, claims = true): Promise<Decoding> {
    this.#schema = schema;
    const { inner: store } = this.world;
    return this.#decoding = await openDecoding({ store, schema, decoderVersion: 1, claims });
  }

  get root(): string {
    return this.#decoding!.root;
  }

  redecoder(): Redecoder {
    const { store, warehouse, clock } = this.world;
    return new this.parts.Redecoder({
      schema: this.#schema,
      decoding: this.#decoding!,
      store,
      warehouse,
      clock,
      problems: this.problems,
      checks: this.checks(),
      hashIdentity,
      encodePart,
      createDecoder: () => createDecoder(this.#schema),
      partBytes: this.world.sizes.partBytes,
    });
  }

  checks(): FileChecks {
    return new FileChecks({ topic: readings.topic, store: this.world.inner });
  }

  /** Decodes again until the process dies at its `after`-th write, if it comes so far. */
  async redecode(after = Infinity): Promise<void> {
    const redecoder = this.redecoder();
    await redecoder.open();
    if (redecoder.isDone) return;
    this.world.allowed = after;
    try {
      await redecoder.redecode();
    } catch (error) {
      if (!(error instanceof ExternalError) || after === Infinity) throw error;
    } finally {
      this.world.allowed = Infinity;
    }
  }

  async archive(): Promise<void> {
    const { log, inner, sizes: { partBytes } } = this.world;
    const archiver = openArchiver(log, inner, {
      schema: this.#schema,
      root: this.root,
      blockSize: BLOCK_SIZE,
      partBytes,
      createDecoder: () => createDecoder(this.#schema),
    });
    for (let partition = 0; partition < 2; partition++) await archiver.archiveClosed(partition);
  }

  /** Compacts what it can, and removes what that has replaced if `removes`. */
  async compact(removes: boolean): Promise<void> {
    const compactor = this.compactor();
    await compactor.compactOnce();
    if (!removes) return;
    this.world.passGrace();
    await compactor.collectGarbage();
  }

  compactor(): Compactor {
    const options = { schema: this.#schema, root: this.root, maxRows: 6, minManifests: 2 };
    return this.world.compactor({ ...options, graceMs: 0 });
  }

  reader() {
    const { inner: store, clock } = this.world;
    return openArchiveReader({ schema: this.#schema, root: this.root, store, clock });
  }

  /** All that a batch run up to the archive's frontier reads. */
  async rows(): Promise<string[]> {
    return await this.world.rows(this.reader());
  }

  /** What the speed layer reads of a partition. */
  source(partition: number, sizes: { sliceOffsets?: number; sliceBytes?: number } = {}) {
    const { log, inner: store, warehouse } = this.world;
    const archived = this.parts.openArchivedRecords({
      schema: this.#schema,
      root: this.root,
      store,
      warehouse,
      logId: log.id,
      hashIdentity,
      takenOver: this.#decoding!.from[log.id],
      ...sizes,
    });
    return new RecordSource({ log, partition, archived, decoder: createDecoder(this.#schema) });
  }

  /** Removes what the decodings before this one left: two looks have to find it. */
  async collect(): Promise<number> {
    const garbage = new DecodedGarbage(this.world.inner, this.world.warehouse, this.#decoding!);
    const first = await garbage.collect();
    return first + await garbage.collect();
  }

  /** What a verification finds. */
  async faults(): Promise<string[]> {
    const { topic } = readings;
    const checks = this.checks();
    const scan = await scanArchive({ topic, root: this.root, store: this.world.inner, checks });
    const hashed = await checks.hashNew(scan.files);
    return [...scan.faults, ...hashed].map(({ message }) => message);
  }
}
