import type { Config } from "../settings/config.ts";
import { ExternalError, messageOf, retry, UserError } from "../std/errors.ts";
import { connect } from "./client.ts";
import { openOwnFolder } from "./own_folder.ts";
import type { Target } from "./target.ts";
import { paint } from "./text.ts";
import type { World } from "./world.ts";

/** A process that starts has this long to listen: 60 looks, growing to a second apart. */
const STARTING = { attempts: 60, firstDelayMs: 50, maxDelayMs: 1000 };

/** Options of {@link openTarget}. */
export interface TargetOptions {
  /** Whether a folder opened here has its layers running. Default true. */
  readonly start?: boolean;
  /** Whether a folder is made where there is none. Default: as `start`. */
  readonly create?: boolean;
  /** Told what a person has to wait for. Default: written to `world.err`. */
  readonly notice?: (text: string) => void;
}

/**
 * The running process where there is one, else the data folder itself.
 *
 * @throws ExternalError when a process owns the folder and does not listen; UserError when there is
 * no folder and none is to be made.
 */
export async function openTarget(
  config: Config,
  world: World,
  options: TargetOptions = {},
): Promise<Target> {
  const { start = true, create = start } = options;
  const notice = options.notice ?? ((text) => world.err.write(`${text}\n`));
  if (await world.readOwner(config.dataDir) === null) {
    if (!create) await assertFolder(config, world);
    notice(paint(world.err, "dim", `No process runs on ${config.dataDir}: opening it here.`));
    const onProblem = (message: string, error: unknown) =>
      notice(error === undefined ? message : `${message}: ${messageOf(error)}`);
    return await openOwnFolder(config, world, { start, onProblem });
  }
  return connect({ config, world, url: await listening(config, world), onOutage: notice });
}

/** A slip of the pen would else open a new folder, in which there is nothing. */
async function assertFolder(config: Config, world: World): Promise<void> {
  const { dataDir, kafkaBrokers, s3Endpoint, clickhouseUrl } = config;
  // What servers hold can be looked at from a machine that has never had the folder.
  if (kafkaBrokers !== null || s3Endpoint !== null || clickhouseUrl !== null) return;
  if (await world.hasFolder(dataDir)) return;
  throw new UserError(
    `There is no data folder "${dataDir}"; set --data or TWOFOLD_DATA to the folder of the data`,
    { field: "data" },
  );
}

/** Where the process listens, once it does. */
async function listening({ dataDir }: Config, world: World): Promise<string> {
  return await retry(async () => {
    const owner = await world.readOwner(dataDir);
    if (owner !== null && owner.url !== null) return owner.url;
    const which = owner === null ? "the process" : `process ${owner.pid}`;
    throw new ExternalError(`Cannot reach ${which} that owned ${dataDir}: it does not listen`);
  }, { ...STARTING, signal: world.stop, sleep: (ms) => world.clock.sleep(ms, world.stop) });
}
