/**
 * Row formats: how a line of a file or of a request's body becomes an event, or a line of a file a row
 * of a catalog. Declared in `plugins/*.format.ts`, used by `replay`, `POST /api/v1/events?format=` and
 * `catalog put`.
 */
import type { Catalog } from "./catalog.ts";
import { Faults, shown } from "./declaration/faults.ts";
import type { EventSchema, FieldType } from "./events.ts";

/** What a field of a parsed row may be. Digits given as text are decoded as they are written. */
export type InputOf<F extends FieldType> =
  | (F["kind"] extends "string" | "enumeration" | "instant" ? string
    : F["kind"] extends "boolean" ? boolean
    : number | string)
  | (F["nullable"] extends false ? never : null);

type Inputs<S extends EventSchema> = {
  readonly [Name in keyof S["fields"]]: InputOf<S["fields"][Name]>;
};

type RequiredName<F extends EventSchema["fields"]> = {
  [Name in keyof F]: F[Name]["nullable"] extends false ? Name : never;
}[keyof F];

/** An event that is not decoded yet: the schema's fields, and any others, which the archive keeps. */
export type EventInput<S extends EventSchema> =
  & Pick<Inputs<S>, RequiredName<S["fields"]>>
  & Partial<Inputs<S>>
  & Readonly<Record<string, unknown>>;

/** Why a row is not an event. Its record becomes a dead letter. */
export class RowFault {
  /**
   * @param field the field at fault; empty for the whole row.
   * @param wanted what was expected, such as `digits`. The message adds the row.
   */
  constructor(readonly field: string, readonly wanted: string) {}
}

/** What the formats of events and of catalogs have in common. */
interface Lines {
  /** Lower-case letters, digits and `-`; the value of `--format` and `?format=`. */
  readonly name: string;
  /** What a row looks like, such as `user::movie::rating::seconds`. */
  readonly summary: string;
  /**
   * Whether a file is in this format, by its first line that is not blank. Default: a file is taken
   * for this format only if `--format` says so.
   */
  readonly matches?: (line: string) => boolean;
  /** Whether the first row of an input is a header, and not a row. Default: it is not. */
  readonly header?: (line: string) => boolean;
}

/** What {@link defineRowFormat} takes. */
export interface RowFormatDeclaration<S extends EventSchema = EventSchema> extends Lines {
  /**
   * Returns the event of a row. Called once per row that is not blank, in order, in the main thread;
   * a row that makes it throw is a dead letter.
   *
   * Retries and repeated files count once only if the same row always gives the same event id and
   * event time: a pure function of the row.
   *
   * @param line the row in UTF-8, without its line ending.
   */
  readonly parse: (line: string) => EventInput<S> | RowFault;
}

/** A validated format of events. */
export interface RowFormat extends Lines {
  /** The schema of its events; names the topic that they go to. */
  readonly source: EventSchema;
  readonly parse: (line: string) => Readonly<Record<string, unknown>> | RowFault;
}

/** What {@link defineCatalogFormat} takes. */
export interface CatalogFormatDeclaration extends Lines {
  /**
   * Returns the row of a line, by the catalog's columns. Called once per line that is not blank, in
   * order. A fault ends the command, and the catalog stays as it is.
   */
  readonly parse: (line: string) => Readonly<Record<string, unknown>> | RowFault;
}

/** A validated format of rows of a catalog. */
export interface CatalogFormat extends CatalogFormatDeclaration {
  readonly catalog: Catalog;
}

/** The formats that every installation has, and what each looks like. */
export const generalFormats = {
  "ndjson": "one JSON object per line",
  "json-array": "one JSON array",
  "csv": "CSV with a header",
} as const;

/** What the general formats and declared ones look like, by name. */
export function formatsOf(declared: readonly RowFormat[]): ReadonlyMap<string, string> {
  const named = declared.map(({ name, summary }) => [name, summary] as const);
  return new Map([...Object.entries<string>(generalFormats), ...named]);
}

const members = ["name", "summary", "matches", "header", "parse"];

/**
 * Declares a row format.
 *
 * @param source the schema of the events.
 * @throws {DeclarationError} a TypeError that names the format and all that is wrong with it.
 * @example
 * ```ts
 * import { defineRowFormat, RowFault } from "./row_format.ts";
 * import { defineSchema, instant, string } from "./events.ts";
 * const visits = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "page",
 *   fields: { id: string(), at: instant(), page: string() },
 * });
 * const format = defineRowFormat(visits, {
 *   name: "visits-tab",
 *   summary: "instant and page, separated by a tab",
 *   parse(line) {
 *     const [at, page] = line.split("\t");
 *     return page === undefined ? new RowFault("page", "a tab") : { id: line, at, page };
 *   },
 * });
 * if (format.parse("2026-01-01T00:00:00Z\t/") instanceof RowFault) throw new Error("unexpected");
 * ```
 */
export function defineRowFormat<const S extends EventSchema>(
  source: S,
  declaration: RowFormatDeclaration<S>,
): RowFormat {
  const faults = new Faults();
  if (source?.fieldNames === undefined) {
    faults.add(`its first argument must be a schema of defineSchema(), got ${shown(source)}`);
  }
  return Object.freeze({ source, ...linesOf(declaration as RowFormat, faults) });
}

/**
 * Declares a format of rows of a catalog.
 *
 * @throws {DeclarationError} a TypeError that names the format and all that is wrong with it.
 * @example
 * ```ts
 * import { defineCatalog } from "./catalog.ts";
 * import { string, uint32 } from "./events.ts";
 * import { defineCatalogFormat, RowFault } from "./row_format.ts";
 * const titles = defineCatalog({
 *   name: "titles", summary: "", key: { page: uint32() }, fields: { title: string() },
 * });
 * const format = defineCatalogFormat(titles, {
 *   name: "titles-tab",
 *   summary: "page and title, separated by a tab",
 *   parse(line) {
 *     const [page, title] = line.split("\t");
 *     return title === undefined ? new RowFault("", "a tab") : { page: Number(page), title };
 *   },
 * });
 * if (format.catalog !== titles) throw new Error("unexpected");
 * ```
 */
export function defineCatalogFormat(
  catalog: Catalog,
  declaration: CatalogFormatDeclaration,
): CatalogFormat {
  const faults = new Faults();
  if (catalog?.columns === undefined) {
    faults.add(`its first argument must be a catalog of defineCatalog(), got ${shown(catalog)}`);
  }
  return Object.freeze({ catalog, ...linesOf(declaration, faults) });
}

/** @throws {DeclarationError} with all faults. */
function linesOf(
  declaration: CatalogFormatDeclaration,
  faults: Faults,
): Required<Pick<CatalogFormat, "name" | "summary" | "parse">> & Lines {
  const given = Object(declaration) as Partial<CatalogFormatDeclaration>;
  faults.unknownMembers("", given, members);
  const { name, summary, matches, header, parse } = given;
  if (typeof name !== "string" || !/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    faults.add(`name must be lower-case letters, digits and "-", got ${shown(name)}`);
  } else if (name in generalFormats) {
    faults.add(`name "${name}" is a format of every installation; choose another one`);
  }
  if (typeof summary !== "string" || summary === "") {
    faults.add(`summary must say what a row looks like, got ${shown(summary)}`);
  }
  for (const [member, value] of Object.entries({ matches, header, parse })) {
    if (typeof value !== "function" && (value !== undefined || member === "parse")) {
      faults.add(`${member} must be a function of a line, got ${shown(value)}`);
    }
  }
  faults.throwAny(name ?? "", "row format");
  return { name: name!, summary: summary!, matches, header, parse: parse! };
}
