import {
  type Decoding,
  type DecodingOptions,
  openDecoding,
  SchemaMisfit,
} from "../archive/decoding.ts";
import { DECODER_VERSION } from "../decode/decoder.ts";
import type { EventSchema } from "../events.ts";

/** The schema by which the events of a topic are decoded. */
export interface FittingSchema {
  /** As it is declared; where that is refused, as it was before. */
  readonly schema: EventSchema;
  readonly decoding: Decoding;
  /** Why the declared schema is refused; null where it is not. */
  readonly misfit: SchemaMisfit | null;
}

/** Opens the decoding of a declared schema; where it does not fit what is archived, the former one. */
export async function fittingSchema(
  options: Omit<DecodingOptions, "decoderVersion">,
): Promise<FittingSchema> {
  const open = (schema: EventSchema) =>
    openDecoding({ ...options, schema, decoderVersion: DECODER_VERSION });
  try {
    return { schema: options.schema, decoding: await open(options.schema), misfit: null };
  } catch (error) {
    if (!(error instanceof SchemaMisfit)) throw error;
    return { schema: error.former, decoding: await open(error.former), misfit: error };
  }
}
