/** The interface through which `@clickhouse/client` reaches an engine; the package exports no names. */
import type { createClient } from "@clickhouse/client";

/** What `createClient({ connection })` takes. */
export type ClientConnection = NonNullable<
  NonNullable<Parameters<typeof createClient>[0]>["connection"]
>;

/** A statement. */
export type Statement = Parameters<ClientConnection["query"]>[0];

/** A statement that may bring the data of an insert. */
export type ExecStatement = Parameters<ClientConnection["exec"]>[0];

/** An insert with its data. */
export type InsertStatement = Parameters<ClientConnection["insert"]>[0];

/** A result as a stream. */
export type ExecResult = Awaited<ReturnType<ClientConnection["exec"]>>;

/** What a statement without a result gives. */
export type CommandResult = Awaited<ReturnType<ClientConnection["command"]>>;

/** Whether the engine answers. */
export type PingResult = Awaited<ReturnType<ClientConnection["ping"]>>;
