import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Check } from "../../runtime/ports/check.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { UserError } from "../../runtime/std/errors.ts";
import { clientCertificate } from "../../runtime/log/kafka/client_certificate.ts";
import { openKafkaLog } from "../../runtime/log/kafka/kafka_log.ts";
import { run } from "../../tools/services/service.ts";
import {
  type Certificates,
  makeCertificates,
  makeClientCertificate,
} from "../support/certificates.ts";
import { runCommand } from "../support/command.ts";
import { newTopic } from "../support/kafka_topic.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { eventsIn } from "../support/parity_of_layers.ts";
import { RunningEngine } from "../support/running_engine.ts";
import { SecureKafka } from "../support/secure_kafka.ts";
import { allServerSettings } from "../support/server_settings.ts";

const EVENTS = 40;
/** How a client learns that it is refused is a matter of moments. */
const ATTEMPTS = 6;

describe("a Kafka that asks its clients for a certificate", () => {
  let kafka: SecureKafka;
  /** By the authority that the brokers know, and by another. */
  let known: Certificates;
  let foreign: Certificates;
  beforeAll(async () => {
    kafka = await SecureKafka.start();
    const dir = await Deno.makeTempDir({ dir: kafka.dir });
    await makeCertificates(dir, "IP:127.0.0.1");
    foreign = await makeClientCertificate(dir);
    known = await makeClientCertificate(kafka.dir);
  });
  afterAll(() => kafka.close());

  /** The settings of a process that shows a certificate, or none, and does not log in. */
  function settings(shown: Partial<Certificates>): Record<string, string> {
    const unique = crypto.randomUUID().slice(0, 8);
    return {
      ...allServerSettings(),
      TWOFOLD_KAFKA_BROKERS: `127.0.0.1:${kafka.mutualPort}`,
      TWOFOLD_KAFKA_TLS: "true",
      TWOFOLD_KAFKA_CA: kafka.ca,
      TWOFOLD_KAFKA_CERT: shown.certificate ?? "",
      TWOFOLD_KAFKA_KEY: shown.key ?? "",
      TWOFOLD_KAFKA_PREFIX: `mutual-${unique}.`,
      TWOFOLD_S3_PREFIX: `mutual/${unique}`,
      TWOFOLD_CLICKHOUSE_DATABASE: `mutual_${unique}`,
      TWOFOLD_PARTITIONS: "2",
    };
  }
  const textOf = (path: string) => Deno.readTextFile(path);
  const pairOf = async ({ certificate, key }: Certificates) =>
    [await textOf(certificate), await textOf(key)] as const;

  it("events are accepted, counted and archived from clients that present one", async () => {
    const dir = await Deno.makeTempDir();
    const engine = await RunningEngine.open({ dir, env: settings(known) });
    await engine.post(take(movieEvents({ seed: 1, firstUser: 1, aroundMs: Date.now() }), EVENTS));
    await engine.batch();
    for (const layer of ["merged", "speed", "batch"] as const) {
      expect([layer, await eventsIn(engine, layer)]).toEqual([layer, EVENTS]);
    }
    const [{ partitions }] = (await engine.status()).topics;
    expect(partitions.map(({ own }) => own)).toEqual([true, true]); // the group took it in
    // A broker that has just made a group's topic may say that it is not its coordinator yet.
    expect(engine.faults.filter((fault) => !/NOT_COORDINATOR/.test(fault))).toEqual([]);
    await engine.close();
    await Deno.remove(dir, { recursive: true });
  });

  const refused: [what: string, shown: () => Certificates | undefined][] = [
    ["none", () => undefined],
    ["one by an unknown authority", () => foreign],
  ];
  it.each(refused)(
    "a client that presents %s is told the setting, each time",
    async (_, shown) => {
      const certificates = shown();
      const client = certificates && clientCertificate(...await pairOf(certificates));
      const access = {
        brokers: [`127.0.0.1:${kafka.mutualPort}`],
        tls: { ca: await textOf(kafka.ca), client },
      };
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const opened = openKafkaLog({ access, topic: newTopic(), clock: systemClock });
        const error = await opened.then(() => null, (error) => error);
        expect(error?.message).toMatch(/; the .* want .*TWOFOLD_KAFKA_CERT/);
        expect(Deno.inspect(error, { depth: 9 })).not.toContain("PRIVATE KEY");
      }
    },
  );

  it("doctor says what is wrong, and prints no key", async () => {
    const asked = async (shown: Partial<Certificates>) => {
      const dir = await Deno.makeTempDir();
      const args = ["doctor", "--json", "--data", dir, "--port", "0"];
      const { out, err } = await runCommand(args, settings(shown));
      await Deno.remove(dir, { recursive: true });
      expect(out + err).not.toContain("PRIVATE KEY");
      const { checks } = JSON.parse(out) as { checks: Check[] };
      expect(checks.find(({ check }) => check === "s3")?.state).toBe("ok"); // it goes on
      return checks.find(({ check }) => check === "kafka")!;
    };
    expect(await asked(known)).toMatchObject({ state: "ok" });
    for (const shown of [{}, foreign]) {
      expect(await asked(shown))
        .toMatchObject({ state: "fail", advice: expect.stringContaining("TWOFOLD_KAFKA_CERT") });
    }
    expect(await asked({ ...known, key: foreign.key }))
      .toMatchObject({ state: "fail", found: expect.stringContaining("use TWOFOLD_KAFKA_KEY") });
    expect(await asked({ ...known, key: `${kafka.dir}/no-key` }))
      .toMatchObject({ state: "fail", found: expect.stringContaining("read the private key") });
  });

  it("the settings are shown with the key's path, and without the key", async () => {
    const { code, out, err } = await runCommand(["status", "--config"], settings(known));
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(known.key);
    const [, firstLine] = (await textOf(known.key)).split("\n");
    expect(out).not.toContain(firstLine);
  });
});

describe("clientCertificate()", () => {
  it("takes a certificate with its key, and names the setting whose file cannot be used", async () => {
    const dir = await Deno.makeTempDir();
    const server = await makeCertificates(dir, "IP:127.0.0.1");
    const client = await makeClientCertificate(dir);
    const encrypted = `${dir}/encrypted.key`;
    await run({
      program: "openssl",
      args: ["pkcs8", "-topk8", "-in", client.key, "-passout", "pass:x", "-out", encrypted],
    });
    const [certificate, key, serversKey, encryptedKey] = await Promise.all(
      [client.certificate, client.key, server.key, encrypted].map((path) =>
        Deno.readTextFile(path)
      ),
    );
    await Deno.remove(dir, { recursive: true });

    const shown = clientCertificate(certificate, key);
    expect([shown.certificate, shown.key.reveal()]).toEqual([certificate, key]);
    expect(`${Deno.inspect(shown)} ${JSON.stringify(shown)}`).not.toContain("PRIVATE");
    const cases: [certificate: string, key: string, says: RegExp][] = [
      ["", key, /^Cannot use TWOFOLD_KAFKA_CERT: .*no certificate/],
      [key, key, /^Cannot use TWOFOLD_KAFKA_CERT: .*no certificate/],
      [certificate, "", /^Cannot use TWOFOLD_KAFKA_KEY: .*no private key/],
      [certificate, certificate, /^Cannot use TWOFOLD_KAFKA_KEY: .*no private key/],
      [certificate, encryptedKey, /^Cannot use TWOFOLD_KAFKA_KEY: .*needs no passphrase/],
      [certificate, serversKey, /^Cannot use TWOFOLD_KAFKA_KEY: .*not the key of the certificate/],
    ];
    for (const [wrong, proof, says] of cases) {
      const error = failure(() => clientCertificate(wrong, proof));
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(says);
      expect(Deno.inspect(error)).not.toContain("BEGIN");
    }
  });
});

function failure(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected an error, got a result");
}
