import { Buffer } from "node:buffer";
import Encoder from "kafkajs/src/protocol/encoder.js";
import { createLogger } from "kafkajs/src/loggers/index.js";
import Connection from "kafkajs/src/network/connection.js";
import createSocketFactory from "kafkajs/src/network/socketFactory.js";
import { describe, expect, it } from "testing";
import "../../runtime/log/kafka/kafka_access.ts";
import { MuteBroker } from "../support/mute_broker.ts";

/** Long enough that a test which waits for it fails by its other expectations. */
const TIMEOUT_MS = 2000;

interface Connected {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
  isConnected(): boolean;
  send(protocol: unknown): Promise<Buffer>;
}

function open(broker: MuteBroker): Connected {
  return new Connection({
    host: "127.0.0.1",
    port: broker.port,
    logger: createLogger({ level: 0, logCreator: () => () => {} }),
    socketFactory: createSocketFactory(),
    connectionTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
  });
}

function ask(connection: Connected): Promise<string> {
  const encode = () => Promise.resolve(new Encoder().writeInt32(0));
  return connection.send({
    request: { apiKey: 3, apiVersion: 0, apiName: "Metadata", encode },
    response: { decode: (bytes: Buffer) => Promise.resolve(bytes), parse: String },
  }).then(String);
}

const fails = (asked: Promise<string>) => asked.then(() => "answered", ({ message }) => message);
const bytes = (text: string) => new TextEncoder().encode(text);

async function withBroker(test: (broker: MuteBroker) => Promise<void>): Promise<void> {
  const broker = new MuteBroker();
  try {
    await test(broker);
  } finally {
    broker.close();
  }
}

describe("a connection to a broker", () => {
  it("that was cut within an answer reads the next one from its beginning", async () => {
    await withBroker(async (broker) => {
      const connection = open(broker);
      await connection.connect();
      const torn = fails(ask(connection));
      await (await broker.next()).answer(bytes("x".repeat(1000)), { partBytes: 100 });
      expect(await torn).toBe("Closed connection");
      await connection.connect();
      const whole = fails(ask(connection));
      await (await broker.next()).answer(bytes("whole"));
      expect(await whole).toBe("answered");
      await connection.disconnect();
    });
  });

  it("ends at once, and what is asked fails", async () => {
    await withBroker(async (broker) => {
      const connection = open(broker);
      await connection.connect();
      const held = fails(ask(connection));
      await broker.next();
      await connection.disconnect();
      expect(connection.isConnected()).toBe(false);
      expect(await held).toBe("Closed connection");
    });
  });

  it("ends while it is made, and may be made again", async () => {
    await withBroker(async (broker) => {
      const connection = open(broker);
      const made = fails(connection.connect().then(String));
      await connection.disconnect();
      expect(await made).toBe("Closed connection");
      await connection.connect();
      const asked = ask(connection);
      await (await broker.next()).answer(bytes("again"));
      expect(await asked).toBe("again");
      await connection.disconnect();
    });
  });

  it("is one, however many ask for it", async () => {
    await withBroker(async (broker) => {
      const connection = open(broker);
      await Promise.all([connection.connect(), connection.connect()]);
      const asked = ask(connection);
      await (await broker.next()).answer(bytes("one"));
      expect(await asked).toBe("one");
      expect(broker.connections).toBe(1);
      await connection.disconnect();
    });
  });

  it("does not hear of the end of the one before it", async () => {
    await withBroker(async (broker) => {
      const connection = open(broker);
      await connection.connect();
      const first = fails(ask(connection));
      const { cut } = await broker.next();
      await connection.disconnect();
      await first;
      await connection.connect();
      const second = ask(connection);
      const request = await broker.next();
      cut();
      await request.answer(bytes("second"));
      expect(await second).toBe("second");
      await connection.disconnect();
    });
  });
});
