/** Dead letters: the list, their causes, all of them as a file, one with its bytes, and redriving. */
import type { Services } from "../../runtime/ports/services.ts";
import { csvLine } from "../../runtime/std/csv.ts";
import { UserError } from "../../runtime/std/errors.ts";
import { bytesResponse, placeIn, wantsBytes, withText } from "./record_bytes.ts";
import { objectOf } from "./request_body.ts";
import type { Asked } from "./route.ts";
import { redriveRequest } from "./schemas.ts";

/** `GET /api/v1/dead-letters` */
export async function listDeadLetters({ deadLetters }: Services, { params, signal }: Asked) {
  const { items, next } = await deadLetters.list(params, signal);
  return { dead_letters: [...items], next };
}

/** `GET /api/v1/dead-letters/{topic}/{partition}/{offset}` */
export async function oneDeadLetter({ deadLetters }: Services, { c, signal }: Asked) {
  const place = placeIn(c);
  const { redrives, ...letter } = await deadLetters.one(place, signal);
  if (wantsBytes(c)) return bytesResponse(place, letter.bytes);
  return {
    ...withText(letter),
    redrives: redrives.map((each) => ({ ...each, set: { ...each.set } })),
  };
}

/** `GET /api/v1/dead-letters/reasons` */
export async function deadLetterReasons({ deadLetters }: Services, { params, signal }: Asked) {
  return { reasons: await deadLetters.reasons(params, signal) };
}

/** The media types of an export. */
export const exportTypes = { ndjson: "application/x-ndjson", csv: "text/csv" } as const;

/** `GET /api/v1/dead-letters/export`: streamed, so that any number of them fits. */
export async function exportDeadLetters({ deadLetters }: Services, { params, signal }: Asked) {
  const { as = "ndjson", ...filter } = params;
  if (!Object.hasOwn(exportTypes, as)) {
    const names = Object.keys(exportTypes).join(" or ");
    throw new UserError(
      `Cannot export dead letters: as must be ${names}, got ${JSON.stringify(as.slice(0, 80))}`,
      { field: "as" },
    );
  }
  const parts = deadLetters.each(filter, signal);
  // What is wrong with the request is the answer, and not the end of a file.
  const first = await parts.next();
  const type = exportTypes[as as keyof typeof exportTypes];
  async function* lines() {
    const encoder = new TextEncoder();
    let names: string[] | null = null;
    for (let part = first; !part.done; part = await parts.next()) {
      const rows: Readonly<Record<string, unknown>>[] = part.value.map(withText);
      const header = names === null && as === "csv" ? csvLine(Object.keys(rows[0])) : "";
      names ??= Object.keys(rows[0]);
      const text = rows.map((row) =>
        as === "csv" ? csvLine(names!.map((name) => row[name])) : `${JSON.stringify(row)}\n`
      );
      yield encoder.encode(header + text.join(""));
    }
  }
  return new Response(ReadableStream.from(lines()), {
    headers: {
      "content-type": as === "csv" ? `${type}; charset=utf-8` : type,
      "content-disposition": `attachment; filename="dead_letters.${as}"`,
    },
  });
}

/** `POST /api/v1/dead-letters/redrive` */
export async function redriveDeadLetters(
  { deadLetters }: Services,
  { c, signal, maxBodyBytes }: Asked,
) {
  const { partition, from_offset, to_offset, ...request } = await objectOf(
    redriveRequest,
    c.req.raw,
    maxBodyBytes,
  );
  const whole = Object.entries({ partition, from_offset, to_offset })
    .flatMap(([name, value]) => value === undefined ? [] : [[name, String(value)]]);
  const { refused, ...answer } = await deadLetters.redrive(
    { ...request, ...Object.fromEntries(whole) },
    signal,
  );
  return { ...answer, refused: [...refused] };
}
