import { CHUNK_EVENTS, fileChunks } from "../sources/file_chunks.ts";
import { checkFormat, type FileFormat, ndjson, recogniseFormat } from "../sources/file_formats.ts";
import { paced, type SourceChunk } from "../sources/source.ts";
import { type InputFile, openInput } from "./input_file.ts";
import { inputsOf } from "./inputs_of.ts";
import type { Invocation } from "./invocation.ts";
import { openTarget } from "./open_target.ts";
import { Progress } from "./progress.ts";
import { putCatalog, readCatalog } from "./put_catalog.ts";
import { type ReplayRequest, replayRequest } from "./replay_request.ts";
import { type SentSummary, SentTally, summaryText } from "./sent_tally.ts";
import type { Target } from "./target.ts";
import { counted } from "./text.ts";
import type { World } from "./world.ts";

/** Chunks per second at a given pace, so that a slow replay is steady. */
const CHUNKS_PER_SECOND = 5;

/** Replays a file and tells what it came to; returns the exit code. */
export async function replayCommand(
  { positionals: [file], flags, config, world }: Invocation,
): Promise<number> {
  const request = replayRequest(file, flags, await inputsOf(world, config));
  await using input = await openInput(request.file, world);
  const format = formatOf(request, input);
  const first = { file: request.catalog ?? "", catalog: null, format: null };
  const rowsFirst = request.catalog === null
    ? null
    : await readCatalog(first, request.catalogFormats, world);
  const { clock, err: terminal } = world;
  let progress: Progress | null = null;
  await using target = await openTarget(config, world, {
    notice: (text) => {
      progress?.clear();
      terminal.write(`${text}\n`);
    },
  });
  try {
    if (rowsFirst !== null) {
      const { catalog, rows } = await putCatalog(rowsFirst, target);
      terminal.write(`${catalog} has ${counted(rows, "row")} now.\n`);
    }
    progress = new Progress({ terminal, clock, totalBytes: input.sizeBytes });
    const summary = await replay({ ...request, format }, input, target, world, progress);
    progress.clear();
    const heading = `${summary.whole ? "Replayed" : "Stopped within"} ${input.name} → `;
    world.out.write(
      request.json
        ? `${JSON.stringify(summary)}\n`
        : summaryText(heading + target.name, summary, world.out),
    );
    if (!summary.whole) return 130;
    return summary.accepted === 0 && summary.rejected > 0 ? 1 : 0;
  } finally {
    progress?.clear();
  }
}

function formatOf({ format, formats }: ReplayRequest, { name, head }: InputFile): FileFormat {
  const wanted = format ?? recogniseFormat(head, formats) ?? ndjson;
  checkFormat(wanted, name, head, formats);
  return wanted;
}

/**
 * Sends a file's events chunk by chunk, one at a time, reading on meanwhile. When `world.stop`
 * aborts, the chunk under way is finished and counted.
 *
 * @throws what the target throws; not after `world.stop` has aborted.
 */
async function replay(
  request: ReplayRequest & { readonly format: FileFormat },
  input: InputFile,
  target: Target,
  { clock, stop }: Pick<World, "clock" | "stop">,
  progress: Pick<Progress, "show">,
): Promise<SentSummary> {
  const { format, topic } = request;
  const chunks = pacedChunks(request, input, { clock, stop });
  const tally = new SentTally(clock.now());
  let next = ahead(chunks);
  while (true) {
    const { done, value: chunk } = await next;
    if (done || stop.aborted) break;
    next = ahead(chunks);
    try {
      tally.skipped(chunk.faults);
      if (chunk.bytes.length > 0) {
        tally.sent(await target.ingest(chunk.bytes, format.name, topic ?? undefined), chunk);
      }
    } catch (error) {
      if (!stop.aborted) throw error;
      break;
    }
    const position = input.isCompressed ? input.read() : chunk.position;
    progress.show({ events: tally.accepted, position });
  }
  return tally.summary(clock.now(), !stop.aborted);
}

function pacedChunks(
  { format, rate, speed, timeField }: ReplayRequest & { readonly format: FileFormat },
  { bytes }: InputFile,
  { clock, stop }: Pick<World, "clock" | "stop">,
): AsyncGenerator<SourceChunk> {
  const chunkEvents = rate === null
    ? CHUNK_EVENTS
    : Math.min(CHUNK_EVENTS, Math.max(1, Math.ceil(rate / CHUNKS_PER_SECOND)));
  const byTime = speed === null
    ? undefined
    : { field: timeField, spanMs: speed * 1000 / CHUNKS_PER_SECOND };
  const chunks = fileChunks(bytes, format, { chunkEvents, byTime });
  return paced(chunks, { rate, speed, clock, signal: stop });
}

/** The next chunk, read while another is sent; a fault waits until it is asked for. */
function ahead(chunks: AsyncGenerator<SourceChunk>): Promise<IteratorResult<SourceChunk>> {
  const next = chunks.next();
  next.catch(() => {});
  return next;
}
