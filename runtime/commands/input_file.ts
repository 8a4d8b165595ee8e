import { UserError } from "../errors.ts";
import { HEAD_BYTES } from "../sources/source.ts";

/** A file to read events from. */
export interface InputFile {
  readonly name: string;
  /** Null for what has no size, such as a pipe. */
  readonly sizeBytes: number | null;
  /** The first {@link HEAD_BYTES}; fewer only when the file ends before. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** All bytes, `head` included, in pieces that are the reader's. Read once. */
  readonly bytes: AsyncIterable<Uint8Array<ArrayBuffer>>;
  close(): void;
}

const PIECE_BYTES = 2 ** 18;

/**
 * Opens a file for reading.
 *
 * @throws {UserError} when it is missing, a folder, empty or not readable.
 */
export async function openInput(name: string): Promise<InputFile> {
  const file = await opened(name);
  try {
    const { isFile, size } = await file.stat();
    const head = await readHead(file);
    if (head.length === 0) throw fault(name, "the file is empty");
    const sizeBytes = isFile ? size : null;
    return { name, sizeBytes, head, bytes: pieces(file, head), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}

function fault(name: string, what: string, cause?: unknown): UserError {
  return new UserError(`Cannot replay "${name}": ${what}`, { field: "FILE", cause });
}

async function opened(name: string): Promise<Deno.FsFile> {
  try {
    if ((await Deno.stat(name)).isDirectory) throw fault(name, "wanted a file, got a folder");
    return await Deno.open(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw fault(name, "there is no such file", error);
    const closed = error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotCapable;
    if (closed) throw fault(name, "it may not be read", error);
    throw error;
  }
}

async function readHead(file: Deno.FsFile): Promise<Uint8Array<ArrayBuffer>> {
  const head = new Uint8Array(HEAD_BYTES);
  let length = 0;
  while (length < head.length) {
    const read = await file.read(head.subarray(length));
    if (read === null) break;
    length += read;
  }
  return head.subarray(0, length);
}

async function* pieces(
  file: Deno.FsFile,
  head: Uint8Array<ArrayBuffer>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield head;
  while (true) {
    const piece = new Uint8Array(PIECE_BYTES);
    const read = await file.read(piece);
    if (read === null) return;
    yield piece.subarray(0, read);
  }
}
