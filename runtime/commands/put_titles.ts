import { UserError } from "../std/errors.ts";
import { recogniseTitles, textOf, titleRows } from "../sources/movie_titles.ts";
import { openInput } from "./input_file.ts";
import type { Target } from "./target.ts";
import { counted } from "./text.ts";
import type { World } from "./world.ts";

/** The catalog of titles. */
const CATALOG = "movies";
/** The largest body that a catalog takes. */
const MAX_BYTES = 64 * 2 ** 20;

/**
 * Replaces the catalog of movies by a file of titles, and says so.
 *
 * @throws {UserError} for a file that is none, naming the line; then nothing has changed.
 */
export async function putTitles(file: string, target: Target, world: World): Promise<void> {
  const bytes = await wholeFile(file, world);
  const text = textOf(bytes);
  const format = recogniseTitles(text);
  if (format === null) {
    throw new UserError(`Cannot read titles of "${file}": wanted movies.dat, movies.csv, u.item`, {
      field: "catalog",
    });
  }
  const isOwn = format === "own-csv" || format === "own-ndjson";
  const body = new Blob([isOwn ? bytes : titleRows(text, format)]).stream();
  const { rows } = await target.catalogs.put(
    CATALOG,
    body,
    format === "own-csv" ? "csv" : "ndjson",
  );
  world.err.write(`${CATALOG} has ${counted(rows, "row")} now.\n`);
}

async function wholeFile(file: string, world: World): Promise<Uint8Array<ArrayBuffer>> {
  const input = await openInput(file, world);
  try {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let sizeBytes = 0;
    for await (const part of input.bytes) {
      sizeBytes += part.length;
      if (sizeBytes > MAX_BYTES) {
        throw new UserError(`Cannot read titles of "${file}": wanted at most ${MAX_BYTES} bytes`, {
          field: "catalog",
        });
      }
      parts.push(part);
    }
    return await new Blob(parts).bytes();
  } finally {
    await input.close();
  }
}
