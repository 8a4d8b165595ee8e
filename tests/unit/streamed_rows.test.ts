import { describe, expect, it } from "testing";
import { streamedRows } from "../../runtime/commands/streamed_rows.ts";
import { ExternalError, UserError } from "../../runtime/std/errors.ts";

/** A stream of a text's bytes, so many at a time. */
const bytesOf = (text: string, size: number) => {
  const bytes = new TextEncoder().encode(text);
  const count = Math.ceil(bytes.length / size);
  return ReadableStream.from(
    Array.from({ length: count }, (_, i) => bytes.slice(i * size, (i + 1) * size)),
  );
};

/** An answer whose rows are sent as they are made. */
const streamed = (columns: unknown, rows: readonly unknown[], end: object) =>
  `{"columns":${JSON.stringify(columns)},"rows":[\n` +
  `${rows.map((row) => JSON.stringify(row)).join(",\n")}\n],${JSON.stringify(end).slice(1)}`;

async function read(text: string, size = 7) {
  const { columns, blocks } = await streamedRows(bytesOf(text, size));
  const rows: unknown[] = [];
  while (true) {
    const block = await blocks.next();
    if (block.done) return { columns, rows, end: block.value };
    rows.push(...block.value);
  }
}

const columns = [{ name: 'a",\\"rows":[', type: "String" }, { name: "b", type: "Array(Map)" }];
const end = { truncated: false, next: null, seconds: 0.5 };
const answers: [string, Record<string, unknown>[]][] = [
  ["no row", []],
  ["one row", [{ a: 1 }]],
  ["texts with every sign of JSON", [
    { a: 'x"y\\', b: [{ c: "]}" }, {}] },
    { a: '\\\\"', b: [] },
    { a: "é 😀 \n", b: [["[{"]] },
  ]],
  ["many rows", Array.from({ length: 500 }, (_, i) => ({ a: `${i}`, b: [i, [i]] }))],
];

describe("streamedRows()", () => {
  it.each(answers)("reads %s, wherever the pieces end", async (_, rows) => {
    const texts = [JSON.stringify({ columns, rows, ...end })];
    if (rows.length > 0) texts.push(streamed(columns, rows, end));
    for (const text of texts) {
      for (const size of [1, 2, 3, 7, 64, 100_000]) {
        expect(await read(text, size)).toEqual({ columns, rows, end });
      }
    }
  });

  it("gives rows before the others have come", async () => {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
    const writer = writable.getWriter();
    const write = (text: string) => void writer.write(new TextEncoder().encode(text));
    write('{"columns":[],"rows":[\n{"a":1},\n{"a":');
    const { blocks } = await streamedRows(readable);
    expect((await blocks.next()).value).toEqual([{ a: 1 }]);
    write('2}\n],"truncated":false,"next":null,"seconds":0}');
    writer.close();
    expect((await blocks.next()).value).toEqual([{ a: 2 }]);
    expect((await blocks.next()).done).toBe(true);
  });

  it("throws the reason of an answer that fails on its way, and says when one is cut", async () => {
    const failed = '{"columns":[],"rows":[\n{"a":1}\n],"error":"it took \\"too\\" long"';
    await expect(read(failed)).rejects.toThrow(new UserError('it took "too" long'));
    const rows = [{ a: 1 }];
    for (const whole of [JSON.stringify({ columns, rows, ...end }), streamed(columns, rows, end)]) {
      for (const length of [3, whole.indexOf('{"a":1}') + 4, whole.length - 1]) {
        await expect(read(whole.slice(0, length))).rejects.toThrow(ExternalError);
      }
    }
  });

  it("lets go of the connection when its reader leaves", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) =>
        controller.enqueue(new TextEncoder().encode('{"columns":[],"rows":[\n{"a":1},\n')),
      cancel: () => void (cancelled = true),
    }, { highWaterMark: 0 });
    const { blocks } = await streamedRows(body);
    await blocks.next();
    await blocks.return({ truncated: true, next: null, seconds: 0 });
    expect(cancelled).toBe(true);
  });
});
