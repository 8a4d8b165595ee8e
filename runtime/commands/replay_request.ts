import { UserError } from "../std/errors.ts";
import type { CatalogFormat } from "../row_format.ts";
import { type FileFormat, fileFormats } from "../sources/file_formats.ts";
import { whole } from "../settings/setting_types.ts";
import type { Pace } from "../sources/source.ts";
import { oneOf } from "./text.ts";
import type { DeclaredInputs } from "./world.ts";

/** What replay was asked to do. */
export interface ReplayRequest extends Pace {
  readonly file: string;
  /** Null: what the first line looks like. */
  readonly format: FileFormat | null;
  readonly formats: readonly FileFormat[];
  /** The field of the event time, where the format does not say. */
  readonly timeField: string;
  /** Null: the only topic there is. */
  readonly topic: string | null;
  /** A file to be put into a catalog first. */
  readonly catalog: string | null;
  readonly catalogFormats: readonly CatalogFormat[];
  readonly json: boolean;
}

/** The event time's field where the format does not say. */
const TIME_FIELD = "timestamp";
const RATE = whole({ min: 1, max: 1e9 });

/**
 * Reads the flags of replay.
 *
 * @throws {UserError} naming the flag, what was expected and what came.
 */
export function replayRequest(
  file: string,
  flags: Readonly<Record<string, string | boolean>>,
  inputs: Pick<DeclaredInputs, "formats" | "catalogFormats">,
): ReplayRequest {
  const formats = fileFormats(inputs.formats);
  const { format, rate, speed, topic, catalog, "time-field": timeField = TIME_FIELD } = flags;
  if (rate !== undefined && speed !== undefined) {
    throw wrong("speed", "left out where --rate is given", speed);
  }
  return {
    file,
    format: format === undefined ? null : formatNamed(String(format), formats),
    formats,
    catalogFormats: inputs.catalogFormats,
    rate: rate === undefined || rate === "max" ? null : eventsPerSecond(rate),
    speed: speed === undefined ? null : timesAsFast(speed),
    timeField: String(timeField),
    topic: topic === undefined ? null : String(topic),
    catalog: catalog === undefined ? null : String(catalog),
    json: flags.json === true,
  };
}

function eventsPerSecond(given: string | boolean): number {
  const rate = RATE.parse(String(given));
  if (rate === undefined) throw wrong("rate", `"max" or ${RATE.wanted}`, given);
  return rate;
}

function formatNamed(name: string, formats: readonly FileFormat[]): FileFormat {
  const found = formats.find((format) => format.name === name);
  if (found !== undefined) return found;
  throw wrong("format", oneOf(formats.map((format) => format.name)), name);
}

/** `60x`, `0.5x`; the x may be left out. */
function timesAsFast(given: string | boolean): number {
  const times = /^(\d{1,9}(?:\.\d{1,6})?)x?$/.exec(String(given))?.[1];
  if (times === undefined || Number(times) <= 0) {
    throw wrong("speed", "how many times as fast as it happened, such as 60x", given);
  }
  return Number(times);
}

function wrong(flag: string, wanted: string, got: string | boolean): UserError {
  const field = flag;
  return new UserError(`Cannot replay: --${flag} must be ${wanted}, got "${got}"`, { field });
}
