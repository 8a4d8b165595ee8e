import { describe, expect, fc, it } from "testing";
import { type Framing, RecordSplitter } from "../../runtime/decode/line_splitter.ts";
import { UserError } from "../../runtime/std/errors.ts";
import { space } from "../support/hostile_json.ts";

const utf8 = new TextEncoder();

type Split = { records: [line: number, text: string][]; oversize: number[]; broken: boolean };

function splitIncrementally(framing: Framing, bytes: Uint8Array, cuts: number[]): Split {
  const splitter = new RecordSplitter(framing, { maxValueBytes: MAX_VALUE_BYTES, maxRecords: 3 });
  const split: Split = { records: [], oversize: [], broken: false };
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const parts = [0, ...places].map((place, i) => bytes.slice(place, places[i] ?? bytes.length));
  const batches = [];
  try {
    for (const part of parts) for (const batch of splitter.push(part)) batches.push(batch);
    for (const batch of splitter.end()) batches.push(batch);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    split.broken = true;
  }
  // Read only now: what was handed out must not have changed since.
  for (const { count, bytes, valueStart, valueEnd, line, oversize } of batches) {
    for (let i = 0; i < count; i++) {
      split.records.push([line[i], latin1.decode(bytes.slice(valueStart[i], valueEnd[i]))]);
    }
    split.oversize.push(...oversize.map(({ line }) => line));
  }
  return split;
}

const MAX_VALUE_BYTES = 24;
const latin1 = new TextDecoder("latin1");

function splitNaively(text: string): Split {
  const split: Split = { records: [], oversize: [], broken: false };
  text.split("\n").forEach((line, i) => {
    const record = line.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
    if (line.length > MAX_VALUE_BYTES) split.oversize.push(i + 1);
    else if (record !== "") split.records.push([i + 1, record]);
  });
  return split;
}

describe("RecordSplitter", () => {
  const line = fc.oneof(
    fc.string({ maxLength: 30, unit: fc.constantFrom(...'ab \t\r{}[]",\\') }),
    fc.constantFrom("", "\r", '{"a":1}', '{"a":1}\r'),
  );
  const cuts = fc.array(fc.nat(), { maxLength: 8 });

  it("cuts NDJSON as splitting the whole text by line feeds does, however it comes in", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), cuts, (lines, cuts) => {
        const text = lines.join("\n");
        expect(splitIncrementally("ndjson", utf8.encode(text), cuts)).toEqual(splitNaively(text));
      }),
      { numRuns: 500 },
    );
  });

  it("cuts an array into its elements, however it comes in and is laid out", () => {
    const element = fc.oneof(
      fc.json({ maxDepth: 2, stringUnit: fc.constantFrom(...'a],[{}"\\') })
        .filter((text) => text.length <= MAX_VALUE_BYTES - 4),
      fc.constantFrom("1", '"],\\""', "{ }", "[[]]"),
    );
    fc.assert(
      fc.property(
        fc.array(element, { maxLength: 8 }),
        fc.infiniteStream(space),
        cuts,
        (all, gaps, cuts) => {
          const gap = () => gaps.next().value;
          let text = gap() + "[";
          const records: Split["records"] = [];
          all.forEach((element, i) => {
            text += (i > 0 ? "," : "") + gap();
            records.push([text.split("\n").length, element]);
            text += element;
          });
          text += gap() + "]" + gap();
          expect(splitIncrementally("json-array", utf8.encode(text), cuts)).toEqual({
            records,
            oversize: [],
            broken: false,
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  it("finds the same in any bytes, whether they come at once or in parts", () => {
    const bytes = fc.array(
      fc.constantFrom(...'[]{}",\\ \n1ax'.split("").map((c) => c.charCodeAt(0))),
      { maxLength: 80 },
    )
      .map((list) => Uint8Array.from(list));
    fc.assert(
      fc.property(
        bytes,
        fc.constantFrom<Framing>("ndjson", "json-array"),
        cuts,
        (bytes, framing, cuts) => {
          const input = framing === "ndjson" ? bytes : Uint8Array.from([0x5b, ...bytes]);
          expect(splitIncrementally(framing, input, cuts)).toEqual(
            splitIncrementally(framing, input, []),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});
