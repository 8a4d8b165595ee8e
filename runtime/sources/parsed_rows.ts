import { messageOf, UserError } from "../std/errors.ts";
import { rawNumber } from "../std/raw_json.ts";
import { type CatalogFormat, RowFault, type RowFormat } from "../row_format.ts";
import type { EventSchema } from "../events.ts";
import type { EventWriter } from "./event_writer.ts";
import { quoted, type RefusedRow, type RowWriter } from "./row_writer.ts";

const NUMBERS: readonly string[] = ["uint32", "integer", "decimal"];

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Whether bytes are UTF-8; takes several times as long as decoding them. */
function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Rows of a declared format as events of its schema. */
export class ParsedRows implements RowWriter {
  readonly #numbers: readonly string[];

  /** @param schema of the topic that the rows go to. Default: the format's. */
  constructor(readonly format: RowFormat, { fields }: EventSchema = format.source) {
    this.#numbers = Object.keys(fields).filter((name) => NUMBERS.includes(fields[name].kind));
  }

  header(bytes: Uint8Array, start: number, end: number): boolean {
    return saysYes(this.format, "header", decoder.decode(bytes.subarray(start, end)));
  }

  write(bytes: Uint8Array, start: number, end: number, writer: EventWriter): RefusedRow | null {
    const event = this.parse(bytes, start, end);
    const json = event instanceof RowFault ? event : jsonOf(event);
    if (typeof json === "string") {
      writer.text(json);
      return null;
    }
    const { field, wanted } = json;
    return { field, reason: `expected ${wanted}, got ${quoted(bytes, start, end)}` };
  }

  /** The event of the row `bytes[start, end)`, numbers given as text being raw JSON; or why not. */
  parse(bytes: Uint8Array, start: number, end: number): Record<string, unknown> | RowFault {
    const row = bytes.subarray(start, end);
    const line = decoder.decode(row);
    if (line.includes("\ufffd") && !isUtf8(row)) return new RowFault("", "UTF-8");
    const parsed = parsedLine(this.format, line);
    if (parsed instanceof RowFault) return parsed;
    const event = { ...parsed };
    for (const name of this.#numbers) {
      const value = event[name];
      if (typeof value === "number" && !Number.isFinite(value)) {
        return new RowFault(name, "a number");
      }
      if (typeof value === "string") event[name] = rawNumber(value) ?? value;
    }
    return event;
  }
}

/** What a format makes of a line. */
export function parsedLine(
  { parse }: Pick<RowFormat, "parse">,
  line: string,
): Readonly<Record<string, unknown>> | RowFault {
  try {
    const parsed: unknown = parse(line);
    if (parsed !== null && typeof parsed === "object") return parsed as Record<string, unknown>;
    return new RowFault("", `a row of which the format makes an object, not ${parsed}`);
  } catch (error) {
    return new RowFault("", `a row that the format reads (${messageOf(error)})`);
  }
}

/**
 * Asks a format about a line.
 *
 * @throws {UserError} when the format throws.
 */
export function saysYes(
  format: RowFormat | CatalogFormat,
  member: "matches" | "header",
  line: string,
): boolean {
  try {
    return format[member]?.(line) ?? false;
  } catch (cause) {
    const message = `Row format ${format.name}: ${member}() throws: ${messageOf(cause)}`;
    throw new UserError(message, { field: "format", cause });
  }
}

function jsonOf(event: Record<string, unknown>): string | RowFault {
  try {
    return JSON.stringify(event);
  } catch (error) {
    return new RowFault("", `values that JSON has (${messageOf(error)})`);
  }
}
