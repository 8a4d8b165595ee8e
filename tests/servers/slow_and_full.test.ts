import { describe, it } from "testing";
import { eventually } from "../support/eventually.ts";
import type { FaultProxy, HttpAnswers } from "../support/fault_proxy.ts";
import { behindProxies } from "../support/server_proxies.ts";
import { noProblem, SteadyProducer } from "../support/workers.ts";

const PARTITIONS = 3;
/** Longer than several flushes, ticks and looks. */
const FAULT_MS = 4000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** An HTTP answer behind which the connection is closed. */
function httpAnswer(status: string, body: string, headers: readonly string[] = []): string {
  const all = [...headers, `Content-Length: ${body.length}`, "Connection: close"];
  return `HTTP/1.1 ${status}\r\n${all.join("\r\n")}\r\n\r\n${body}`;
}

/** ClickHouse's refusal of inserts. */
function refusesInserts(code: number, text: string): HttpAnswers {
  return refuses(/INSERT\+INTO|INSERT%20INTO/, code, text);
}

function refuses(pattern: RegExp, code: number, text: string): HttpAnswers {
  const answer = httpAnswer(
    "500 Internal Server Error",
    `Code: ${code}. DB::Exception: ${text}\n`,
    [
      `X-ClickHouse-Exception-Code: ${code}`,
    ],
  );
  return { answer: (head) => pattern.test(head) ? answer : null };
}

const TOO_MANY_PARTS = refusesInserts(
  252,
  "Too many parts (3000 with average size of 1.00 MiB) in table 'x'. Merges are processing " +
    "significantly slower than inserts. (TOO_MANY_PARTS)",
);
const OUT_OF_MEMORY = refuses(
  /^POST /,
  241,
  "(total) memory limit exceeded: would use 8.00 GiB. (MEMORY_LIMIT_EXCEEDED)",
);
const STORE_IS_FULL: HttpAnswers = {
  answer: (head) =>
    head.startsWith("PUT ")
      ? httpAnswer(
        "507 Insufficient Storage",
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>XMinioStorageFull</Code><Message>' +
          "Storage backend has reached its minimum free drive threshold.</Message></Error>",
        ["Content-Type: application/xml"],
      )
      : null,
};

/** Lets a server fail for a while, and until it has done so to someone. */
async function forAWhile(proxy: FaultProxy, mode: HttpAnswers): Promise<void> {
  const before = proxy.answered;
  proxy.become(mode);
  await pause(FAULT_MS);
  await eventually("a request that is refused", () => proxy.answered > before);
  proxy.become("pass");
}

describe("workers whose servers are slow or full", () => {
  it("Kafka, S3 and ClickHouse are slow, one after the other and all at once", async () => {
    await behindProxies(PARTITIONS, async (cluster, { all }) => {
      await cluster.start(2);
      const producer = SteadyProducer.start(cluster.topic);
      for (const slow of [...all.map((proxy) => [proxy]), all]) {
        for (const proxy of slow) proxy.become("slow");
        await pause(FAULT_MS);
        for (const proxy of slow) proxy.become("pass");
      }
      await cluster.expectExact(await producer.stop());
      await cluster.stop();
    });
  });

  it("ClickHouse refuses for too many parts and for want of memory, S3 is full", async () => {
    await behindProxies(PARTITIONS, async (cluster, { clickhouse, s3 }) => {
      const [worker] = await cluster.start(2);
      const producer = SteadyProducer.start(cluster.topic);
      await forAWhile(clickhouse, TOO_MANY_PARTS);
      await forAWhile(clickhouse, OUT_OF_MEMORY);
      await forAWhile(s3, STORE_IS_FULL);
      await cluster.expectExact(await producer.stop());
      await noProblem(worker);
      await cluster.stop();
    });
  });

  it("connections are torn within an insert, and cut when it was executed", async () => {
    await behindProxies(PARTITIONS, async (cluster, { clickhouse, s3 }) => {
      await cluster.start(2);
      const producer = SteadyProducer.start(cluster.topic);
      for (const mode of ["tear", "cut", "tear", "cut"] as const) {
        for (const proxy of [clickhouse, s3]) {
          proxy.become(mode);
          await pause(FAULT_MS / 4);
          proxy.become("pass");
          await pause(FAULT_MS / 4);
        }
      }
      await cluster.expectExact(await producer.stop());
      await cluster.stop();
    });
  });
});
