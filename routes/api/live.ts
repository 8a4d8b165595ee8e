/** Server-sent events: a metric's rows that changed. */
import type { LiveUpdate, Services } from "../../runtime/ports/services.ts";
import { jsonText } from "./answer.ts";
import { Problem } from "./problem.ts";
import { metricQuery } from "./query_params.ts";
import type { Asked } from "./route.ts";

/** Without anything to tell, so often a comment says that the stream lives. */
const HEARTBEAT_MS = 15_000;
/** When a client that lost the stream asks again. */
const RETRY_MS = 2000;

const encoder = new TextEncoder();

/** `GET /api/v1/metrics/{name}/live` */
export async function liveMetric({ serving }: Services, { c, params }: Asked): Promise<Response> {
  const { last_event_id, ...question } = params;
  const field = ["after", "wait_for"].find((name) => name in question);
  if (field !== undefined) {
    throw new Problem("invalid-request", `${field} has no place in a live question`, { field });
  }
  const lastId = c.req.header("last-event-id") ?? last_event_id;
  const left = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, left.signal]);
  const updates = await serving.live(c.req.param("name")!, metricQuery(question), {
    lastId,
    signal,
  });
  const headers = {
    "content-type": "text/event-stream; charset=utf-8",
    "x-accel-buffering": "no",
  };
  if (c.req.method === "HEAD") {
    // Nobody would read its stream, nor cancel it.
    left.abort();
    return new Response(null, { headers });
  }
  return new Response(eventStream(updates[Symbol.asyncIterator](), () => left.abort()), {
    headers,
  });
}

/**
 * Updates as bytes. One is asked for only when the reader has taken the one before: what a reader
 * does not take is not made.
 */
function eventStream(
  updates: AsyncIterator<LiveUpdate>,
  leave: () => void,
): ReadableStream<Uint8Array> {
  let waiting: Promise<IteratorResult<LiveUpdate>> | null = null;
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(`retry: ${RETRY_MS}\n\n`)),
    async pull(controller) {
      waiting ??= updates.next();
      const beat = Promise.withResolvers<null>();
      const timer = setTimeout(() => beat.resolve(null), HEARTBEAT_MS);
      try {
        const next = await Promise.race([waiting, beat.promise]);
        if (next === null) return controller.enqueue(encoder.encode(": still here\n\n"));
        waiting = null;
        if (next.done) controller.close();
        else controller.enqueue(eventBytes(next.value));
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: leave,
  }, { highWaterMark: 0 });
}

/** Texts of updates: readers of one question mostly get the same one. */
const texts = new WeakMap<LiveUpdate, Uint8Array>();

function eventBytes(update: LiveUpdate): Uint8Array {
  const known = texts.get(update);
  if (known !== undefined) return known;
  const { id, kind, answer, removed } = update;
  const data = jsonText({ ...answer, removed });
  const bytes = encoder.encode(`id: ${id}\nevent: ${kind}\ndata: ${data}\n\n`);
  texts.set(update, bytes);
  return bytes;
}
