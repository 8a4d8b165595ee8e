import { DamagedError } from "../std/errors.ts";
import type { Cut } from "../model/frontier.ts";
import type { ArchiveFile, ObjectStore } from "../ports/ports.ts";
import { type BlockRange, type ManifestKind, manifestName } from "./archive_names.ts";
import type { FileChecks } from "./file_checks.ts";
import { readManifest } from "./read_manifests.ts";

/** A range of offsets and the files that its manifest lists. */
interface IndexedRange extends BlockRange {
  readonly kind: ManifestKind;
  /** Null until the manifest has been read. */
  files: readonly ArchiveFile[] | null;
}

/** Manifests read side by side. */
const FETCHES = 16;

/**
 * Which files hold the rows of a day, as the manifests say. Each manifest is read once; of ranges
 * that compaction has replaced nothing is kept. 100,000 files take about 40 MB.
 */
export class ArchiveIndex {
  readonly #root: string;
  readonly #store: ObjectStore;
  readonly #checks: FileChecks;
  /** Ranges that were noted and are not part of the index yet, in the order of their offsets. */
  #pending: IndexedRange[] = [];
  #ranges: IndexedRange[] = [];
  #byDay: ReadonlyMap<string, readonly ArchiveFile[]> = new Map();

  constructor(root: string, store: ObjectStore, checks: FileChecks) {
    this.#root = root;
    this.#store = store;
    this.#checks = checks;
  }

  /** Takes note of a range that belongs to the archive; {@link load} reads its manifest. */
  note(kind: ManifestKind, range: BlockRange): void {
    this.#pending.push({ ...range, kind, files: null });
  }

  /**
   * Reads the manifests of what was noted. All of it becomes part of the index, or nothing does.
   *
   * @param compacted up to where the partitions are compacted: blocks below are replaced.
   * @throws {DamagedError} naming the first manifest that cannot be used.
   */
  async load(compacted: Cut): Promise<void> {
    const isReplaced = ({ kind, log, partition, end }: IndexedRange) =>
      kind === "manifests" && end <= (compacted[log]?.[partition] ?? 0n);
    const pending = this.#pending.filter((range) => !isReplaced(range));
    const errors: unknown[] = [];
    const unread = pending.filter(({ files }) => files === null);
    for (let first = 0; first < unread.length; first += FETCHES) {
      const some = unread.slice(first, first + FETCHES);
      await Promise.all(
        some.map((range) => this.#read(range).catch((error) => errors.push(error))),
      );
    }
    if (errors.length > 0) throw errors[0];
    const ranges = [...this.#ranges.filter((range) => !isReplaced(range)), ...pending];
    if (pending.length > 0 || ranges.length < this.#ranges.length) {
      this.#assertApart(ranges);
      this.#ranges = ranges;
      this.#byDay = Map.groupBy(ranges.flatMap(({ files }) => files!), ({ day }) => day);
    }
    // Others may have noted more meanwhile.
    this.#pending = this.#pending.filter((range) => range.files === null && !isReplaced(range));
  }

  /** The files of some days, or of all days when null. */
  files(days: readonly string[] | null): ArchiveFile[] {
    const wanted = days === null ? [...this.#byDay.keys()] : [...new Set(days)];
    return wanted.flatMap((day) => this.#byDay.get(day) ?? []);
  }

  async #read(range: IndexedRange): Promise<void> {
    const name = manifestName(this.#root, range, range.kind);
    range.files = await this.#checks.judging(
      name,
      async () => (await readManifest(this.#store, this.#root, range, range.kind)).files,
    );
  }

  /** Rows of a range that begins below the end of the one before would count twice. */
  #assertApart(ranges: readonly IndexedRange[]): void {
    const ends = new Map<string, bigint>();
    for (const range of ranges) {
      const { log, partition, kind, start, end, files } = range;
      const place = `${kind} ${log} ${partition}`;
      if (start < (ends.get(place) ?? 0n) && files!.length > 0) {
        const name = manifestName(this.#root, range, kind);
        const error = new DamagedError(name, "its range overlaps that of the manifest before it");
        this.#checks.report(error);
        throw error;
      }
      ends.set(place, end);
    }
  }
}
