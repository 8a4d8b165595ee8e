/**
 * Sources: made-up events, for trying out. Declared in `plugins/*.source.ts`; `dev` sends their
 * events, `produce` those of one.
 */
import type { Catalog } from "./catalog.ts";
import { Faults, shown } from "./declaration/faults.ts";
import type { EventSchema } from "./events.ts";

/** What a source is asked for. */
export interface SourceOptions {
  /** Events per second of event time, at every moment alike. */
  readonly rate: number;
  /** The time of the first event, in milliseconds since 1970 UTC. */
  readonly startMs: number;
}

/** Events of a stretch of time. */
export interface MadeEvents {
  /** One JSON object per line, each with a line feed. */
  readonly ndjson: string;
  /** Lines of `ndjson`, 1 or more. */
  readonly events: number;
  /** When the stretch ends, in milliseconds since 1970 UTC: the time to send them. */
  readonly dueMs: number;
}

/** What {@link defineSource} takes. */
export interface SourceDeclaration {
  /** Lower-case letters, digits and `-`; what `produce` calls it. */
  readonly name: string;
  readonly summary: string;
  /**
   * Makes events, endlessly, the earliest first, with other ids than from any other start. Called
   * in the main thread, a stretch of time each time.
   */
  readonly events: (options: SourceOptions) => Iterable<MadeEvents>;
  /** Made-up rows of a catalog, such as titles: `dev` puts them where the catalog has no rows. */
  readonly catalog?: {
    readonly of: Catalog;
    /** Makes the rows: a value for each column, by name. */
    readonly rows: () => Iterable<object>;
  };
}

/** A validated source. */
export interface Source extends SourceDeclaration {
  /** The schema of its events; names the topic that they go to. */
  readonly source: EventSchema;
}

/**
 * Declares a source.
 *
 * @param source the schema of the events.
 * @throws {DeclarationError} a TypeError that names the source and all that is wrong with it.
 * @example
 * ```ts
 * import { defineSchema, instant, string } from "./events.ts";
 * import { defineSource } from "./source.ts";
 * const ticks = defineSchema({
 *   topic: "ticks", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *   fields: { id: string(), at: instant() },
 * });
 * const source = defineSource(ticks, {
 *   name: "ticks",
 *   summary: "One tick after the other",
 *   *events({ rate, startMs }) {
 *     for (let ms = startMs;; ms += 1000 / rate) {
 *       const at = new Date(ms).toISOString();
 *       yield { ndjson: `{"id":"tick-${at}","at":"${at}"}\n`, events: 1, dueMs: ms };
 *     }
 *   },
 * });
 * if (source.source.topic !== "ticks") throw new Error("unexpected");
 * ```
 */
export function defineSource(source: EventSchema, declaration: SourceDeclaration): Source {
  const faults = new Faults();
  if (source?.fieldNames === undefined) {
    faults.add(`its first argument must be a schema of defineSchema(), got ${shown(source)}`);
  }
  const given = Object(declaration) as Partial<SourceDeclaration>;
  faults.unknownMembers("", given, ["name", "summary", "events", "catalog"]);
  const { name, summary, events, catalog } = given;
  if (typeof name !== "string" || !/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    faults.add(`name must be lower-case letters, digits and "-", got ${shown(name)}`);
  }
  if (typeof summary !== "string") faults.add(`summary must be a text, got ${shown(summary)}`);
  if (typeof events !== "function") {
    faults.add(`events must be a function that makes events, got ${shown(events)}`);
  }
  if (catalog !== undefined) {
    if (catalog?.of?.columns === undefined) {
      faults.add(`catalog.of must be a catalog of defineCatalog(), got ${shown(catalog?.of)}`);
    }
    if (typeof catalog?.rows !== "function") {
      faults.add(`catalog.rows must be a function that makes rows, got ${shown(catalog?.rows)}`);
    }
  }
  faults.throwAny(name ?? "", "source");
  return Object.freeze({ source, name: name!, summary: summary!, events: events!, catalog });
}
