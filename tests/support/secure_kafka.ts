/** A real broker that is reached by TLS and asks who one is, in every way that it can. */
import { join } from "node:path";
import { kafkaNode } from "../../tools/services/kafka.ts";
import { RunningService } from "../../tools/services/running.ts";
import { cacheFolder, type Endpoint } from "../../tools/services/service.ts";
import { makeCertificates } from "./certificates.ts";

/** The one user of PLAIN and SCRAM. */
export const USER = "worker";
export const PASSWORD = "pa55-of-a-worker";

const SCRAM = ["SCRAM-SHA-256", "SCRAM-SHA-512"];
const MECHANISMS = ["PLAIN", ...SCRAM, "OAUTHBEARER"];
const SECURITY = "org.apache.kafka.common.security";

/** A broker of its own; its certificate names 127.0.0.1 and nothing else. */
export class SecureKafka {
  private constructor(
    readonly dir: string,
    /** Of the listener. */
    readonly port: number,
    /** Where plain text is spoken and nobody asked. */
    readonly plainPort: number,
    /** Where a client shows a certificate that the authority of {@link SecureKafka.ca} signed. */
    readonly mutualPort: number,
    /** The file of the authority's certificate. */
    readonly ca: string,
  ) {}

  static async start(): Promise<SecureKafka> {
    const dir = await Deno.makeTempDir({ prefix: "twofold-secure-kafka-" });
    const { ca, key, certificate } = await makeCertificates(dir, "IP:127.0.0.1");
    const texts = await Promise.all([key, certificate].map((path) => Deno.readTextFile(path)));
    await Deno.writeTextFile(keystoreIn(dir), texts.join(""));
    const { port, innerPorts }: Endpoint = JSON.parse(await inOwnProcess("up", dir));
    return new SecureKafka(dir, port, innerPorts[1], innerPorts[2], ca);
  }

  /** `host:port` of the listener. */
  get brokers(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Where it keeps its data. */
  get dataDir(): string {
    return join(this.dir, "run", "kafka-data");
  }

  async close(): Promise<void> {
    await inOwnProcess("down", this.dir);
    await Deno.remove(this.dir, { recursive: true });
  }
}

const keystoreIn = (dir: string) => join(dir, "keystore.pem");

/** Starting and stopping servers reads processes, which a test may not. */
async function inOwnProcess(verb: "up" | "down", dir: string): Promise<string> {
  const args = ["run", "-A", "--no-check", import.meta.filename!, verb, dir];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (code === 0) return new TextDecoder().decode(stdout);
  throw new Error(`Cannot ${verb} a secure Kafka: ${new TextDecoder().decode(stderr)}`);
}

function serviceIn(dir: string): RunningService {
  const node = kafkaNode({
    properties: (at) => propertiesOf(at, dir),
    morePorts: 2,
    formatArgs: SCRAM.flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${USER},password=${PASSWORD}]`,
    ]),
  });
  return new RunningService(node, { cache: cacheFolder(), run: join(dir, "run") });
}

function propertiesOf({ port, innerPorts }: Endpoint, dir: string) {
  const [controller, inner, mutual] = innerPorts;
  const reached =
    `SASL_SSL://127.0.0.1:${port},PLAINTEXT://127.0.0.1:${inner},MUTUAL://127.0.0.1:${mutual}`;
  const jaas = (mechanism: string, module: string) => [
    `listener.name.sasl_ssl.${mechanism.toLowerCase()}.sasl.jaas.config`,
    `${SECURITY}.${module};`,
  ];
  return {
    "listeners": `${reached},CONTROLLER://127.0.0.1:${controller}`,
    "advertised.listeners": reached,
    "listener.security.protocol.map":
      "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,MUTUAL:SSL,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": keystoreIn(dir),
    "listener.name.mutual.ssl.client.auth": "required",
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": join(dir, "ca.pem"),
    "sasl.enabled.mechanisms": MECHANISMS.join(","),
    ...Object.fromEntries([
      jaas("PLAIN", `plain.PlainLoginModule required user_${USER}="${PASSWORD}"`),
      ...SCRAM.map((mechanism) => jaas(mechanism, "scram.ScramLoginModule required")),
      jaas(
        "OAUTHBEARER",
        'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"',
      ),
    ]),
    // Without this nobody is turned out when his token has ended.
    "listener.name.sasl_ssl.oauthbearer.connections.max.reauth.ms": "3600000",
    "listener.name.sasl_ssl.oauthbearer.sasl.server.callback.handler.class":
      `${SECURITY}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
  };
}

/** A token that Kafka takes where it checks no signature. */
export function unsecuredToken(lifeSeconds = 3600): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value))
      .toBase64({ alphabet: "base64url", omitPadding: true });
  return `${part({ alg: "none" })}.${part({ sub: USER, iat: now, exp: now + lifeSeconds })}.`;
}

if (import.meta.main) {
  const [verb, dir] = Deno.args;
  const service = serviceIn(dir);
  if (verb === "down") await service.stop();
  else {
    await service.start(0);
    console.log(JSON.stringify(await service.endpoint()));
  }
}
