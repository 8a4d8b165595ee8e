import { afterAll, beforeAll, describe, expect, it } from "testing";
import { systemClock } from "../../runtime/std/clock.ts";
import { tokensOfEndpoint } from "../../runtime/log/kafka/bearer_tokens.ts";
import type { KafkaAccess, KafkaLogin } from "../../runtime/log/kafka/kafka_access.ts";
import { adviceOn } from "../../runtime/log/kafka/kafka_error.ts";
import { openKafkaLog } from "../../runtime/log/kafka/kafka_log.ts";
import { Secret } from "../../runtime/settings/setting_types.ts";
import type { Check } from "../../runtime/ports/check.ts";
import { runCommand } from "../support/command.ts";
import { newTopic } from "../support/kafka_topic.ts";
import { records } from "../support/log_reading.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { eventsIn } from "../support/parity_of_layers.ts";
import { RunningEngine } from "../support/running_engine.ts";
import { PASSWORD, SecureKafka, unsecuredToken, USER } from "../support/secure_kafka.ts";
import { allServerSettings } from "../support/server_settings.ts";
import { TlsProxy } from "../support/tls_proxy.ts";
import { TokenServer } from "../support/token_server.ts";

const EVENTS = 40;
const LIFE_SECONDS = 3600;

describe("a Kafka that is reached by TLS and asks who one is", () => {
  let kafka: SecureKafka;
  let tokens: TokenServer;
  beforeAll(async () => {
    kafka = await SecureKafka.start();
    tokens = TokenServer.start({
      clientId: USER,
      clientSecret: PASSWORD,
      lifeSeconds: LIFE_SECONDS,
    });
    await Deno.writeTextFile(`${kafka.dir}/token`, `${unsecuredToken()}\n`);
  });
  afterAll(async () => {
    await tokens.close();
    await kafka.close();
  });

  const byPassword = { TWOFOLD_KAFKA_USER: USER, TWOFOLD_KAFKA_PASSWORD: PASSWORD };
  /** The settings of a process, but for how it logs in. */
  function settings(): Record<string, string> {
    const unique = crypto.randomUUID().slice(0, 8);
    return {
      ...allServerSettings(),
      TWOFOLD_KAFKA_BROKERS: kafka.brokers,
      TWOFOLD_KAFKA_TLS: "true",
      TWOFOLD_KAFKA_CA: kafka.ca,
      TWOFOLD_KAFKA_PREFIX: `secure-${unique}.`,
      TWOFOLD_S3_PREFIX: `secure/${unique}`,
      TWOFOLD_CLICKHOUSE_DATABASE: `secure_${unique}`,
      TWOFOLD_PARTITIONS: "2",
    };
  }

  const logins: [name: string, login: () => Record<string, string>][] = [
    ["plain", () => byPassword],
    ["scram-sha-256", () => byPassword],
    ["scram-sha-512", () => byPassword],
    ["oauthbearer by an endpoint", () => ({ ...byPassword, TWOFOLD_KAFKA_TOKEN_URL: tokens.url })],
    ["oauthbearer by a file", () => ({ TWOFOLD_KAFKA_TOKEN_FILE: `${kafka.dir}/token` })],
  ];
  it.each(logins)("events are taken in, counted and archived by %s", async (name, login) => {
    const dir = await Deno.makeTempDir();
    const env = { ...settings(), TWOFOLD_KAFKA_SASL: name.split(" ")[0], ...login() };
    const engine = await RunningEngine.open({ dir, env });
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

  const password = (text = PASSWORD) => new Secret(text);
  const refusals: [what: string, change: () => Promise<Partial<KafkaAccess>>, says: RegExp][] = [
    ...(["plain", "scram-sha-256", "scram-sha-512"] as const).map(
      (mechanism): [string, () => Promise<Partial<KafkaAccess>>, RegExp] => [
        `a wrong password by ${mechanism}`,
        () => {
          const sasl = { mechanism, user: USER, password: password("wr0ng-password") };
          return Promise.resolve({ sasl });
        },
        /authentication failed.*; see TWOFOLD_KAFKA_USER and TWOFOLD_KAFKA_PASSWORD/i,
      ],
    ),
    [
      "a token that the brokers do not take",
      () => {
        const sasl: KafkaLogin = {
          mechanism: "oauthbearer",
          tokens: () => Promise.resolve("no.token."),
        };
        return Promise.resolve({ sasl });
      },
      /; the brokers do not take the token: see TWOFOLD_KAFKA_TOKEN_URL/,
    ],
    [
      "a token endpoint that refuses the client",
      () => {
        const { url } = tokens;
        const clientSecret = password("wr0ng-password");
        const endpoint = { url, clientId: USER, clientSecret, clock: systemClock };
        return Promise.resolve({
          sasl: { mechanism: "oauthbearer", tokens: tokensOfEndpoint(endpoint) },
        });
      },
      /token for Kafka from http.*: status 401, invalid_client; see TWOFOLD_KAFKA_USER/,
    ],
    [
      "an authority that is not known",
      () => Promise.resolve({ tls: {} }),
      /; set TWOFOLD_KAFKA_CA to the file/,
    ],
    [
      "another host's certificate",
      () => Promise.resolve({ brokers: [`localhost:${kafka.port}`] }),
      /localhost:\d+: .*; the server's certificate has to hold the name .*TWOFOLD_KAFKA_BROKERS/,
    ],
    [
      "plain text where TLS is wanted",
      () => Promise.resolve({ tls: undefined }),
      /; the listener may want TLS or a login: see TWOFOLD_KAFKA_TLS/,
    ],
    [
      "no login where one is wanted",
      () => Promise.resolve({ sasl: undefined }),
      /; the listener may want TLS or a login: .*TWOFOLD_KAFKA_SASL/,
    ],
    [
      "TLS where none is spoken",
      () => Promise.resolve({ brokers: [`127.0.0.1:${kafka.plainPort}`], sasl: undefined }),
      /; no TLS is spoken there: see TWOFOLD_KAFKA_TLS/,
    ],
  ];
  it.each(refusals)("%s is told with what to do about it, and without secrets", async (
    _,
    change,
    says,
  ) => {
    const ca = await Deno.readTextFile(kafka.ca);
    const access: KafkaAccess = {
      brokers: [kafka.brokers],
      sasl: { mechanism: "plain", user: USER, password: password() },
      tls: { ca },
      ...await change(),
    };
    const topic = newTopic();
    const createWith = { partitions: 1 };
    const error = await openKafkaLog({ access, topic, createWith, clock: systemClock }).then(
      () => null,
      (error) => error,
    );
    expect(error?.message).toMatch(says);
    expect(Deno.inspect(error)).not.toMatch(/wr0ng|pa55/);
  });

  it("a connection outlives its token, which is asked for again", async () => {
    const ca = await Deno.readTextFile(kafka.ca);
    const lifeSeconds = 6;
    const start = Date.now();
    const given: number[] = [];
    const tokens = () => {
      given.push(Date.now());
      return Promise.resolve(unsecuredToken(lifeSeconds));
    };
    const access: KafkaAccess = {
      brokers: [kafka.brokers],
      tls: { ca },
      sasl: { mechanism: "oauthbearer", tokens },
    };
    const topic = newTopic();
    const createWith = { partitions: 1 };
    const log = await openKafkaLog({ access, topic, createWith, clock: systemClock });
    let at = 0n;
    while (Date.now() - start < 2 * lifeSeconds * 1000) {
      const end = await log.appendTick(0);
      at = (await log.read(0, at)).to;
      expect(at).toBe(end);
      await log.changed(0, at, AbortSignal.timeout(200));
    }
    expect(given.filter((ms) => ms - start > lifeSeconds * 1000).length).toBeGreaterThan(0);
    await log.close();
  });

  it("a batch that is damaged on the broker's disk stops its partition, loudly", async () => {
    const ca = await Deno.readTextFile(kafka.ca);
    const sasl: KafkaLogin = { mechanism: "plain", user: USER, password: password() };
    const access: KafkaAccess = { brokers: [kafka.brokers], sasl, tls: { ca } };
    const topic = newTopic();
    const options = { access, topic, createWith: { partitions: 1 }, clock: systemClock };
    const log = await openKafkaLog({ ...options, compression: "none" });
    for (const value of ["first", "second", "third"]) await log.append(records(["k", value]));
    const segment = `${kafka.dataDir}/log/${topic}-0/00000000000000000000.log`;
    const bytes = await Deno.readFile(segment);
    const at = new TextDecoder("latin1").decode(bytes).indexOf("second");
    expect(at).toBeGreaterThan(0);
    bytes[at] ^= 1;
    const file = await Deno.open(segment, { write: true });
    await file.seek(at, Deno.SeekMode.Start);
    await file.write(bytes.subarray(at, at + 1));
    file.close();
    expect(await log.read(0, 2n).then(({ count }) => count)).toBe(1);
    const error = await log.read(0, 1n).then(() => null, (error) => error);
    expect(error).toMatchObject({ topic, partition: 0, offset: 1n, retriable: false });
    expect(error.message).toMatch(/batch at offset 1 of topic .* partition 0: its checksum is/);
    await log.close();
  });

  it("doctor says what is wrong, and prints no secret", async () => {
    const asked = async (env: Record<string, string>) => {
      const dir = await Deno.makeTempDir();
      const args = ["doctor", "--json", "--data", dir, "--port", "0"];
      const { out, err } = await runCommand(args, { ...settings(), ...env });
      await Deno.remove(dir, { recursive: true });
      expect(out + err).not.toMatch(/wr0ng|pa55/);
      const { checks } = JSON.parse(out) as { checks: Check[] };
      return checks.find(({ check }) => check === "kafka")!;
    };
    const login = { TWOFOLD_KAFKA_SASL: "scram-sha-512", ...byPassword };
    expect(await asked(login)).toMatchObject({ state: "ok" });
    expect(await asked({ ...login, TWOFOLD_KAFKA_PASSWORD: "wr0ng-password" }))
      .toMatchObject({ state: "fail", advice: expect.stringContaining("TWOFOLD_KAFKA_PASSWORD") });
    expect(await asked({ ...login, TWOFOLD_KAFKA_CA: "" }))
      .toMatchObject({ state: "fail", advice: expect.stringContaining("TWOFOLD_KAFKA_CA") });
    const bearer = { TWOFOLD_KAFKA_SASL: "oauthbearer" };
    expect(await asked({ ...bearer, TWOFOLD_KAFKA_TOKEN_FILE: `${kafka.dir}/no-token` }))
      .toMatchObject({ state: "fail", found: expect.stringContaining("Cannot read the token") });
  });

  it("the token endpoint is reached by TLS, where the same authority signed", async () => {
    const proxy = await TlsProxy.start(tokens.url, {
      ca: kafka.ca,
      certificate: `${kafka.dir}/server.pem`,
      key: `${kafka.dir}/server.key`,
    });
    const url = `https://127.0.0.1:${proxy.port}/oauth/token`;
    const endpoint = { url, clientId: USER, clientSecret: password(), clock: systemClock };
    const ca = await Deno.readTextFile(kafka.ca);
    expect(await tokensOfEndpoint({ ...endpoint, ca })()).toMatch(/^[\w-]+\.[\w-]+\.$/);
    const error = await tokensOfEndpoint(endpoint)().then(() => null, (error) => error);
    expect(error.message).toContain(`Cannot get a token for Kafka from ${url}`);
    expect(adviceOn(error)).toContain("TWOFOLD_KAFKA_CA");
    proxy.close();
  });

  it("the token endpoint is asked once for many connections, and again before a token ends", async () => {
    const before = tokens.given;
    const from = Date.now();
    let nowMs = from;
    const endpoint = { url: tokens.url, clientId: USER, clientSecret: password() };
    const ask = tokensOfEndpoint({ ...endpoint, clock: { now: () => nowMs }, scope: "kafka read" });
    const [first, ...others] = await Promise.all([ask(), ask(), ask()]);
    expect(others).toEqual([first, first]);
    nowMs = from + 0.8 * LIFE_SECONDS * 1000 - 1;
    expect([await ask(), tokens.given - before, tokens.scope]).toEqual([first, 1, "kafka read"]);
    nowMs++;
    await ask();
    expect(tokens.given - before).toBe(2);
  });
});
