/**
 * Run numbers. A number is claimed by putting `<topic>/runs/<n>.json` where nothing was, so it is
 * used once by any number of processes, and the claims of a topic form one sequence.
 *
 * Old claims are removed. So that their numbers stay used, a **floor** is raised first, an object
 * `<topic>/run_floors/<n>.json` of which the greatest counts. A process that was paused between
 * looking and claiming may find a removed number free; it reads the floor after its put, and a claim
 * below the floor is void.
 */
import { DamagedError, ExternalError } from "../std/errors.ts";
import { type Cut, type CutJson, decodeCut, encodeCut } from "../model/frontier.ts";
import type { ObjectStore } from "../ports/ports.ts";
import { newestName, readJson, writeJson } from "../ports/stored_json.ts";
import { removeBelow } from "./remove_below.ts";

/** What is fixed about a run when its number is claimed. */
export interface Claim {
  readonly run: number;
  /** What the run covers: at least every earlier claimed cut in each component. */
  readonly cut: Cut;
  /** By batch table, the published run that this one builds on; 0 when there is none. */
  readonly bases: Readonly<Record<string, number>>;
  /** ISO 8601. */
  readonly started: string;
}

/** Digits of a run in a name, so that the order of names is the order of runs. */
const RUN_DIGITS = 10;

/** A run as it stands in object names. */
export const runName = (run: number): string => String(run).padStart(RUN_DIGITS, "0");

/** The claims of one topic. */
export class Claims {
  readonly #store: ObjectStore;
  readonly #folder: string;
  readonly #floors: string;
  /** The last claim seen: listing continues behind it. */
  #last: Claim | null = null;
  #seenFloor = 0;

  constructor(store: ObjectStore, topic: string) {
    this.#store = store;
    this.#folder = `${topic}/runs/`;
    this.#floors = `${topic}/run_floors/`;
  }

  /** The claim with the greatest number, or null. Called before each claim; lists what is new. */
  async last(): Promise<Claim | null> {
    const after = this.#last ? this.#nameOf(this.#last.run) : undefined;
    const newest = await newestName(this.#store, this.#folder, after);
    if (newest !== null) this.#last = await this.#read(newest);
    return this.#last;
  }

  /** Claims a number. @returns false when another process has taken it, now or long ago. */
  async claim(claim: Claim): Promise<boolean> {
    const bytes = writeJson({ ...claim, cut: encodeCut(claim.cut) });
    if (!await this.#store.put(this.#nameOf(claim.run), bytes, { ifAbsent: true })) return false;
    return claim.run >= await this.floor();
  }

  /** Claims below it are void; 0 while none was ever removed. */
  async floor(): Promise<number> {
    const newest = await newestName(this.#store, this.#floors);
    if (newest !== null) {
      this.#seenFloor = Number(newest.slice(this.#floors.length, -".json".length));
    }
    return this.#seenFloor;
  }

  /** The floor as of the last look: where all claims were lost, numbers go on from it. */
  get seenFloor(): number {
    return this.#seenFloor;
  }

  /**
   * Raises the floor and removes the claims below it. A lower floor than the one that counts changes
   * nothing.
   *
   * @returns whether all are gone; else the next call goes on.
   */
  async raiseFloor(floor: number): Promise<boolean> {
    const name = `${runName(floor)}.json`;
    await this.#store.put(this.#floors + name, new TextEncoder().encode(`{"floor":${floor}}`));
    await removeBelow(this.#store, this.#floors, name);
    return await removeBelow(this.#store, this.#folder, name);
  }

  #nameOf(run: number): string {
    return `${this.#folder}${runName(run)}.json`;
  }

  async #read(name: string): Promise<Claim> {
    const bytes = await this.#store.get(name);
    if (bytes === null) {
      throw new ExternalError(`Cannot read claim "${name}": it was listed and is not there`);
    }
    const claim = decodeClaim(name, bytes);
    if (this.#nameOf(claim.run) === name) return claim;
    throw new DamagedError(name, `it claims run ${claim.run}, which has another name`);
  }
}

/** @throws DamagedError naming the object, when it is not a claim. */
export function decodeClaim(name: string, bytes: Uint8Array): Claim {
  return readJson(
    name,
    bytes,
    "the claim of a batch run",
    (claim: Omit<Claim, "cut"> & { readonly cut: CutJson }) => ({
      ...claim,
      cut: decodeCut(claim.cut),
    }),
  );
}
