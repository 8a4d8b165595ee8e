/**
 * Catalogs: small tables by key, such as titles by movie, whose columns are added to a metric's rows
 * when it is read. Declared in `plugins/*.catalog.ts`, filled through the API or the command line.
 */
import { clickHouseType, type Field } from "./events.ts";

/** A field that holds several texts. */
export interface ListField {
  readonly kind: "list";
  readonly nullable: false;
  readonly summary: string;
  /** The most bytes of each text. */
  readonly maxBytes: number;
}

/** A column of a catalog. */
export type CatalogField = Field | ListField;

/** What {@link defineCatalog} takes. */
export interface CatalogDeclaration {
  /** Name in the API, and of the view in SQL. */
  readonly name: string;
  readonly summary: string;
  /** The one key column: a metric whose key has the same name can be expanded. */
  readonly key: Readonly<Record<string, Field>>;
  readonly fields: Readonly<Record<string, CatalogField>>;
}

/** A validated catalog. */
export interface Catalog {
  readonly name: string;
  readonly summary: string;
  readonly key: string;
  /** All columns by name, the key first. */
  readonly columns: Readonly<Record<string, CatalogField>>;
}

/** Several texts of at most `maxBytes` bytes of UTF-8 each (default 256), such as genres. */
export function texts(options: { summary?: string; maxBytes?: number } = {}): ListField {
  return Object.freeze({
    summary: "",
    maxBytes: 256,
    ...options,
    kind: "list" as const,
    nullable: false as const,
  });
}

/**
 * Declares a catalog.
 *
 * @throws {TypeError} naming the column, when the declaration does not hold together.
 * @example
 * ```ts
 * import { defineCatalog, texts } from "./catalog.ts";
 * import { string, uint32 } from "./events.ts";
 * const movies = defineCatalog({
 *   name: "movies",
 *   summary: "Titles and genres",
 *   key: { movie_id: uint32() },
 *   fields: { title: string(), genres: texts() },
 * });
 * if (movies.key !== "movie_id") throw new Error("unexpected");
 * ```
 */
export function defineCatalog(declaration: CatalogDeclaration): Catalog {
  const { name, summary, key, fields } = declaration;
  const fault = (what: string) => new TypeError(`Cannot define catalog "${name}": ${what}`);
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) throw fault("its name must be snake_case");
  const keys = Object.keys(key);
  if (keys.length !== 1) throw fault(`it must have one key column, got ${keys.length}`);
  const [keyField] = Object.values(key);
  if (keyField.nullable || !["uint32", "string"].includes(keyField.kind)) {
    throw fault(`its key "${keys[0]}" must be a uint32 or a string, and not nullable`);
  }
  const columns = { ...key, ...fields };
  for (const [column, { kind }] of Object.entries(columns)) {
    if (!/^[a-z][a-z0-9_]*$/.test(column)) throw fault(`column "${column}" must be snake_case`);
    if (!["string", "uint32", "boolean", "list"].includes(kind)) {
      throw fault(`column "${column}" must be a string, uint32, boolean or texts`);
    }
    if (Object.hasOwn(key, column) && Object.hasOwn(fields, column)) {
      throw fault(`column "${column}" comes twice`);
    }
  }
  return Object.freeze({ name, summary, key: keys[0], columns: Object.freeze(columns) });
}

/** The ClickHouse type of a column. */
export function catalogType(field: CatalogField): string {
  return field.kind === "list" ? "Array(String)" : clickHouseType(field);
}
