/**
 * The C interface of libchdb (ClickHouse in the process): where the library is and what it exports.
 * Only `native_connection.ts` calls it.
 */
import { dirname, join } from "node:path";
import { messageOf, UserError } from "../std/errors.ts";

/** npm packages that hold `libchdb.so`, by `os-arch-libc`. */
const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x86_64-gnu": "@chdb/lib-linux-x64-gnu",
};

/** Names, lengths, values, lengths and count of the bound parameters. */
const STATEMENT = [
  "usize",
  "buffer",
  "usize",
  "buffer",
  "usize",
  "buffer",
  "buffer",
  "buffer",
  "buffer",
  "usize",
] as const;

/**
 * Addresses are numbers. Deno's own pointers need the permission to load any library, and so does
 * opening libc: its functions are found through libchdb, which links it.
 */
const libc = {
  /** Copies from an address. */
  copy: { name: "memcpy", parameters: ["buffer", "usize", "usize"], result: "usize" },
  /** With the same buffer twice and the length 0: its address. */
  addressOf: { name: "memmove", parameters: ["buffer", "buffer", "usize"], result: "usize" },
  strlen: { parameters: ["usize"], result: "usize" },
  dlopen: { parameters: ["buffer", "i32"], result: "usize" },
  gettid: { parameters: [], result: "i32" },
  mallopt: { parameters: ["i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What may take long or wait for a lock runs outside the event loop's thread. */
const symbols = {
  ...libc,
  chdb_set_signal_handlers_enabled: { parameters: ["i32"], result: "void" },
  chdb_connect: { parameters: ["i32", "buffer"], result: "usize", nonblocking: true },
  chdb_close_conn: { parameters: ["usize"], result: "void", nonblocking: true },
  chdb_query_with_params_n: { parameters: STATEMENT, result: "usize", nonblocking: true },
  chdb_stream_query_with_params_n: { parameters: STATEMENT, result: "usize", nonblocking: true },
  chdb_stream_fetch_result: {
    parameters: ["usize", "usize"],
    result: "usize",
    nonblocking: true,
  },
  chdb_stream_cancel_query: {
    parameters: ["usize", "usize"],
    result: "void",
    nonblocking: true,
  },
  chdb_destroy_query_result: { parameters: ["usize"], result: "void" },
  chdb_stream_insert_with_params_n: { parameters: STATEMENT, result: "usize", nonblocking: true },
  chdb_stream_insert_error: { parameters: ["usize"], result: "usize" },
  chdb_stream_append: {
    parameters: ["usize", "buffer", "usize"],
    result: "i32",
    nonblocking: true,
  },
  chdb_stream_done: { parameters: ["usize"], result: "usize", nonblocking: true },
  chdb_stream_cancel_insert: { parameters: ["usize"], result: "void", nonblocking: true },
  chdb_destroy_insert_stream: { parameters: ["usize"], result: "void" },
  chdb_result_buffer: { parameters: ["usize"], result: "usize" },
  chdb_result_length: { parameters: ["usize"], result: "usize" },
  chdb_result_error: { parameters: ["usize"], result: "usize" },
  chdb_result_rows_read: { parameters: ["usize"], result: "u64" },
  chdb_result_rows_written: { parameters: ["usize"], result: "u64" },
  chdb_result_elapsed: { parameters: ["usize"], result: "f64" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions of the library. */
export type Libchdb = Deno.DynamicLibrary<typeof symbols>["symbols"];

const loaded = new Map<string, Libchdb>();

/**
 * Loads the library, once per process, and switches off its signal handlers.
 *
 * @param libraryPath the file; default: of the npm package for this platform, or
 * `libchdb.so` beside the executable, where there is no such package (as with a compiled one).
 * @throws UserError where there is no library for the platform, or it cannot be loaded.
 */
export function loadLibchdb(libraryPath: string = findLibrary()): Libchdb {
  const known = loaded.get(libraryPath);
  if (known) return known;
  let library: Libchdb;
  try {
    library = Deno.dlopen(libraryPath, symbols).symbols;
    pinLibrary(library, libraryPath);
    returnFreedMemory(library);
  } catch (cause) {
    throw new UserError(
      `Cannot load the ClickHouse library "${libraryPath}": ${messageOf(cause)}`,
      {
        field: "libraryPath",
        cause,
      },
    );
  }
  library.chdb_set_signal_handlers_enabled(0);
  loaded.set(libraryPath, library);
  return library;
}

/**
 * Keeps the library mapped until the process is gone. Deno unloads libraries when it ends, while
 * the engine's threads still run: about one exit in four was a segmentation fault.
 */
function pinLibrary(library: Libchdb, libraryPath: string): void {
  const RTLD_NOW = 0x2, RTLD_NODELETE = 0x1000;
  const path = new TextEncoder().encode(libraryPath + "\0");
  if (library.dlopen(path, RTLD_NOW | RTLD_NODELETE) === 0n) {
    throw new Error("dlopen failed: the library cannot be kept");
  }
}

/**
 * Makes libc return large buffers to the system when they are freed. Its default threshold grows with
 * the buffers that it sees freed; those below stay in its heap, held there by small ones between them.
 * Of 2,400 buffers of 0.2 to 3.2 MB, all freed, 190 to 227 MiB stayed; with a fixed threshold 45 MiB.
 * Events over HTTP then take 4 % more processor time, for pages that have to be mapped again. The
 * engine has an allocator of its own.
 */
function returnFreedMemory({ mallopt }: Libchdb): void {
  const M_MMAP_THRESHOLD = -3, M_ARENA_MAX = -8;
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  mallopt(M_ARENA_MAX, 2);
}

/** The text at an address, which ends with a zero byte. */
export function textAt(library: Libchdb, address: bigint): string {
  return new TextDecoder().decode(bytesAt(library, address, library.strlen(address)));
}

/** A copy of the bytes at an address. */
export function bytesAt(
  library: Libchdb,
  address: bigint,
  length: bigint,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Number(length));
  if (length > 0n) library.copy(bytes, address, length);
  return bytes;
}

/** Where the memory of a buffer lies; valid as long as the buffer is referred to. */
export function addressOf(library: Libchdb, { buffer }: Uint8Array<ArrayBuffer>): bigint {
  return library.addressOf(buffer, buffer, 0n);
}

/**
 * The library of the npm package for this platform, or the one beside the executable.
 *
 * @throws UserError where there is none.
 */
export function findLibrary(): string {
  const { os, arch, target } = Deno.build;
  const platform = `${os}-${arch}-${target.split("-").at(-1)}`;
  const name = PACKAGES[platform];
  if (!name) {
    throw new UserError(
      `Cannot run ClickHouse in the process on ${platform}: there is a library for ` +
        `${Object.keys(PACKAGES).join(", ")}; set the library's path`,
      { field: "libraryPath" },
    );
  }
  for (const folder of [...packageFolders(name), dirname(Deno.execPath())]) {
    const path = join(folder, "libchdb.so");
    if (isFile(path)) return path;
  }
  throw new UserError(
    `Cannot find the ClickHouse library: the package "${name}" is not installed; run ` +
      "`deno install`, put libchdb.so beside the executable, or set the library's path",
    { field: "libraryPath" },
  );
}

/** Folders where the package may lie, likeliest first. */
function* packageFolders(name: string): Generator<string> {
  try {
    const entry = new URL(import.meta.resolve(name));
    if (entry.protocol === "file:") yield decodeURIComponent(new URL(".", entry).pathname);
  } catch { /* Not resolvable from here (a bundle): the search upwards follows. */ }
  for (const start of [import.meta.dirname, Deno.cwd()]) {
    for (let dir = start; dir && dir !== "/"; dir = dir.slice(0, dir.lastIndexOf("/"))) {
      yield `${dir}/node_modules/${name}`;
    }
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
