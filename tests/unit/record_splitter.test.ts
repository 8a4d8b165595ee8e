import { describe, expect, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { CsvFraming } from "../../runtime/decode/csv_framing.ts";
import {
  type Framing,
  LineFraming,
  OVERSIZE_HEAD_BYTES,
  RecordSplitter,
  splitStream,
} from "../../runtime/decode/line_splitter.ts";
import { UserError } from "../../runtime/std/errors.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

function split(framing: Framing, parts: string[], maxValueBytes?: number) {
  const splitter = new RecordSplitter(framing, { maxValueBytes });
  const records: [line: number, ordinal: number, text: string][] = [];
  const oversize: [line: number, ordinal: number, sizeBytes: number][] = [];
  let error: unknown;
  try {
    for (const part of [...parts, null]) {
      for (const batch of part === null ? splitter.end() : splitter.push(utf8.encode(part))) {
        for (let i = 0; i < batch.count; i++) {
          const value = batch.bytes.slice(batch.valueStart[i], batch.valueEnd[i]);
          records.push([batch.line[i], batch.ordinal[i], text.decode(value)]);
        }
        oversize.push(
          ...batch.oversize.map((one) =>
            [one.line, one.ordinal, one.sizeBytes] as [number, number, number]
          ),
        );
      }
    }
  } catch (caught) {
    error = caught;
  }
  return { records, oversize, error };
}

describe("RecordSplitter", () => {
  it("cuts lines with either ending, counts blank ones, takes a last one without ending", () => {
    expect(split("ndjson", ['{"a":1}\r\n', "\n  \r\n 2 \n", "3"]).records).toEqual([
      [1, 0, '{"a":1}'],
      [4, 1, "2"],
      [5, 2, "3"],
    ]);
    expect(split("ndjson", [""]).records).toEqual([]);
  });

  for (const framing of ["ndjson", "csv"] as const) {
    it(`passes over blank lines of ${framing} in bulk and counts them`, () => {
      const blank = ["\n".repeat(5), " \t\r\n".repeat(3), "\r\n", "  "];
      expect(split(framing, [...blank, "1\n", ...blank, "\n", "2", "\n\n \n"])).toEqual({
        records: [[10, 0, framing === "csv" ? "  1" : "1"], [21, 1, "2"]],
        oversize: [],
        error: undefined,
      });
      // A blank line that is too long is told as any other.
      expect(split(framing, ["\n\n", "     \n", "1\n"], 3)).toEqual({
        records: [[4, 1, "1"]],
        oversize: [[3, 0, 5]],
        error: undefined,
      });
    });

    it(`reports no record for a blank line of ${framing}`, () => {
      let begun = 0;
      const sink = { begin: () => void begun++, finish: () => {} };
      const bytes = utf8.encode("\n".repeat(100_000) + " \r\n".repeat(100_000) + "1\n");
      const scan = framing === "csv" ? new CsvFraming(1 << 20) : new LineFraming(1 << 20);
      scan.scan(bytes, 0, bytes.length, sink);
      expect(begun).toBe(1);
    });
  }

  it("cuts an array's elements outside of strings at depth 1", () => {
    const parts = [' [ {"a":"],\\"["},', '\n[1,[2]] ,"x,', '\\\\",nul', "l\n]\n"];
    expect(split("json-array", parts)).toEqual({
      records: [
        [1, 0, '{"a":"],\\"["}'],
        [2, 1, "[1,[2]]"],
        [2, 2, '"x,\\\\"'],
        [2, 3, "null"],
      ],
      oversize: [],
      error: undefined,
    });
    expect(split("json-array", ["[", " ]"]).records).toEqual([]);
  });

  it("passes over a record that is too long and tells its line and size", () => {
    const long = "x".repeat(25);
    for (const parts of [[`1\n${long}\n2\n`], ["1\n", ..."x".repeat(25), "\n2\n"]]) {
      const { records, oversize } = split("ndjson", parts, 10);
      expect(records).toEqual([[1, 0, "1"], [3, 2, "2"]]);
      expect(oversize).toEqual([[2, 1, 25]]);
    }
    for (const parts of [[`[1,"${long}",2]`], [...`[1,"${long}",2]`]]) {
      const { records, oversize } = split("json-array", parts, 10);
      expect(records).toEqual([[1, 0, "1"], [1, 2, "2"]]);
      expect(oversize).toEqual([[1, 1, 27]]);
    }
    expect(split("ndjson", ["x".repeat(11)], 10).oversize).toEqual([[1, 0, 11]]);
    expect(split("ndjson", ["x".repeat(10)], 10).records).toHaveLength(1);
  });

  const broken: [name: string, input: string, message: string, records: number][] = [
    ["no array", '\n{"a":1}', 'line 2 must go on with "[", got "{"', 0],
    ["an empty input", " ", 'line 1 must go on with "[", got the end of the input', 0],
    ["a byte order mark", "\ufeff[]", 'line 1 must go on with "[", got byte 0xef', 0],
    ["an array that is not closed", "[1,\n2", 'line 2 must go on with "]", got the end', 1],
    ["a string that is not closed", '[1,"2]', 'line 1 must go on with "]", got the end', 1],
    ["a missing element", "[1,,2]", 'line 1 must go on with a record, got ","', 1],
    ["a trailing comma", "[1,\n]", 'line 2 must go on with a record, got "]"', 1],
    ["a leading comma", "[,1]", 'line 1 must go on with a record, got ","', 0],
    [
      "something behind the array",
      "[1]\n\n[2]",
      'line 3 must go on with the end of the input, got "["',
      1,
    ],
  ];
  for (const [name, input, message, records] of broken) {
    it(`reports ${name} by line, after the records before it`, () => {
      for (const parts of [[input], [...input]]) {
        const result = split("json-array", parts);
        expect(result.error).toBeInstanceOf(UserError);
        expect((result.error as UserError).message).toContain(
          `Cannot split JSON array: ${message}`,
        );
        expect(result.records).toHaveLength(records);
      }
    });
  }

  it("hands out at most maxRecords at a time, and never writes to what it handed out", () => {
    const lines = Array.from({ length: 10 }, (_, i) => `${i}`).join("\n");
    const splitter = new RecordSplitter("ndjson", { maxRecords: 4 });
    const batches = [lines.slice(0, 9), lines.slice(9)].flatMap((part) => [
      ...splitter.push(utf8.encode(part)),
    ]);
    batches.push(...splitter.end());
    expect(batches.every(({ count }) => count <= 4)).toBe(true);
    const all = batches.flatMap(({ bytes, valueStart, valueEnd }) =>
      [...valueStart].map((start, i) => text.decode(bytes.slice(start, valueEnd[i])))
    );
    expect(all).toEqual([..."0123456789"]);
  });

  it("holds a bounded number of bytes, however long a line is", () => {
    const splitter = new RecordSplitter("ndjson", { maxValueBytes: 1000 });
    const part = new Uint8Array(300 << 10).fill(0x78);
    for (let i = 0; i < 20; i++) expect([...splitter.push(part)]).toEqual([]);
    const [batch] = splitter.push(utf8.encode("\n1\n"));
    expect(batch.oversize).toMatchObject([{ line: 1, ordinal: 0, sizeBytes: 20 * (300 << 10) }]);
    expect(batch.oversize[0].head).toEqual(new Uint8Array(OVERSIZE_HEAD_BYTES).fill(0x78));
    expect(batch.count).toBe(1);
    expect(batch.bytes.length).toBeLessThan(1 << 20);
  });

  it("gives batches that the decoder takes", () => {
    const [batch] = new RecordSplitter("ndjson").push(utf8.encode('\n{"event_id":1}\n[]\n'));
    const faults = createDecoder(movieViewing).decode(batch, allocateColumns(movieViewing, 8));
    expect(faults.map(({ row, reason }) => [batch.line[row], reason])).toEqual([
      [2, "event_id must be text, got 1"],
      [3, "record must be a JSON object, got an array"],
    ]);
  });
});

describe("splitStream()", () => {
  it("splits a stream as its bytes come in", async () => {
    const stream = new Blob(["[1,", "2]"]).stream();
    let count = 0;
    for await (const batch of splitStream(stream, "json-array")) count += batch.count;
    expect(count).toBe(2);
  });
});
