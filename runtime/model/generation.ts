/**
 * What makes a generation: everything that decides a stored value, and nothing else. Two processes
 * that would store different values for the same events never share a generation, and a change of a
 * text that is only shown never makes a new one.
 */
import { createHash } from "node:crypto";
import type { EventSchema } from "../events.ts";
import { columnsOfMeasures, type DerivedColumn, hasFunctions, type Plugin } from "../plugin.ts";
import { meaningOf } from "./schema_meaning.ts";

/** What the generation of a plugin covers beside its declaration. */
export interface GenerationFacts {
  /** The text of the plugin's batch SQL. */
  readonly batchSql: string;
  readonly decoderVersion: number;
  /** The archive's decoding, where it is not the topic's first: see `Decoding.id`. */
  readonly decoding?: string;
  readonly blockSize: number;
  /** The repeat horizon, in offsets. */
  readonly horizon: number;
  /**
   * The texts of the modules that the plugin's functions are made of, by path; counts only where the
   * plugin has functions. Default: none.
   */
  readonly modules?: Readonly<Record<string, string>>;
}

/**
 * Names a generation, such as `v1_0f3a9c2e`: the plugin's version and a hash of everything that
 * decides a value in its tables. Titles, summaries, relations and derived columns are not part of
 * it, because they are applied when the tables are read.
 *
 * @example
 * ```ts
 * import { generationOf } from "./generation.ts";
 * import { definePlugin } from "../define_plugin.ts";
 * import { count } from "../plugin.ts";
 * import { defineSchema, instant, string } from "../events.ts";
 * const source = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *   fields: { id: string(), at: instant() },
 * });
 * const visits = (title: string) => definePlugin(source, {
 *   name: "visits", summary: "", measures: () => ({ n: count() }), present: { title },
 * });
 * const facts = { batchSql: "SELECT 1", decoderVersion: 1, blockSize: 512, horizon: 1024 };
 * if (generationOf(visits("Visits"), facts) !== generationOf(visits("All visits"), facts)) {
 *   throw new Error("unexpected");
 * }
 * ```
 */
export function generationOf(plugin: Plugin, facts: GenerationFacts): string {
  const { batchSql, decoderVersion, decoding, blockSize, horizon, modules = {} } = facts;
  const meaning = {
    schema: hashedMeaning(plugin.source),
    // The texts of expressions say all that decides their values.
    keys: plugin.keyColumns.map(({ name, sqlType, field }) => [name, sqlType, field, null]),
    measures: plugin.measureColumns.map(({ name, meaning }) => [name, ...meaning]),
    where: plugin.where?.text,
    windowSeconds: plugin.stream.window.sizeSeconds,
    grain: plugin.batch.grain,
    batchSql: normalizedSql(batchSql),
    decoderVersion,
    decoding,
    blockSize,
    horizon,
    modules: hasFunctions(plugin) ? Object.entries(modules).sort(byName) : [],
  };
  const hash = createHash("sha256").update(JSON.stringify(meaning)).digest("hex");
  return `v${plugin.version}_${hash.slice(0, 8)}`;
}

const byName = ([a]: [string, unknown], [b]: [string, unknown]) => a < b ? -1 : 1;

/** As generations have always been hashed: a field as a list, without the names of its members. */
function hashedMeaning(schema: EventSchema) {
  const { fields, ...rest } = meaningOf(schema);
  const types = fields.map(({ name, kind, nullable, maxBytes, values, scale, min, max }) => {
    return [name, kind, nullable, maxBytes, values, scale, min, max];
  });
  return { ...rest, types };
}

/** A string, a quoted name or a heredoc of ClickHouse; or a run of white space and comments. */
const LITERAL_OR_BLANK =
  /('(?:[^'\\]|\\[^]|'')*'|"(?:[^"\\]|\\[^])*"|`(?:[^`\\]|\\[^])*`|\$(\w*)\$[^]*?\$\2\$)|(?:\s|--[^\n]*|\/\/[^\n]*|#[ !][^\n]*|\/\*[^]*?\*\/)+/g;

/**
 * SQL with each run of white space and comments as one space, outside of literals.
 *
 * @example
 * ```ts
 * import { normalizedSql } from "./generation.ts";
 * const sql = normalizedSql("SELECT 'a  b' -- shown\n  FROM events");
 * if (sql !== "SELECT 'a  b' FROM events") throw new Error("unexpected");
 * ```
 */
export function normalizedSql(sql: string): string {
  return sql.replace(LITERAL_OR_BLANK, (_, literal?: string) => literal ?? " ").trim();
}

/** The form of {@link declarationText}; a text of an unknown form is not read. */
const DECLARATION_FORMAT = 3;
const READ_FORMATS = [1, 2, DECLARATION_FORMAT];

/**
 * A declaration as a text, without its functions: enough to answer from the tables of its generation
 * when its code is gone.
 *
 * @param file where it is declared, so that a file that no longer loads is known by its plugin.
 */
export function declarationText(plugin: Plugin, file?: string): string {
  return JSON.stringify({ format: DECLARATION_FORMAT, file, plugin });
}

/**
 * The declaration of {@link declarationText}, without the plugin's own functions; null where another
 * build wrote the text in another form.
 */
export function declaredPlugin(text: string): Plugin | null {
  const plugin = stored(text)?.plugin ?? null;
  if (plugin === null) return null;
  const derive = Object.fromEntries(
    Object.entries(plugin.derive).map(([name, column]) => [
      name,
      typeof column === "string" ? { sql: column, node: null } : column,
    ]),
  );
  return { ...plugin, derive, ...columnsOfMeasures({ ...plugin, derive }) };
}

/** The file that {@link declarationText} names; null where it names none. */
export const declaringFile = (text: string): string | null => stored(text)?.file ?? null;

/** A plugin as JSON holds it; earlier forms have the SQL of a derived column alone. */
type StoredPlugin = Omit<Plugin, "derive"> & {
  readonly derive: Readonly<Record<string, DerivedColumn | string>>;
};

function stored(text: string): { readonly plugin: StoredPlugin; readonly file?: string } | null {
  const read = text === "" ? {} : JSON.parse(text);
  return READ_FORMATS.includes(read.format) ? read : null;
}
