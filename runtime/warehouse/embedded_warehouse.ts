/** Opens ClickHouse in the process. */
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { resolve } from "node:path";
import { closeAll } from "../std/close_all.ts";
import { UserError } from "../std/errors.ts";
import { ClickHouseWarehouse, type OpenClient } from "./clickhouse_warehouse.ts";
import { EmbeddedConnection } from "./embedded_connection.ts";
import { EngineConnection, EngineThread } from "./engine_connection.ts";
import { findLibrary, loadLibchdb } from "./libchdb.ts";
import { newerSettings, oneBlockSettings, sessionSettings } from "./session_settings.ts";
import { assertName } from "./sql_name.ts";

/** Options of {@link openEmbeddedWarehouse}. */
export interface EmbeddedWarehouseOptions {
  /**
   * The engine's folder, made if absent. A process can open one only, and owns it. Null for a
   * temporary folder, which the engine removes when the last warehouse is closed.
   */
  readonly dir: string | null;
  /** The database, made if absent. */
  readonly database: string;
  /** Statements at once, inserts apart; an open result stream counts as one. Default 12. */
  readonly connections?: number;
  /**
   * The engine's memory, in bytes; a statement may take four fifths of it. The first warehouse that
   * a process opens sets it. Default: half of the machine's.
   */
  readonly memoryLimitBytes?: number;
  /** GROUP BY and ORDER BY spill to disk beyond this. Default: a quarter of the memory limit. */
  readonly spillBytes?: number;
  /** Threads of one statement. Default: one per core. */
  readonly maxThreads?: number;
  /** `libchdb.so`. Default: of the npm package for this platform. */
  readonly libraryPath?: string;
}

/** The folder that this process has opened: the engine knows one per process. */
let opened: { readonly dir: string | null; users: number } | null = null;

/**
 * Opens the embedded warehouse. Several, with different databases, may share a folder.
 *
 * @throws UserError when the folder cannot be opened, when the process has another one open, or when
 * there is no engine for the platform.
 * @example
 * ```ts
 * import { openEmbeddedWarehouse } from "./embedded_warehouse.ts";
 * const dir = await Deno.makeTempDir();
 * const warehouse = await openEmbeddedWarehouse({ dir, database: "example" });
 * const [row] = await warehouse.query("SELECT {n:UInt64} + 1 AS n", { params: { n: 41 } });
 * if (row.n !== 42) throw new Error("unexpected");
 * await warehouse.close();
 * ```
 */
export async function openEmbeddedWarehouse(
  options: EmbeddedWarehouseOptions,
): Promise<ClickHouseWarehouse> {
  const { database, connections = 12, maxThreads } = options;
  assertName("database", database);
  const library = options.libraryPath ?? findLibrary();
  loadLibchdb(library);
  const memoryLimitBytes = options.memoryLimitBytes ??
    Math.floor(Deno.systemMemoryInfo().total / 2);
  const settings = sessionSettings({
    statementMemoryBytes: Math.floor(memoryLimitBytes * 0.8),
    spillBytes: options.spillBytes ?? Math.floor(memoryLimitBytes / 4),
    maxThreads,
  });
  const dir = options.dir === null ? null : resolve(options.dir);
  const leave = claimProcess(dir);
  const thread = EngineThread.join();
  const release = () => {
    thread.leave();
    leave();
  };
  try {
    const anchor = await createDatabase(thread, library, dir, database, memoryLimitBytes);
    const own = {
      // The library reads any text as an expression to select, unless told not to.
      // A statement with settings of its own costs a connection: the merge's are everybody's.
      ...settings,
      ...newerSettings,
      implicit_select: "0",
      enable_shared_storage_snapshot_in_query: "1",
    };
    const insertSettings = oneBlockSettings;
    const openClient = (connections: number) =>
      createClient({
        connection: new EmbeddedConnection(thread, {
          library,
          dir,
          database,
          connections,
          settings: own,
          insertSettings,
        }),
        // Errors are thrown; the client would log them too.
        log: { level: ClickHouseLogLevel.OFF },
      });
    const letGo = () => closeAll([() => anchor.close(), release]);
    return new EmbeddedWarehouse(openClient, connections, database, letGo);
  } catch (error) {
    release();
    throw error;
  }
}

/** A warehouse that lets go of the process's folder when it is closed. */
class EmbeddedWarehouse extends ClickHouseWarehouse {
  readonly #release: () => Promise<void>;
  #released: Promise<void> | null = null;

  constructor(
    openClient: OpenClient,
    connections: number,
    database: string,
    release: () => Promise<void>,
  ) {
    super(openClient, connections, database);
    this.#release = release;
  }

  override close(): Promise<void> {
    return this.#released ??= closeAll([() => super.close(), this.#release]);
  }
}

/** Counts the warehouses of this process on `dir`; returns how to leave, once. */
function claimProcess(dir: string | null): () => void {
  if (opened && opened.dir !== dir) {
    throw new UserError(
      `Cannot open the warehouse "${dir}": this process has "${opened.dir}" open, and the engine ` +
        "opens one folder per process",
      { field: "dir" },
    );
  }
  const claim = opened ??= { dir, users: 0 };
  claim.users++;
  let left = false;
  return () => {
    if (left) return;
    left = true;
    if (--claim.users === 0) opened = null;
  };
}

/**
 * Creates the database. The connection is kept until the warehouse is closed: the engine lets go of
 * the folder, and of its memory limit, when the last one is closed.
 */
async function createDatabase(
  thread: EngineThread,
  library: string,
  dir: string | null,
  database: string,
  memoryLimitBytes: number,
): Promise<EngineConnection> {
  if (dir !== null) await Deno.mkdir(dir, { recursive: true });
  const anchor = await EngineConnection.open(thread, library, dir, {
    max_server_memory_usage: memoryLimitBytes,
  });
  try {
    await anchor.run(`CREATE DATABASE IF NOT EXISTS ${database} ENGINE = Atomic`, "Null");
    await anchor.yieldThreads(library);
    return anchor;
  } catch (error) {
    await anchor.close();
    throw error;
  }
}
