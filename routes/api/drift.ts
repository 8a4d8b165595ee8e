/** The event days that drift, and accepting a difference. */
import type { z } from "zod";
import type { Services } from "../../runtime/ports/services.ts";
import { objectOf } from "./request_body.ts";
import type { Asked } from "./route.ts";
import { driftAcceptance, type driftList } from "./schemas.ts";

/** `GET /api/v1/drift` */
export async function listDrift({ drifts }: Services, { params, signal }: Asked) {
  const { items, next } = await drifts.list(params, signal);
  return structuredClone({ days: items, next }) as z.infer<typeof driftList>;
}

/** `POST /api/v1/drift/accept` */
export async function acceptDrift({ drifts }: Services, { c, maxBodyBytes }: Asked) {
  const acceptance = await objectOf(driftAcceptance, c.req.raw, maxBodyBytes);
  return { accepted: [...await drifts.accept(acceptance)] };
}
