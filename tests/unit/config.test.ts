import { describe, expect, fc, it } from "testing";
import {
  ConfigError,
  describeSettings,
  isLoopback,
  readConfig,
  settings,
} from "../../runtime/settings/config.ts";
import { misspeltVariables } from "../../runtime/settings/misspelt_variables.ts";
import { withSecretFiles } from "../../runtime/settings/secret_files.ts";
import { duration, schedule, size } from "../../runtime/settings/setting_types.ts";

const GIB = 2 ** 30;
const token = "correct-horse-battery-staple";

function faultsOf(action: () => unknown): ConfigError {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("no fault was found");
}

describe("readConfig()", () => {
  it("gives the documented defaults", () => {
    const config = readConfig({ command: "start", machineMemoryBytes: 64 * GIB });
    expect(config).toMatchObject({
      port: 8000,
      hostname: "127.0.0.1",
      dataDir: "./data",
      partitions: null,
      blockSize: 65536,
      blockSpanMs: 60_000,
      horizon: 1_048_576,
      flushIntervalMs: 500,
      batchSchedule: "* * * * *",
      memoryLimitBytes: 4 * GIB,
      writeTokens: null,
      simulator: false,
      speedRetentionMs: 86_400_000,
      logRetentionMs: 86_400_000,
      region: "local",
      libchdbPath: null,
    });
  });

  it("takes the database of the composition root, where no variable names one", () => {
    const database = (more: object) => readConfig({ command: "start", ...more }).clickhouseDatabase;
    expect(database({})).toBe("twofold");
    expect(database({ database: "shop" })).toBe("shop");
    const env = { TWOFOLD_CLICKHOUSE_DATABASE: "other" };
    expect(database({ database: "shop", env })).toBe("other");
  });

  it("closes blocks sooner and simulates in dev", () => {
    const config = readConfig({ command: "dev", machineMemoryBytes: 2 * GIB });
    expect(config).toMatchObject({ blockSpanMs: 10_000, simulator: true, simulatorRate: 200 });
    expect(config.memoryLimitBytes).toBe(GIB);
  });

  it("prefers a flag to the environment and takes an empty variable as absent", () => {
    const env = { TWOFOLD_PORT: "9000", TWOFOLD_PARTITIONS: "8", TWOFOLD_REGION: "" };
    const config = readConfig({ command: "start", flags: { port: "0" }, env });
    expect([config.port, config.partitions, config.region]).toEqual([0, 8, "local"]);
  });

  it("lists every fault with where it was given, what was expected and what came", () => {
    const { message, faults, exitCode } = faultsOf(() =>
      readConfig({
        command: "start",
        flags: { port: "eighty", hostname: "0.0.0.0" },
        env: {
          TWOFOLD_BLOCK_SIZE: "1000",
          TWOFOLD_FLUSH_INTERVAL: "5",
          TWOFOLD_SIMULATOR: "maybe",
        },
      })
    );
    expect(exitCode).toBe(2);
    expect(faults.map(({ setting }) => setting)).toEqual([
      "--port",
      "TWOFOLD_BLOCK_SIZE",
      "TWOFOLD_FLUSH_INTERVAL",
      "TWOFOLD_SIMULATOR",
      "TWOFOLD_WRITE_TOKEN",
      "TWOFOLD_READ_TOKEN",
    ]);
    expect(message).toContain('--port: expected a whole number, 0 to 65535, got "eighty"');
    expect(message).toContain('expected a power of two, 256 to 65536, got "1000"');
  });

  it("refuses every number that is no power of two within the bounds as a block size", () => {
    const powers = fc.nat({ max: 18 }).map((n) => 2 ** n);
    fc.assert(fc.property(fc.oneof(powers, fc.nat({ max: 200_000 })), (blockSize) => {
      const read = () => readConfig({ command: "start", flags: { "block-size": `${blockSize}` } });
      const fits = blockSize >= 256 && blockSize <= 65536 && Number.isInteger(Math.log2(blockSize));
      if (fits) expect(read().blockSize).toBe(blockSize);
      else expect(read).toThrow(ConfigError);
    }));
  });

  it("requires tokens only where other machines could read or write", () => {
    const read = (command: "start" | "status", hostname: string) => () =>
      readConfig({ command, flags: { hostname } });
    expect(read("start", "0.0.0.0")).toThrow("TWOFOLD_WRITE_TOKEN");
    expect(read("start", "0.0.0.0")).toThrow(
      "TWOFOLD_READ_TOKEN: expected a read token, or --public",
    );
    expect(read("start", "localhost")).not.toThrow();
    expect(read("status", "0.0.0.0")).not.toThrow();
    expect(["127.0.0.1", "127.1.2.3", "::1", "[::1]"].every(isLoopback)).toBe(true);
    expect(["127.0.0.1.example", "::", "10.0.0.1"].some(isLoopback)).toBe(false);
  });

  it("never prints a token", () => {
    const env = {
      TWOFOLD_WRITE_TOKEN: `${token}\nthe-next-one-of-two`,
      TWOFOLD_PUBLIC_READ: "true",
    };
    const config = readConfig({ command: "start", flags: { hostname: "0.0.0.0" }, env });
    expect(config.writeTokens?.map((each) => each.reveal()))
      .toEqual([token, "the-next-one-of-two"]);
    const printed = `${config.writeTokens} ${JSON.stringify(config)} ${Deno.inspect(config)}`;
    expect(printed).not.toContain(token);
    const fault = faultsOf(() =>
      readConfig({ command: "start", env: { TWOFOLD_WRITE_TOKEN: "too short" } })
    );
    expect(fault.message).not.toContain("too short");
  });

  it("takes secrets from files, and says which file it cannot read", async () => {
    const read = (path: string) =>
      path === "/run/read" ? Promise.resolve(`${token}\n`) : Promise.reject(new Error("none"));
    const env = { TWOFOLD_READ_TOKEN_FILE: "/run/read", TWOFOLD_PORT: "9000" };
    const config = readConfig({ command: "start", env: await withSecretFiles(env, read) });
    expect([config.readTokens?.[0].reveal(), config.port]).toEqual([token, 9000]);
    expect(misspeltVariables(env)).toEqual([]);
    await expect(withSecretFiles({ TWOFOLD_S3_SECRET_KEY_FILE: "/run/s3" }, read))
      .rejects.toThrow('Cannot use TWOFOLD_S3_SECRET_KEY_FILE: the file "/run/s3" cannot be read');
    await expect(withSecretFiles({ ...env, TWOFOLD_READ_TOKEN: token }, read))
      .rejects.toThrow("TWOFOLD_READ_TOKEN is set too");
  });
});

describe("settings of servers", () => {
  const s3 = {
    TWOFOLD_S3_ENDPOINT: "http://127.0.0.1:9000",
    TWOFOLD_S3_BUCKET: "films",
    TWOFOLD_S3_ACCESS_KEY: "access",
    TWOFOLD_S3_SECRET_KEY: "pa55word",
  };
  it("are none unless given, so that everything is in the data folder", () => {
    const { kafkaBrokers, s3Endpoint, clickhouseUrl } = readConfig({ command: "start" });
    expect([kafkaBrokers, s3Endpoint, clickhouseUrl]).toEqual([null, null, null]);
  });
  it("that need others say which, all at once", () => {
    const env = {
      TWOFOLD_KAFKA_SASL: "plain",
      TWOFOLD_S3_ENDPOINT: s3.TWOFOLD_S3_ENDPOINT,
      TWOFOLD_CLICKHOUSE_CLUSTER: "main",
    };
    const { faults } = faultsOf(() => readConfig({ command: "start", env }));
    expect(faults.map(({ setting }) => setting)).toEqual([
      "TWOFOLD_S3_BUCKET",
      "TWOFOLD_S3_ACCESS_KEY",
      "TWOFOLD_S3_SECRET_KEY",
      "TWOFOLD_CLICKHOUSE_URL",
      "TWOFOLD_KAFKA_USER",
      "TWOFOLD_KAFKA_PASSWORD",
    ]);
  });
  it("a ClickHouse server goes with an S3 store, which it can read", () => {
    const env = { TWOFOLD_CLICKHOUSE_URL: "https://clickhouse.example:8443" };
    const { message } = faultsOf(() => readConfig({ command: "start", env }));
    expect(message).toContain("a ClickHouse server cannot read the archive in a folder");
    expect(readConfig({ command: "start", env: { ...env, ...s3 } }).clickhouseUrl)
      .toBe(env.TWOFOLD_CLICKHOUSE_URL);
  });
  it("take no password in a URL, and print none", () => {
    const wrong = { ...s3, TWOFOLD_CLICKHOUSE_URL: "http://user:hidden@host:8123" };
    expect(() => readConfig({ command: "start", env: wrong })).toThrow(ConfigError);
    const config = readConfig({ command: "start", env: s3 });
    expect(`${JSON.stringify(config)} ${Deno.inspect(config)}`).not.toContain("pa55word");
  });
  it("a login is a user and a password, or a token from one place", () => {
    const faults = (env: Record<string, string>) => {
      try {
        readConfig({ command: "start", env });
        return [];
      } catch (error) {
        return (error as ConfigError).faults.map(({ setting, got }) => [setting, got]);
      }
    };
    const login = { TWOFOLD_KAFKA_USER: "me", TWOFOLD_KAFKA_PASSWORD: "hidden" };
    const bearer = { TWOFOLD_KAFKA_SASL: "oauthbearer" };
    const url = { TWOFOLD_KAFKA_TOKEN_URL: "https://id.example/oauth2/token?v=2" };
    const file = { TWOFOLD_KAFKA_TOKEN_FILE: "/run/token" };
    expect(faults(bearer)).toEqual([["TWOFOLD_KAFKA_TOKEN_URL", "neither"]]);
    expect(faults({ ...bearer, ...login, ...url, ...file }))
      .toEqual([["TWOFOLD_KAFKA_TOKEN_URL", "both"]]);
    expect(faults({ ...bearer, ...url })).toEqual([
      ["TWOFOLD_KAFKA_USER", "none"],
      ["TWOFOLD_KAFKA_PASSWORD", "none"],
    ]);
    for (
      const env of [file, { ...login, ...url }, {
        ...login,
        ...url,
        TWOFOLD_KAFKA_TOKEN_SCOPE: "a b",
      }]
    ) {
      expect(faults({ ...bearer, ...env })).toEqual([]);
    }
    for (const host of ["127.0.0.1:8080", "localhost", "[::1]"]) {
      expect(faults({ ...bearer, ...login, TWOFOLD_KAFKA_TOKEN_URL: `http://${host}/token` }))
        .toEqual([]);
    }
    const plain = { TWOFOLD_KAFKA_TOKEN_URL: "http://id.example/token" };
    expect(faults({ ...bearer, ...login, ...plain }).map(([setting]) => setting))
      .toContain("TWOFOLD_KAFKA_TOKEN_URL");
  });
  it("a certificate is shown with its key, and by TLS", () => {
    const faults = (env: Record<string, string>) =>
      faultsOf(() => readConfig({ command: "start", env })).faults
        .map(({ setting, got }) => [setting, got]);
    const cert = { TWOFOLD_KAFKA_CERT: "/run/client.pem" };
    const key = { TWOFOLD_KAFKA_KEY: "/run/client.key" };
    const tls = { TWOFOLD_KAFKA_TLS: "true" };
    expect(faults({ ...tls, ...cert })).toEqual([["TWOFOLD_KAFKA_KEY", "none"]]);
    expect(faults({ ...tls, ...key })).toEqual([["TWOFOLD_KAFKA_CERT", "none"]]);
    expect(faults({ ...cert, ...key })).toEqual([["TWOFOLD_KAFKA_TLS", "false"]]);
    const env = { ...tls, ...cert, ...key };
    expect(readConfig({ command: "start", env }).kafkaKey).toBe("/run/client.key");
  });
  it("ticks go to the topics that Twofold made, to all, to none, or to those named", () => {
    const read = (TWOFOLD_KAFKA_TICKS: string) =>
      readConfig({ command: "start", env: { TWOFOLD_KAFKA_TICKS } }).kafkaTicks;
    expect(readConfig({ command: "start" }).kafkaTicks).toBe("made");
    for (const word of ["made", "all", "none"]) expect(read(word)).toBe(word);
    expect(read("film.events, page-visits")).toEqual(["film.events", "page-visits"]);
    for (const text of ["a,", "A", "a b", ","]) expect(() => read(text)).toThrow(ConfigError);
  });
  it("brokers are host:port with commas between", () => {
    const read = (brokers: string) => () =>
      readConfig({ command: "start", env: { TWOFOLD_KAFKA_BROKERS: brokers } });
    for (const brokers of ["a:9092", "a.b-c:9092,10.0.0.1:9093", "[::1]:9092"]) {
      expect(read(brokers)().kafkaBrokers).toBe(brokers);
    }
    for (const brokers of ["a", "a:9092,", "kafka://a:9092", "a:9092 b:9092"]) {
      expect(read(brokers)).toThrow(ConfigError);
    }
  });
});

describe("setting types", () => {
  it("durations and sizes are read as they are shown", () => {
    const ms = duration({ min: 0, max: 1e12 });
    const bytes = size({ min: 0, max: 2 ** 50 });
    expect(["500ms", "10s", "1m", "24h", "7d"].map(ms.parse)).toEqual([
      500,
      10_000,
      60_000,
      86_400_000,
      604_800_000,
    ]);
    expect(["512MiB", "1.5GiB", "1 kib"].map(bytes.parse)).toEqual([2 ** 29, 1.5 * GIB, 1024]);
    expect(["10", "-1s", "s", "1 week", "NaNs", ""].map(ms.parse)).toEqual(
      Array(6).fill(undefined),
    );
    fc.assert(fc.property(fc.nat(1e9), (value) => {
      expect(ms.parse(ms.show(value))).toBe(value);
      expect(bytes.parse(bytes.show(value))).toBe(value);
    }));
  });

  it("a schedule has five fields and a day that it matches", () => {
    const good = ["* * * * *", "*/15 * * * *", "30 8-18/2 * * 1-5", "0 0 29 2 *", "0 0 1 * 7"];
    expect(good.map(schedule.parse)).toEqual(good);
    const bad = ["", "* * * *", "* * * * * *", "60 * * * *", "* * * 0 *", "*/0 * * * *"];
    expect([...bad, "5-1 * * * *", "0 0 30 2 *", "daily"].map(schedule.parse)).toEqual(
      Array(9).fill(undefined),
    );
  });
});

describe("the table of settings", () => {
  it("has one variable and one flag per setting", () => {
    const all = Object.values(settings);
    const flags = all.map(({ flag }) => flag).filter((flag) => flag !== null);
    expect(new Set(all.map(({ env }) => env)).size).toBe(all.length);
    expect(new Set(flags).size).toBe(flags.length);
  });

  it("describeSettings() has a row for each setting", () => {
    const table = describeSettings();
    for (const { env } of Object.values(settings)) expect(table).toContain(`\`${env}\``);
    expect(table).toContain("`1m` (dev: `10s`)");
  });

  it.each([
    ["PORT", []],
    ["PRT", ["TWOFOLD_PRT"]],
    ["PROT", ["TWOFOLD_PROT"]],
    ["S3_SECRET_KEY_FIEL", ["TWOFOLD_S3_SECRET_KEY_FIEL"]],
    ["KAFKA_BROKER", ["TWOFOLD_KAFKA_BROKER"]],
    ["KAFKA_SERVERS", ["TWOFOLD_KAFKA_SERVERS"]],
    ["DATA_DIR", ["TWOFOLD_DATA_DIR"]],
    ["SCHEDULE_BATCH", ["TWOFOLD_SCHEDULE_BATCH"]],
    ["TOKEN", ["TWOFOLD_TOKEN"]],
  ])("misspeltVariables(): TWOFOLD_%s", (name, found) => {
    expect(misspeltVariables({ [`TWOFOLD_${name}`]: "1", PATH: "" })).toEqual(found);
  });
});
