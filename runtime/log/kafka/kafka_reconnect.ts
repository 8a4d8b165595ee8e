/**
 * How a connection is made and ended, in the place of kafkajs 2.2.4's own ways, by which one that was
 * cut can stand still for minutes:
 *
 * - What had arrived of an answer is kept, and the next connection's answers are read behind it: none
 *   of its requests is answered, each waits for its time-out. Here it is forgotten.
 * - A connection is ended only when nothing is asked on it, and until then others go on asking; by
 *   one that is cut, the other to the same broker is ended so too. Here it ends at once: what is
 *   asked on it fails, and may be asked again.
 * - Callers who want it at the same time make one each. The end of one that is not in use, and of one
 *   that was before, ends the one in use. Here there is one, and no other is heard.
 */
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { KafkaJSConnectionClosedError, KafkaJSConnectionError } from "kafkajs/src/errors.js";
import Connection from "kafkajs/src/network/connection.js";

/** What is used of kafkajs's connection; the package has no types for it. */
interface InnerConnection {
  readonly host: string;
  readonly port: number;
  readonly ssl: unknown;
  readonly connectionTimeout: number;
  readonly socketFactory: (options: {
    host: string;
    port: number;
    ssl: unknown;
    onConnect: () => void;
  }) => Socket;
  readonly requestQueue: { scheduleRequestTimeoutCheck(): void; destroy(): void };
  connectionStatus: "connected" | "disconnected";
  authenticatedAt: unknown;
  authHandlers: { onError(): void } | null;
  /** The one in use; the events of any other are not heard. */
  socket: Socket | null;
  /** What has arrived of an answer. */
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  /** Set while a connection is made. */
  attempt?: Attempt;
  isConnected(): boolean;
  processData(bytes: Buffer): void;
  rejectRequests(error: Error): void;
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
}

/** A connection that is being made. */
interface Attempt {
  readonly made: Promise<boolean>;
  readonly fail: (error: Error) => void;
}

/** An answer begins with its size, an int32. */
const SIZE_BYTES = 4;

const connection: InnerConnection = Connection.prototype;

connection.connect = function (this: InnerConnection): Promise<boolean> {
  if (this.isConnected()) return Promise.resolve(true);
  return (this.attempt ??= begin(this)).made;
};

connection.disconnect = function (this: InnerConnection): Promise<boolean> {
  end(this, closedError(this));
  return Promise.resolve(true);
};

/** kafkajs tries again what failed on a closed connection, but not to make one that fails. */
function closedError(inner: InnerConnection): Error {
  const { host, port } = inner;
  return inner.isConnected()
    ? new KafkaJSConnectionClosedError("Closed connection", { host, port })
    : new KafkaJSConnectionError("Closed connection", { broker: `${host}:${port}` });
}

function begin(inner: InnerConnection): Attempt {
  const { host, port, ssl } = inner;
  const broker = `${host}:${port}`;
  const { promise: made, resolve, reject } = Promise.withResolvers<boolean>();
  inner.authenticatedAt = null;
  inner.chunks = [];
  inner.bytesBuffered = 0;
  inner.bytesNeeded = SIZE_BYTES;
  const settle = () => {
    clearTimeout(timer);
    inner.attempt = undefined;
  };
  const fail = (error: Error) => {
    settle();
    reject(error);
  };
  const onConnect = () => {
    if (inner.socket !== socket) return;
    settle();
    inner.connectionStatus = "connected";
    inner.requestQueue.scheduleRequestTimeoutCheck();
    resolve(true);
  };
  const timer = setTimeout(
    () => end(inner, new KafkaJSConnectionError("Connection timeout", { broker })),
    inner.connectionTimeout,
  );
  const socket = inner.socketFactory({ host, port, ssl, onConnect });
  inner.socket = socket;
  const ended = (error: Error) => {
    if (inner.socket === socket) end(inner, error);
  };
  socket.on("data", (bytes: Buffer) => {
    if (inner.socket === socket) inner.processData(bytes);
  });
  socket.on("error", ({ message, code }: Error & { code?: string }) => {
    ended(new KafkaJSConnectionError(`Connection error: ${message}`, { broker, code }));
  });
  socket.on("end", () => {
    // While it is made, an error follows, which tells more.
    if (inner.isConnected()) ended(closedError(inner));
  });
  socket.on("close", () => ended(closedError(inner)));
  return { made, fail };
}

/** Ends a connection, or the attempt to make one: callers that wait for it or for an answer get the error. */
function end(inner: InnerConnection, error: Error): void {
  const { socket, attempt, authHandlers } = inner;
  inner.socket = null;
  inner.connectionStatus = "disconnected";
  inner.authenticatedAt = null;
  inner.requestQueue.destroy();
  socket?.destroy();
  attempt?.fail(error);
  authHandlers?.onError();
  inner.rejectRequests(error);
}
