import type { Manifest, ObjectStore, StoredFile } from "../ports/ports.ts";
import { readJson, writeJson } from "../ports/stored_json.ts";
import type { AcceptedDamage } from "../ports/services.ts";
import { sha256 } from "./manifest.ts";

/**
 * The files of a topic's archive whose loss an operator has accepted. Readers go on without them, as
 * if their events had never been; each is an object in the store, so every process knows.
 */
export class AcceptedFiles {
  readonly #store: ObjectStore;
  readonly #folder: string;
  readonly #files = new Map<string, AcceptedDamage>();
  /** The records that were read. */
  readonly #records = new Set<string>();

  constructor(topic: string, store: ObjectStore) {
    this.#store = store;
    this.#folder = `${topic}/accepted_damage/`;
  }

  /** What was accepted, as of the last {@link look}. */
  all(): AcceptedDamage[] {
    return [...this.#files.values()];
  }

  /** Reads what was accepted since the last look. */
  async look(): Promise<void> {
    for await (const { name } of this.#store.list(this.#folder)) {
      if (this.#records.has(name)) continue;
      const bytes = await this.#store.get(name);
      const accepted = decode(name, bytes ?? new Uint8Array());
      this.#files.set(accepted.object, accepted);
      this.#records.add(name);
    }
  }

  /** Accepts the loss of a file, for good. */
  async accept(accepted: AcceptedDamage): Promise<void> {
    const name = this.#nameOf(accepted.object);
    await this.#store.put(name, writeJson(accepted), { ifAbsent: true });
    await this.look();
  }

  /** The files that were not given up. */
  without<File extends StoredFile>(files: readonly File[]): File[] {
    return files.filter(({ name }) => !this.#files.has(name));
  }

  /** A manifest without the files that were given up, and without their rows. */
  rest(manifest: Manifest): Manifest {
    const files = this.without(manifest.files);
    const letters = manifest.letters && this.without(manifest.letters);
    const events = rowsOf(files), lostEvents = manifest.events - events;
    const lostLetters = letters === undefined ? 0 : manifest.deadLetters - rowsOf(letters);
    if (lostEvents === 0 && lostLetters === 0) return manifest;
    return {
      ...manifest,
      files,
      letters,
      events,
      records: manifest.records - lostEvents - lostLetters,
      deadLetters: manifest.deadLetters - lostLetters,
    };
  }

  #nameOf(object: string): string {
    return `${this.#folder}${sha256(new TextEncoder().encode(object)).slice(0, 32)}.json`;
  }
}

const rowsOf = (files: readonly StoredFile[]) => files.reduce((sum, { rows }) => sum + rows, 0);

function decode(name: string, bytes: Uint8Array): AcceptedDamage {
  return readJson(name, bytes, "a record of accepted damage", (json: AcceptedDamage) => {
    const { object, rows, reason, by, at } = json;
    if (typeof object !== "string") throw new TypeError("object must be a text");
    return { object, rows, reason, by, at };
  });
}
