import { type CatalogFormat, generalFormats, RowFault } from "../row_format.ts";
import { UserError } from "../std/errors.ts";
import { firstLine } from "../sources/file_formats.ts";
import { parsedLine, saysYes } from "../sources/parsed_rows.ts";
import { type InputFile, openInput } from "./input_file.ts";
import type { Target } from "./target.ts";
import { oneOf } from "./text.ts";
import type { World } from "./world.ts";

/** A file to put into a catalog. */
export interface CatalogFile {
  /** Path, or `-` for standard input. */
  readonly file: string;
  /** Null: the one whose format the file has, or the only one. */
  readonly catalog: string | null;
  /** Null: what the first line looks like. */
  readonly format: string | null;
}

/** The rows of a file, read and ready to be put. */
export interface CatalogRows {
  readonly catalog: string | null;
  readonly format: keyof typeof generalFormats;
  readonly body: Blob;
}

type General = CatalogRows["format"];

/** The largest body that a catalog takes. */
const MAX_BYTES = 64 * 2 ** 20;

/**
 * Reads the rows of a catalog.
 *
 * @param declared the formats of `plugins/*.format.ts`.
 * @throws {UserError} when the file is not of the format, naming the line.
 */
export async function readCatalog(
  { file, catalog, format }: CatalogFile,
  declared: readonly CatalogFormat[],
  world: World,
): Promise<CatalogRows> {
  const own = declared.filter((one) => catalog === null || one.catalog.name === catalog);
  const given = format === null ? null : formatNamed(format, own);
  await using input = await openInput(file, world);
  const found = given ?? recognised(input, own);
  const bytes = await wholeFile(input);
  if (typeof found === "string") return { catalog, format: found, body: new Blob([bytes]) };
  const body = new Blob(rowsOf(found, textOf(bytes), input.name));
  return { catalog: found.catalog.name, format: "ndjson", body };
}

/** Replaces a catalog by rows. */
export async function putCatalog({ catalog, format, body }: CatalogRows, target: Target) {
  return await target.catalogs.put(catalog ?? await only(target), body.stream(), format);
}

const namesOf = (declared: readonly CatalogFormat[]) =>
  oneOf([...Object.keys(generalFormats), ...declared.map(({ name }) => name)]);

function formatNamed(name: string, declared: readonly CatalogFormat[]): General | CatalogFormat {
  if (name in generalFormats) return name as General;
  const found = declared.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new UserError(`--format must be ${namesOf(declared)}, got "${name}"`, { field: "format" });
}

function recognised(
  { name, head }: InputFile,
  declared: readonly CatalogFormat[],
): General | CatalogFormat {
  const line = firstLine(head) ?? "";
  const found = declared.find((format) => saysYes(format, "matches", line));
  if (found !== undefined) return found;
  if (line.startsWith("{")) return "ndjson";
  if (line.startsWith("[")) return "json-array";
  if (line.includes(",")) return "csv";
  throw new UserError(
    `Cannot put a catalog: "${name}" does not tell its format, give --format ${namesOf(declared)}`,
    { field: "format" },
  );
}

async function only({ catalogs }: Target): Promise<string> {
  const names = (await catalogs.list()).map(({ name }) => name);
  if (names.length === 1) return names[0];
  throw new UserError(
    `Cannot put a catalog: the file may be of ${oneOf(names)}; use catalog put CATALOG FILE`,
    { field: "catalog" },
  );
}

/** The rows of a declared format, as NDJSON. */
function rowsOf(format: CatalogFormat, text: string, file: string): string[] {
  const rows: string[] = [];
  let isFirst = true;
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "") return;
    const isHeader = isFirst && saysYes(format, "header", line);
    isFirst = false;
    if (isHeader) return;
    const row = parsedLine(format, line);
    if (!(row instanceof RowFault)) return rows.push(`${JSON.stringify(row)}\n`);
    const [number, got] = [index + 1, JSON.stringify(line.slice(0, 60))];
    throw new UserError(
      `Cannot read "${file}" as ${format.name}: line ${number}: expected ${row.wanted}, got ${got}`,
      { field: "FILE" },
    );
  });
  return rows;
}

/** Text as it was written: UTF-8, or else Latin-1, as in older files. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

async function wholeFile({ name, bytes }: InputFile): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let sizeBytes = 0;
  for await (const part of bytes) {
    sizeBytes += part.length;
    if (sizeBytes > MAX_BYTES) {
      throw new UserError(`Cannot read "${name}": a catalog has at most ${MAX_BYTES} bytes`, {
        field: "FILE",
      });
    }
    parts.push(part);
  }
  return await new Blob(parts).bytes();
}
