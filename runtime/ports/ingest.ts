/** Ingesting events. */

/** What the ingest answers. */
export interface IngestAnswer {
  readonly accepted: number;
  /** The first hundred faults. */
  readonly rejected: readonly {
    readonly line: number;
    readonly field: string;
    readonly reason: string;
  }[];
  readonly rejected_total: number;
  /** Reaches it when all accepted events are counted: for `wait_for`. */
  readonly frontier: string;
}

/** What a body may be compressed with. */
export type BodyEncoding = "gzip" | "zstd";

/** Options of {@link Ingest.ingest}. */
export interface IngestOptions {
  /** What the body is compressed with. Default: it is not. */
  readonly encoding?: BodyEncoding;
  /** The most bytes of the body, decompressed. Default: any number. */
  readonly maxBytes?: number;
}

/** Takes events in. */
export interface Ingest {
  /**
   * Validates and appends a stream of events, durably before it returns, in bounded memory: the body
   * is read no faster than the log takes it. What cannot be decoded goes to the log too: it ends up
   * in the dead letter, told here.
   *
   * @param format one of `Services.formats`.
   * @param topic the schema's topic. May be left out where there is one, and in a declared format.
   * @throws UserError for an unknown format or topic, a format of another topic, compressed data
   * that are broken, a header or an array that is none; what came before stays taken. TooLargeError
   * beyond `maxBytes`, and where a compressed body is more than 200 times as large when
   * decompressed, beyond its first MiB.
   */
  ingest(
    body: ReadableStream<Uint8Array>,
    format: string,
    topic?: string,
    options?: IngestOptions,
  ): Promise<IngestAnswer>;
}
