/** Events: taking them in, and looking at those that came. */
import { type BodyEncoding, type Records, type Services } from "../../runtime/ports/services.ts";
import { Problem } from "./problem.ts";
import { bodyEncoding, limitedBody, mediaType } from "./request_body.ts";
import { bytesResponse, placeIn, wantsBytes, withText } from "./record_bytes.ts";
import type { Asked } from "./route.ts";

/** The media types of events with the format that each means, where nothing else is asked for. */
export const eventTypes: Readonly<Record<string, string | null>> = {
  "application/x-ndjson": "ndjson",
  "application/json": "json-array",
  "text/csv": "csv",
  // Says only that it is text: `?format=` has to tell which.
  "text/plain": null,
};

const ENCODINGS: readonly BodyEncoding[] = ["gzip", "zstd"];

/** `POST /api/v1/events` */
export async function takeEvents(
  { ingest, formats }: Services,
  { c, params, maxBodyBytes }: Asked,
) {
  const format = formatOf(c.req.raw, params.format, formats);
  const encoding = bodyEncoding(c.req.raw, ENCODINGS);
  const { stream, fault } = limitedBody(c.req.raw, maxBodyBytes);
  try {
    const options = { encoding, maxBytes: maxBodyBytes };
    const answer = await ingest.ingest(stream, format, params.topic, options);
    return { ...answer, rejected: [...answer.rejected] };
  } catch (error) {
    throw fault() ?? error;
  }
}

/** The format of a request's events: as `?format=` says, else by the media type. */
function formatOf(
  request: Request,
  given: string | undefined,
  formats: Services["formats"],
): string {
  const type = mediaType(request, Object.keys(eventTypes));
  const fault = (wanted: string, got: string) =>
    new Problem("invalid-request", `format must be ${wanted}, got ${got}`, { field: "format" });
  if (given !== undefined) {
    if (formats.has(given)) return given;
    const got = JSON.stringify(given.slice(0, 80));
    throw fault(
      `one of ${[...formats.keys()].join(", ")}`,
      `${got}; to load new row formats: twofold plugins reload`,
    );
  }
  const format = eventTypes[type];
  if (format !== null) return format;
  throw fault(`given with content-type ${type}`, "none");
}

/** `GET /api/v1/events` */
export async function listEvents({ records }: Services, { params, signal }: Asked) {
  const page: Awaited<ReturnType<Records["list"]>> = await records.list(params, signal);
  const { items, next, newest, scanned } = page;
  return { events: [...items], next, newest, scanned: scanned && { ...scanned } };
}

/** `GET /api/v1/events/{topic}/{partition}/{offset}` */
export async function oneEvent({ records }: Services, { c, signal }: Asked) {
  const place = placeIn(c);
  const record = await records.one(place, signal);
  return wantsBytes(c) ? bytesResponse(place, record.bytes) : withText(record);
}
