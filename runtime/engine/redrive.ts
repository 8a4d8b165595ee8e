/** Sends dead letters again as events. */
import { decodeFrontier, encodeFrontier, furthest } from "../model/frontier.ts";
import type { EventSchema } from "../events.ts";
import type { Warehouse } from "../ports/ports.ts";
import {
  type DeadLetterFilter,
  deadLetterFilters,
  type DeadLetters,
  type Ingest,
  type RedriveAnswer,
  type RedriveRequest,
  type WholeDeadLetter,
} from "../ports/services.ts";
import type { DeadLetterReader } from "../serving/dead_letters.ts";
import { isOf, type KeptRedrive, redrivesOf, writeRedrives } from "../serving/redrives.ts";
import { quoted } from "../std/quoted.ts";
import type { Clock } from "../std/clock.ts";
import { checkText, MOST_CHARACTERS_BY } from "../std/checked_text.ts";
import { closest } from "../std/closest.ts";
import { TwofoldError, UserError } from "../std/errors.ts";
import { Semaphore } from "../std/semaphore.ts";
import { LetterMender, type MendedLetter } from "./letter_mender.ts";

/** What {@link createRedrive} needs. */
export interface RedriveOptions {
  readonly warehouse: Pick<Warehouse, "query" | "insert">;
  readonly clock: Clock;
  readonly deadLetters: DeadLetterReader;
  readonly ingest: Ingest;
  /** The topics that take events; the list may grow. */
  readonly topics: readonly { readonly schema: EventSchema }[];
}

type Set = NonNullable<RedriveRequest["set"]>;

const action = "Cannot redrive dead letters";
/** Letters that a request names, and that an answer lists. */
const MOST_NAMED = 1000;
const LISTED_REFUSED = 100;

/**
 * What {@link DeadLetters.redrive} does. A letter's event is noted with its identity and the fields that
 * were set before it is sent, and the first note decides: the letter is never sent as another event,
 * nor with other values. So it counts once, whatever is sent again, also after a process that died in
 * between. One redrive at a time; others wait.
 */
export function createRedrive(options: RedriveOptions): DeadLetters["redrive"] {
  const turn = new Semaphore(1);
  return async (request, signal) => {
    checkRequest(request);
    using _turn = await turn.take(signal);
    return await redriven(options, request, signal);
  };
}

async function redriven(
  { warehouse, clock, deadLetters, ingest, topics }: RedriveOptions,
  request: RedriveRequest,
  signal?: AbortSignal,
): Promise<RedriveAnswer> {
  const { set = {}, dry_run = false, by = "" } = request;
  const note = { redrive: crypto.randomUUID(), at: new Date(clock.now()).toISOString(), by, set };
  const wanted = topicsOf(request, topics);
  for (const { schema } of wanted) checkSet(set, schema, request);
  const tally = new Tally(dry_run);
  for (const { schema } of wanted) {
    const mender = new LetterMender(schema, set);
    const firsts = new FirstRedrives(schema, mender);
    for await (const letters of lettersOf(deadLetters, request, schema.topic, signal)) {
      signal?.throwIfAborted();
      const mended = mender.mend(letters);
      const judged = async () => {
        const known = await redrivesOf(warehouse, letters, signal);
        const all = mended.map((one) => ({ ...one, fault: one.fault ?? firsts.fault(one, known) }));
        return { known, all, sendable: all.filter(({ fault }) => fault === null) };
      };
      let { known, all, sendable } = await judged();
      if (!dry_run && sendable.length > 0) {
        await writeRedrives(warehouse, sendable.map((event) => noteOf(event, note)));
        // Another process may have noted the same letters meanwhile.
        ({ known, all, sendable } = await judged());
      }
      tally.add(all, known, note.redrive);
      if (dry_run || sendable.length === 0) continue;
      const lines = sendable.map(({ json }) => `${json}\n`).join("");
      const { accepted, frontier } = await ingest.ingest(
        ReadableStream.from([new TextEncoder().encode(lines)]),
        "ndjson",
        schema.topic,
      );
      if (accepted !== sendable.length) {
        throw new TwofoldError(
          `${action}: ${sendable.length} events decoded, and the log took ${accepted} as events`,
        );
      }
      await writeRedrives(
        warehouse,
        sendable.map((event) => ({ ...noteOf(event, note), sent: true })),
      );
      tally.sent(accepted, frontier);
    }
  }
  return tally.answer();
}

const addressOf = ({ topic, partition, offset }: WholeDeadLetter) =>
  `${topic}/${partition}/${offset}`;

const noteOf = (
  { letter: { topic, log, partition, offset }, eventId, eventNs }: MendedLetter,
  note: Pick<KeptRedrive, "redrive" | "at" | "by" | "set">,
): Omit<KeptRedrive, "event_time"> => ({
  topic,
  log,
  partition,
  offset,
  ...note,
  event_id: eventId,
  eventNs,
  sent: false,
});

/** What the first redrives of letters of one topic made of them, against what this one does. */
class FirstRedrives {
  readonly #schema: EventSchema;
  readonly #mender: LetterMender;
  /** By the fields that they set. */
  readonly #menders = new Map<string, LetterMender>();

  /** @param mender of this redrive. */
  constructor(schema: EventSchema, mender: LetterMender) {
    this.#schema = schema;
    this.#mender = mender;
  }

  /**
   * Why a letter cannot be sent as the event that it would be now; null where it can.
   *
   * @param known redrives, those of one letter the oldest first.
   */
  fault({ letter, eventId, eventNs }: MendedLetter, known: readonly KeptRedrive[]) {
    const first = known.find((one) => isOf(one, letter));
    if (first === undefined) return null;
    const { at, by, set, event_id, event_time, sent } = first;
    const made = `the letter was redriven at ${at} by ${by}`;
    if (event_id !== eventId || first.eventNs !== eventNs) {
      const reason = `${made} as event "${event_id}" at ${event_time}; as another event it would ` +
        "count twice";
      return { field: "", reason };
    }
    if (this.#menderOf(set).values(letter) === this.#mender.values(letter)) return null;
    const values = Object.keys(set).length === 0
      ? "with no field set"
      : `with ${JSON.stringify(set)}`;
    const reason = sent
      ? `${made} ${values}: these values count, and others would not`
      : `${made} ${values}, and it is not known whether that was sent: redrive it with these ` +
        "values again";
    return { field: "", reason };
  }

  #menderOf(set: KeptRedrive["set"]): LetterMender {
    const name = JSON.stringify(set);
    const mender = this.#menders.get(name) ?? new LetterMender(this.#schema, set);
    this.#menders.set(name, mender);
    return mender;
  }
}

class Tally {
  #letters = 0;
  #decodable = 0;
  #repeated = 0;
  #sent = 0;
  #refusedTotal = 0;
  #frontier = {};
  readonly #refused: RedriveAnswer["refused"][number][] = [];

  constructor(readonly dryRun: boolean) {}

  add(judged: readonly MendedLetter[], known: readonly KeptRedrive[], own: string): void {
    for (const { letter, fault } of judged) {
      this.#letters++;
      if (fault !== null) {
        this.#refusedTotal++;
        if (this.#refused.length < LISTED_REFUSED) {
          this.#refused.push({ letter: addressOf(letter), ...fault });
        }
        continue;
      }
      this.#decodable++;
      const before = (each: KeptRedrive) => each.sent && each.redrive !== own;
      if (known.some((each) => isOf(each, letter) && before(each))) this.#repeated++;
    }
  }

  sent(events: number, frontier: string): void {
    this.#sent += events;
    this.#frontier = furthest(this.#frontier, decodeFrontier(frontier));
  }

  answer(): RedriveAnswer {
    return {
      dry_run: this.dryRun,
      letters: this.#letters,
      decodable: this.#decodable,
      repeated: this.#repeated,
      sent: this.#sent,
      refused: this.#refused,
      refused_total: this.#refusedTotal,
      frontier: encodeFrontier(this.#frontier),
    };
  }
}

/** Those that are meant, of one topic. */
async function* lettersOf(
  deadLetters: DeadLetterReader,
  request: RedriveRequest,
  topic: string,
  signal?: AbortSignal,
): AsyncGenerator<WholeDeadLetter[]> {
  if (request.letters === undefined) {
    return yield* deadLetters.each({ ...filterOf(request), topic });
  }
  for (const at of request.letters.map(placeOf)) {
    if (at.topic === topic) yield [await deadLetters.one(at, signal)];
  }
}

function filterOf(request: RedriveRequest): DeadLetterFilter {
  return Object.fromEntries(deadLetterFilters.map((name) => [name, request[name]]));
}

function placeOf(address: string) {
  const [, topic, partition, offset] = /^(.+)\/(\d+)\/(\d+)$/.exec(address) ?? [];
  if (topic !== undefined) return { topic, partition, offset };
  throw fault("letters", "TOPIC/PARTITION/OFFSET", quoted(address));
}

function topicsOf({ topic, letters }: RedriveRequest, topics: RedriveOptions["topics"]) {
  const names = letters?.map((address) => placeOf(address).topic) ??
    (topic === undefined ? topics.map(({ schema }) => schema.topic) : [topic]);
  return [...new Set(names)].map((name) => {
    const found = topics.find(({ schema }) => schema.topic === name);
    if (found !== undefined) return found;
    const known = topics.map(({ schema }) => schema.topic).join(", ");
    throw fault("topic", `one of ${known}`, quoted(name));
  });
}

function checkRequest(request: RedriveRequest): void {
  const { letters, all = false, dry_run = false, by = "" } = request;
  const filters = deadLetterFilters.filter((name) => request[name] !== undefined);
  if (letters !== undefined && (filters.length > 0 || all)) {
    throw fault("letters", "left out where a filter or all is given", "both");
  }
  if (letters === undefined && filters.length === 0 && !all) {
    throw fault("all", "true where neither letters nor a filter are given", "none of them");
  }
  if (letters !== undefined && (letters.length === 0 || letters.length > MOST_NAMED)) {
    throw fault("letters", `1 to ${MOST_NAMED} dead letters`, String(letters.length));
  }
  if (!dry_run) checkText(action, "by", by, MOST_CHARACTERS_BY);
}

/** @throws {UserError} where a field is not declared, or would make several letters one event. */
function checkSet(set: Set, { topic, fieldNames, eventId }: EventSchema, request: RedriveRequest) {
  for (const name of Object.keys(set)) {
    if (fieldNames.includes(name)) continue;
    throw fault(
      "set",
      `fields of ${topic}, which are ${fieldNames.join(", ")}`,
      quoted(name) + closest(name, fieldNames),
    );
  }
  if (Object.hasOwn(set, eventId) && request.letters?.length !== 1) {
    throw fault("set", `given ${eventId} for one named letter only`, "a redrive of several");
  }
}

const fault = (field: string, wanted: string, got: string) =>
  new UserError(`${action}: ${field} must be ${wanted}, got ${got}`, { field });
