import type { Clock } from "../std/clock.ts";
import { concat } from "../std/bytes.ts";
import { UserError } from "../std/errors.ts";
import { decompress, encodingOf, SIGNATURE_BYTES } from "../sources/decompress.ts";
import { HEAD_BYTES } from "../sources/file_formats.ts";
import type { World } from "./world.ts";

/** A file to read events from, decompressed where it has to be. */
export interface InputFile extends AsyncDisposable {
  readonly name: string;
  /** Its size on the disk; null for what has none, such as a pipe. */
  readonly sizeBytes: number | null;
  readonly isCompressed: boolean;
  /** The first {@link HEAD_BYTES}, or fewer that hold a whole line or the whole file. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** All bytes, `head` included, in pieces that are the reader's. Read once. */
  readonly bytes: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Bytes read so far, as they lie on the disk. */
  read(): number;
}

/** Holds about ten thousand events: what is sent at once. */
const PIECE_BYTES = 2 ** 21;
/** What `zstd` itself takes without being told to. */
const MAX_WINDOW_BYTES = 2 ** 27;
const STANDARD_INPUT = "-";

/** What comes through a pipe is sent on after so long, however little it is. */
const PATIENCE_MS = 200;

/**
 * Opens a file for reading; `-` is standard input. Whether it is compressed is seen by its first
 * bytes.
 *
 * @throws {UserError} when it is missing, a folder, empty or not readable.
 */
export async function openInput(
  name: string,
  { input, clock }: Pick<World, "input" | "clock">,
): Promise<InputFile> {
  if (name === STANDARD_INPUT) return await inputOf("standard input", null, input(), clock);
  const { file, info: { isFile, size } } = await opened(name);
  return await inputOf(name, isFile ? size : null, file.readable, isFile ? null : clock);
}

/** @param clock for what may come slowly. */
async function inputOf(
  name: string,
  sizeBytes: number | null,
  stream: ReadableStream<Uint8Array>,
  clock: Clock | null,
): Promise<InputFile> {
  let read = 0;
  const reader = stream.getReader();
  const pieces = (async function* () {
    for (let piece; !(piece = await reader.read()).done;) {
      read += piece.value.length;
      yield piece.value as Uint8Array<ArrayBuffer>;
    }
  })();
  const close = () => reader.cancel().catch(() => {});
  try {
    const first = await takeHead(pieces, ({ length }) => length >= SIGNATURE_BYTES);
    const encoding = encodingOf(first.head);
    const options = { name: JSON.stringify(name), maxWindowBytes: MAX_WINDOW_BYTES };
    const bytes = decompress(before(first.taken, pieces), encoding, options);
    const { head, taken } = await takeHead(bytes, hasLine);
    if (head.length === 0) throw fault(name, "the file is empty");
    return {
      name,
      sizeBytes,
      head,
      isCompressed: encoding !== null,
      [Symbol.asyncDispose]: close,
      bytes: gathered(before(taken, bytes), clock),
      read: () => read,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Larger pieces, each waited for no longer than a reader is ready to wait. */
async function* gathered(
  pieces: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  clock: Clock | null,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let next = pieces.next();
  for (let done = false; !done;) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let length = 0;
    const enough = new AbortController();
    const late = clock?.sleep(PATIENCE_MS, enough.signal).then(() => null);
    while (length < PIECE_BYTES) {
      const result = await (late && length > 0 ? Promise.race([next, late]) : next);
      if (result === null) break;
      if (result.done) {
        done = true;
        break;
      }
      parts.push(result.value);
      length += result.value.length;
      next = pieces.next();
      next.catch(() => {}); // the caller that awaits it gets the error
    }
    enough.abort();
    if (length > 0) yield concat(parts);
  }
}

async function* before(
  first: readonly Uint8Array<ArrayBuffer>[],
  rest: AsyncGenerator<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield* first;
  yield* rest;
}

/**
 * The beginning of a stream, and the pieces that it took: as much as is enough, and no more, because
 * what follows in a pipe may come late.
 */
async function takeHead(
  bytes: AsyncGenerator<Uint8Array<ArrayBuffer>>,
  isEnough: (head: Uint8Array) => boolean,
) {
  const taken: Uint8Array<ArrayBuffer>[] = [];
  let head: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  while (head.length < HEAD_BYTES && !isEnough(head)) {
    const { done, value } = await bytes.next();
    if (done) break;
    taken.push(value);
    head = concat([head, value]).subarray(0, HEAD_BYTES);
  }
  return { head, taken };
}

/** Whether a line that is not blank has ended: it shows the format. */
function hasLine(head: Uint8Array): boolean {
  return /\S.*\n/.test(new TextDecoder().decode(head));
}

function fault(name: string, what: string, cause?: unknown): UserError {
  return new UserError(`Cannot read "${name}": ${what}`, { field: "FILE", cause });
}

/** By its name: `FsFile.stat()` asks for permission for what a link leads to, which nothing else does. */
async function opened(name: string): Promise<{ file: Deno.FsFile; info: Deno.FileInfo }> {
  try {
    const info = await Deno.stat(name);
    if (info.isDirectory) throw fault(name, "expected a file, got a folder");
    return { file: await Deno.open(name), info };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw fault(name, "there is no such file", error);
    const closed = error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotCapable;
    if (closed) throw fault(name, "it may not be read", error);
    throw error;
  }
}
