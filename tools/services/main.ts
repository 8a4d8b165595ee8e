/** `deno task services:up|down|status|exec`: the servers without Docker. */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { clickhouse } from "./clickhouse.ts";
import { kafka } from "./kafka.ts";
import { minio } from "./minio.ts";
import { RunningService } from "./running.ts";
import { cacheFolder, type Service, ServiceError } from "./service.ts";

const HELP = `Runs real Apache Kafka, real MinIO and ClickHouse's HTTP interface over libchdb on
loopback, without Docker.

  deno task services:up [--only kafka,minio,clickhouse]   start what does not run
  deno task services:status                               where each is reached
  deno task services:down                                 stop all; data are kept
  deno task services:exec COMMAND…                        a command with all of them up
  deno run -A tools/services/main.ts install              only download and build

The first start downloads Kafka's jars (43 MB) with Maven and builds MinIO with Go (some minutes).
Needed on Debian: apt-get install openjdk-17-jre-headless maven golang-go

  --kafka-port, --minio-port, --clickhouse-port   default: a free one, the same at the next start
  --data DIR      where the servers have their data, logs and state; default: "run" in the cache
  --only NAMES    some of them

Downloads and builds are kept in $TWOFOLD_SERVICES, by default ~/.cache/twofold-services.
"exec" passes the servers' addresses to the command as TWOFOLD_* variables, and stops what it has
started; "status --env" prints these variables, secrets included.
`;

const ALL: readonly Service[] = [kafka, minio, clickhouse];

const OPTIONS = {
  "help": { type: "boolean", short: "h" },
  "only": { type: "string" },
  "data": { type: "string" },
  "env": { type: "boolean" },
  "kafka-port": { type: "string" },
  "minio-port": { type: "string" },
  "clickhouse-port": { type: "string" },
} as const;

type Values = ReturnType<typeof parse>["values"];

function parse(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true });
}

/** Where the command of "exec" begins: what follows it is its own. */
function commandAt(args: string[]): number {
  const { tokens } = parseArgs({
    args,
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  return tokens.find(({ kind }) => kind === "positional")?.index ?? args.length;
}

function services(values: Values): RunningService[] {
  const cache = cacheFolder();
  const folders = { cache, run: resolve(values.data ?? join(cache, "run")) };
  const names = values.only?.split(",") ?? ALL.map(({ name }) => name);
  return names.map((name) => {
    const service = ALL.find((service) => service.name === name);
    if (service) return new RunningService(service, folders);
    const known = ALL.map(({ name }) => name).join(", ");
    throw new ServiceError(`Cannot run "${name}": expected some of ${known}`);
  });
}

/** Starts them one after the other. @returns those that did not run before. */
async function up(running: readonly RunningService[], values: Values): Promise<RunningService[]> {
  const started: RunningService[] = [];
  for (const each of running) {
    const port = Number(values[`${each.service.name}-port` as keyof Values] ?? 0);
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new ServiceError(`--${each.service.name}-port: expected a port, 0 to 65535`);
    }
    if (await each.start(port)) started.push(each);
  }
  return started;
}

async function status(running: readonly RunningService[]): Promise<void> {
  for (const { service, endpoint, logPath } of await withEndpoints(running)) {
    const where = endpoint ? `127.0.0.1:${endpoint.port}` : "not running";
    console.log(`${service.name.padEnd(11)} ${where.padEnd(16)} ${service.title}; ${logPath}`);
  }
}

async function withEndpoints(running: readonly RunningService[]) {
  return await Promise.all(running.map(async (each) => ({
    service: each.service,
    logPath: each.logPath,
    endpoint: await each.endpoint(),
  })));
}

async function settings(
  running: readonly RunningService[],
): Promise<Record<string, string>> {
  const all = (await withEndpoints(running)).map(({ service, endpoint }) =>
    endpoint ? service.settings(endpoint) : {}
  );
  return Object.assign({}, ...all);
}

async function exec(
  running: readonly RunningService[],
  values: Values,
  [program, ...args]: readonly string[],
): Promise<number> {
  if (program === undefined) throw new ServiceError("exec: expected a command");
  const started = await up(running, values);
  try {
    const env = await settings(running);
    return (await new Deno.Command(program, { args, env }).spawn().status).code;
  } finally {
    for (const each of started) await each.stop();
  }
}

async function main([verb = "--help", ...rest]: string[]): Promise<number> {
  const end = verb === "exec" ? commandAt(rest) : rest.length;
  const { values } = parse(rest.slice(0, end));
  if (values.help || verb === "--help" || verb === "-h") {
    console.log(HELP);
    return 0;
  }
  const running = services(values);
  switch (verb) {
    case "install":
      for (const each of running) await each.install();
      return 0;
    case "up":
      await up(running, values);
      await status(running);
      return 0;
    case "down":
      for (const each of running) {
        if (await each.stop()) console.log(`stopped ${each.service.name}`);
      }
      return 0;
    case "status":
      if (values.env) {
        for (const [name, value] of Object.entries(await settings(running))) {
          console.log(`${name}=${value}`);
        }
      } else await status(running);
      return (await withEndpoints(running)).every(({ endpoint }) => endpoint) ? 0 : 1;
    case "exec":
      return await exec(running, values, rest.slice(end));
  }
  throw new ServiceError(`Cannot ${verb}: expected install, up, down, status or exec`);
}

// A server that ends in between, or a signal, must not leave "exec" without its clean-up.
try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  const isUsers = error instanceof ServiceError || error instanceof TypeError;
  console.error(isUsers ? `services: ${error.message}` : error);
  Deno.exit(1);
}
