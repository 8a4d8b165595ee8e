/** Events: taking them in, and looking at those that came. */
import type { Ingest, Records, Services } from "../../runtime/services.ts";
import type { Asked } from "./route.ts";
import { limitedBody, mediaType } from "./request_body.ts";

/** The formats that events can be sent in, by media type. */
export const eventFormats: Readonly<Record<string, Parameters<Ingest["ingest"]>[1]>> = {
  "application/x-ndjson": "ndjson",
  "application/json": "json-array",
};

/** `POST /api/v1/events` */
export async function takeEvents({ ingest }: Services, { c, params, maxBodyBytes }: Asked) {
  const type = mediaType(c.req.raw, Object.keys(eventFormats));
  const { stream, fault } = limitedBody(c.req.raw, maxBodyBytes);
  try {
    const answer = await ingest.ingest(stream, eventFormats[type], params.topic);
    return { ...answer, rejected: [...answer.rejected] };
  } catch (error) {
    throw fault() ?? error;
  }
}

/** `GET /api/v1/events` */
export async function listEvents({ records }: Services, { params, signal }: Asked) {
  const page: Awaited<ReturnType<Records["list"]>> = await records.list(params, signal);
  return { events: [...page.items], next: page.next, newest: page.newest };
}
