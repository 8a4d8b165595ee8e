import { ConfigResourceTypes } from "kafkajs";
import { describe, expect, it } from "testing";
import type { Check } from "../../runtime/ports/check.ts";
import { runCommand } from "../support/command.ts";
import { makeTopic, testKafka } from "../support/kafka_topic.ts";
import { allServerSettings } from "../support/server_settings.ts";

const TOPIC = "movie-viewing-events";

async function doctor(env: Readonly<Record<string, string>>) {
  const dir = await Deno.makeTempDir();
  const settings = { ...allServerSettings(), ...env };
  const { code, out } = await runCommand(
    ["doctor", "--json", "--data", dir, "--port", "0"],
    settings,
  );
  await Deno.remove(dir, { recursive: true });
  const { checks } = JSON.parse(out) as { checks: Check[] };
  return { code, of: (name: string) => checks.filter(({ check }) => check === name), checks, out };
}

const prefix = () => `doctor-${crypto.randomUUID().slice(0, 8)}.`;

describe("doctor with servers", () => {
  it("tells that all are reached, their versions, rights, clocks and topic settings", async () => {
    const TWOFOLD_KAFKA_PREFIX = prefix();
    await makeTopic({ topic: TWOFOLD_KAFKA_PREFIX + TOPIC, numPartitions: 3 });
    const { code, of, checks, out } = await doctor({
      TWOFOLD_KAFKA_PREFIX,
      TWOFOLD_KAFKA_TICKS: TOPIC,
    });
    expect(checks.filter(({ state }) => state === "fail")).toEqual([]);
    expect(code).toBe(0);
    expect(of("kafka")[0].found).toMatch(/^1 broker at .*, Kafka 4\.1 or newer/);
    expect(of("topic")[0].found).toBe(`${TWOFOLD_KAFKA_PREFIX}${TOPIC} has 3 partitions`);
    expect(of("ticks")[0]).toMatchObject({ state: "ok", found: `${TOPIC} takes ticks` });
    expect(of("beginning")[0].found).toBe(`${TWOFOLD_KAFKA_PREFIX}${TOPIC} begins at offset 0`);
    expect(of("group")[0].found).toContain("has 0 members");
    expect(of("s3")[0].found).toMatch(/^bucket "twofold" at .*, MinIO$/);
    expect(of("s3 rights")[0].state).toBe("ok");
    expect(of("s3 clock")[0].found).toContain("agrees");
    expect(of("clickhouse")[0].found).toMatch(/^ClickHouse \d+\.\d+/);
    expect(of("rights")[0].found).toMatch(/has all that is needed$/);
    expect(of("archive")[0].state).toBe("ok");
    expect(out).not.toContain(allServerSettings().TWOFOLD_S3_SECRET_KEY);
  });

  it("warns of topic settings that lose events, and says how to change them", async () => {
    const TWOFOLD_KAFKA_PREFIX = prefix();
    const topic = TWOFOLD_KAFKA_PREFIX + TOPIC;
    await makeTopic({
      topic,
      configEntries: [
        { name: "message.timestamp.type", value: "CreateTime" },
        { name: "retention.ms", value: "3600000" },
      ],
    });
    const asItIs = await doctor({ TWOFOLD_KAFKA_PREFIX });
    expect(asItIs.of("ticks")[0].state).toBe("warn");
    expect(asItIs.of("ticks")[0].advice).toContain(`TWOFOLD_KAFKA_TICKS=${TOPIC}`);
    const [old] = asItIs.of("retention");
    expect([old.state, old.found]).toEqual(["warn", expect.stringContaining("for 1 h by the")]);
    const admin = testKafka().admin();
    await admin.connect();
    const configEntries = [{ name: "cleanup.policy", value: "compact" }];
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
    await admin.alterConfigs({ validateOnly: false, resources });
    await admin.disconnect();
    const [compacted] = (await doctor({ TWOFOLD_KAFKA_PREFIX })).of("retention");
    expect(compacted.state).toBe("warn");
    expect(compacted.advice).toContain("cleanup.policy=delete");
  });

  it("goes on after a server that is not reached or refuses, and ends with 1", async () => {
    const { code, of, out } = await doctor({
      TWOFOLD_KAFKA_BROKERS: "127.0.0.1:9",
      TWOFOLD_S3_SECRET_KEY: "not-the-secret",
      TWOFOLD_CLICKHOUSE_PASSWORD: "not-the-password",
    });
    expect(code).toBe(1);
    for (const check of ["kafka", "s3", "clickhouse"]) {
      expect([check, of(check)[0].state]).toEqual([check, "fail"]);
      expect(of(check)[0].advice).toContain("TWOFOLD_");
    }
    expect(out).not.toContain("not-the-");
  });
});
