import { describe, expect, fc, it } from "testing";
import { createIngest } from "../../runtime/engine/ingest.ts";
import { decimal, defineSchema, instant, string, uint32 } from "../../runtime/events.ts";
import {
  defineRowFormat,
  formatsOf,
  RowFault,
  type RowFormatDeclaration,
} from "../../runtime/row_format.ts";
import { readAll } from "../support/log_reading.ts";
import { MemoryLog } from "../support/memory_log.ts";

const notes = defineSchema({
  topic: "notes",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "id",
  fields: {
    id: string(),
    at: instant(),
    size: uint32({ nullable: true }),
    price: decimal({ scale: 2, min: 0, max: 10, nullable: true }),
  },
});
type Parse = RowFormatDeclaration<typeof notes>["parse"];

const at = "2026-01-01T00:00:00Z";
const declaration: RowFormatDeclaration<typeof notes> = {
  name: "notes-line",
  summary: "one note per line",
  parse: (line) => ({ id: line, at }),
};

/** What a log holds after rows that `parse` reads, and what the ingest says. */
async function take(
  parse: unknown,
  body: string | Uint8Array<ArrayBuffer>,
  { topic, header }: { topic?: string; header?: (line: string) => boolean } = {},
) {
  const format = defineRowFormat(notes, { ...declaration, header, parse: parse as Parse });
  const log = new MemoryLog({ topic: notes.topic, partitions: 1 });
  const other = new MemoryLog({ topic: "other", partitions: 1 });
  const ingest = createIngest([
    { schema: { ...notes, topic: "other" }, log: other },
    { schema: notes, log },
  ], () => [format]);
  const stream = new Response(body).body!;
  const { rejected, accepted } = await ingest.ingest(stream, "notes-line", topic);
  const values = (await readAll(log, 0)).map(({ value }) => value);
  return { accepted, rejected, values };
}

describe("defineRowFormat()", () => {
  it("reports all faults of a declaration at once", () => {
    const define = (over: object) => () =>
      defineRowFormat(notes, { ...declaration, ...over } as typeof declaration);
    expect(define({ name: "No", summary: "", parse: 1, matches: "x", mach: 1 })).toThrow(
      'Cannot define row format "No": \n' +
        "- mach is no member; known are name, summary, matches, header, parse\n" +
        '- name must be lower-case letters, digits and "-", got "No"\n' +
        '- summary must say what a row looks like, got ""\n' +
        '- matches must be a function of a line, got "x"\n' +
        "- parse must be a function of a line, got 1",
    );
    expect(define({ name: "csv" })).toThrow('name "csv" is a format of every installation');
    expect(define({ parser: 1 })).toThrow('did you mean "parse"?');
    expect(() => defineRowFormat({} as typeof notes, declaration)).toThrow(
      "its first argument must be a schema of defineSchema(), got {}",
    );
  });

  it("stands among the general formats", () => {
    expect([...formatsOf([defineRowFormat(notes, declaration)])]).toEqual([
      ["ndjson", "one JSON object per line"],
      ["json-array", "one JSON array"],
      ["csv", "CSV with a header"],
      ["notes-line", "one note per line"],
    ]);
  });
});

describe("an ingest of a declared format", () => {
  it("takes rows as events of the format's topic, fields that the schema lacks among them", async () => {
    const parse = (line: string) => ({ id: line, at, size: line.length, mood: "é" });
    const { accepted, values } = await take(parse, "head\na\r\n\nb", {
      header: (line) => line === "head",
    });
    expect(accepted).toBe(2);
    expect(values.map((value) => JSON.parse(value))).toEqual(
      ["a", "b"].map((id) => ({ id, at, size: 1, mood: "é" })),
    );
  });

  it("keeps every digit of a number that is given as text", async () => {
    const number = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.nat(30), fc.nat(3));
    await fc.assert(fc.asyncProperty(fc.array(number, { minLength: 1 }), async (numbers) => {
      const texts = numbers.map(([value, places, zeros]) => {
        const digits = String(value).padStart(places + 1, "0");
        const point = digits.length - places;
        const whole = "0".repeat(zeros) + digits.slice(0, point);
        return places === 0 ? whole : `${whole}.${digits.slice(point)}`;
      });
      const parse = (line: string) => ({ id: line, at, price: line });
      const { values } = await take(parse, texts.join("\n"));
      const written = texts.map((text) => `"price":${text.replace(/^0+(?=\d)/, "")}}`);
      expect(values.map((value) => value.slice(value.indexOf('"price"')))).toEqual(written);
    }));
    // The nearest 64-bit float of this is 10.005, which rounds to 10.01.
    const exact = await take(
      (line: string) => ({ id: line, at, price: line }),
      "10.00499999999999999999",
    );
    expect(exact.accepted).toBe(1);
  });

  it("lists each row that is no event with the reason, keeps it as it came and goes on", async () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const results: Record<string, () => unknown> = {
      fault: () => new RowFault("size", "digits"),
      throws: () => {
        throw new Error("no such note");
      },
      nothing: () => undefined,
      list: () => "text",
      nan: () => ({ id: "x", at, size: NaN }),
      big: () => ({ id: "x", at, other: 1n }),
      circular: () => circular,
      good: () => ({ id: "x", at }),
    };
    const rows = Object.keys(results);
    const { accepted, rejected, values } = await take(
      (line: string) => results[line](),
      rows.join("\n"),
    );
    expect(accepted).toBe(1);
    expect(rejected.map(({ line, field, reason }) => `${line} ${field}: ${reason}`)).toEqual([
      '1 size: expected digits, got "fault"',
      '2 : expected a row that the format reads (no such note), got "throws"',
      '3 : expected a row of which the format makes an object, not undefined, got "nothing"',
      '4 : expected a row of which the format makes an object, not text, got "list"',
      '5 size: expected a number, got "nan"',
      expect.stringContaining("6 : expected values that JSON has ("),
      expect.stringContaining("7 : expected values that JSON has ("),
    ]);
    expect(values).toEqual([...rows.slice(0, -1), `{"id":"x","at":"${at}"}`]);
  });

  it("refuses a row that is not UTF-8, whose text would be another one", async () => {
    const { accepted, rejected } = await take(
      (line: string) => ({ id: line, at }),
      new Uint8Array([0x61, 0x0a, 0xe9, 0x0a]),
    );
    expect([accepted, rejected.map(({ reason }) => reason)]).toEqual([1, [
      'expected UTF-8, got "�"',
    ]]);
  });

  it("names the format whose header() throws", async () => {
    const header = () => {
      throw new Error("no head");
    };
    await expect(take(declaration.parse, "a", { topic: "notes", header })).rejects.toThrow(
      "Row format notes-line: header() throws: no head",
    );
  });

  it("is of one topic", async () => {
    const asked = (topic: string) => take(declaration.parse, "a", { topic });
    expect((await asked("notes")).accepted).toBe(1);
    await expect(asked("other")).rejects.toThrow(
      'topic must be notes, to which rows of notes-line belong, got "other"',
    );
  });

  it("gives texts and numbers as the topic has them, whatever schema the format was written for", async () => {
    const format = defineRowFormat(notes, {
      ...declaration,
      parse: (id) => ({ id, at, size: "12" }),
    });
    const schema = defineSchema({
      ...notes,
      fields: { id: string(), at: instant(), size: string() },
    });
    const log = new MemoryLog({ topic: notes.topic, partitions: 1 });
    const ingest = createIngest([{ schema, log }], () => [format]);
    const { rejected } = await ingest.ingest(new Response("a").body!, "notes-line");
    expect(rejected).toEqual([]);
  });

  it("names the known formats where one is unknown", async () => {
    const ingest = createIngest([]);
    await expect(ingest.ingest(new Response("").body!, "notes-line")).rejects.toThrow(
      'format must be one of ndjson, json-array, csv, got "notes-line"',
    );
  });
});
