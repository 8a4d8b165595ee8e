import type { Config } from "../config.ts";
import { ExternalError, retry } from "../errors.ts";
import { connect } from "./client.ts";
import { openOwnFolder } from "./own_folder.ts";
import type { Target } from "./target.ts";
import { paint } from "./text.ts";
import type { Owner, World } from "./world.ts";

/** A process that starts has this long to listen: 60 looks, growing to a second apart. */
const STARTING = { attempts: 60, firstDelayMs: 50, maxDelayMs: 1000 };

/**
 * The running process where there is one, else the data folder itself.
 *
 * @param notice told what a person has to wait for.
 * @throws ExternalError when a process owns the folder and does not listen.
 */
export async function openTarget(
  config: Config,
  world: World,
  notice: (text: string) => void = (text) => world.err.write(`${text}\n`),
): Promise<Target> {
  if (await world.readOwner(config.dataDir) === null) {
    notice(paint(world.err, "dim", `No process runs on ${config.dataDir}: opening it here.`));
    return await openOwnFolder(
      config,
      world,
      (message, error) =>
        notice(`${message}: ${error instanceof Error ? error.message : String(error)}`),
    );
  }
  await listening(config, world);
  return connect({ config, world, onOutage: notice });
}

async function listening({ dataDir }: Config, world: World): Promise<Owner | null> {
  return await retry(async () => {
    const owner = await world.readOwner(dataDir);
    if (owner === null || owner.url !== null) return owner;
    throw new ExternalError(
      `Cannot reach process ${owner.pid}, which owns ${dataDir}: it does not listen`,
    );
  }, { ...STARTING, signal: world.stop, sleep: (ms) => world.clock.sleep(ms, world.stop) });
}
