import { afterAll, describe, expect, fc, it } from "testing";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { boolean, decimal, enumeration, type Field, string, uint32 } from "../../runtime/events.ts";
import { Expression } from "../../runtime/expressions/expression.ts";
import { count } from "../../runtime/plugin.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { Isolates } from "../../runtime/speed/isolates.ts";
import { type Picker, pickHere } from "../../runtime/speed/picker.ts";
import { reading, readings } from "../support/archive_world.ts";
import plugin from "../support/isolated_plugin.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";

const module = new URL("../support/isolated_plugin.ts", import.meta.url).href;
const isolates = new Isolates({
  clock: new ManualClock(),
  modules: new Map([[plugin.name, module], ["moved", `${module}.not_there`]]),
});
afterAll(() => isolates.close());

const event = fc.record({
  id: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
  level: fc.integer({ min: -3000, max: 3000 }).map((thousandths) => thousandths / 1000),
  state_or_null: fc.constantFrom("a", "b", null),
  note: fc.constantFrom("", "quiet", 'with "quotes" and ö', null),
});
const record = fc.oneof(
  { weight: 8, arbitrary: event.map((fields) => JSON.stringify(reading(fields))) },
  { weight: 1, arbitrary: fc.constant("{") },
);

/** What was picked of each row that counts. */
function rowsOf({ picks: { counts, computed } }: Picker, rows: readonly number[]) {
  return rows.map((row) => [
    counts![row],
    ...counts![row] === 1
      ? Object.values(computed).map(({ values, nulls, texts }) =>
        nulls?.[row] === 1 ? null : texts === undefined ? values[row] : texts[values[row]]
      )
      : [],
  ]);
}

describe("Isolates", () => {
  it("pick what the functions say on the caller's thread, chunk after chunk", async () => {
    const columns = allocateColumns(readings, 64);
    const [isolated, here] = [isolates.openPicker(plugin, columns), pickHere(plugin, columns)];
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 64 }),
        fc.nat({ max: 63 }),
        async (records, skipped) => {
          const log = new MemoryLog({ topic: readings.topic, partitions: 1 });
          for (const value of records) log.place(0, { value });
          const chunk = await log.read(0, 0n, { maxRecords: 64 });
          createDecoder(readings).decode(chunk, columns);
          for (let row = 0; row < chunk.count; row++) columns.repeat[row] = row % 5 === 4 ? 1 : 0;
          const from = Math.min(skipped, chunk.count - 1);
          await isolated.pick(from, chunk.count);
          await here.pick(from, chunk.count);
          const rows = Array.from({ length: chunk.count - from }, (_, i) => from + i)
            .filter((row) => columns.status[row] === 0 && columns.repeat[row] === 0);
          expect(rowsOf(isolated, rows)).toEqual(rowsOf(here, rows));
        },
      ),
      { numRuns: 200 },
    );
    isolated.close();
  });

  const wrong: [kind: string, type: Field, value: unknown, message: string][] = [
    ["string", string(), null, "the function must give a string, got null"],
    ["string", string(), undefined, "must give a string, got undefined"],
    ["string", string({ nullable: true }), 7, "must give a string, got 7"],
    ["enumeration", enumeration(["null", "a"]), null, "must give one of null, a, got null"],
    ["enumeration", enumeration(["a"]), "b", 'must give one of a, got "b"'],
    ["uint32", uint32(), null, "must give a whole number from 0 to 4294967295, got null"],
    ["uint32", uint32(), "", 'must give a whole number from 0 to 4294967295, got ""'],
    ["uint32", uint32(), -1, "got -1"],
    ["uint32", uint32(), 1.5, "got 1.5"],
    ["uint32", uint32(), 2 ** 32, "got 4294967296"],
    ["decimal", decimal({ scale: 1, min: 0, max: 5 }), 5.1, "a number from 0 to 5, got 5.1"],
    ["boolean", boolean(), null, "must give true or false, got null"],
    ["boolean", boolean(), 2, "must give true or false, got 2"],
  ];
  it.each(wrong)("refuse a value that is no %s", async (_kind, type, value, message) => {
    const columns = allocateColumns(readings, 1);
    const log = new MemoryLog({ topic: readings.topic, partitions: 1 });
    log.place(0, { value: JSON.stringify(reading({})) });
    createDecoder(readings).decode(await log.read(0, 0n, { maxRecords: 1 }), columns);
    const computed = Expression.compute(type, () => value, "1");
    const wrong = definePlugin(readings, {
      ...{ name: "wrong", summary: "", measures: () => ({ n: count() }) },
      where: () => computed.isNotNull() as never,
    });
    const picker = pickHere(wrong, columns);
    expect(() => picker.pick(0, 1)).toThrow(message);
  });

  it("tell why a module cannot be loaded there", async () => {
    const columns = allocateColumns(readings, 1);
    const picker = isolates.openPicker({ ...plugin, name: "moved" }, columns);
    await expect(picker.pick(0, 1)).rejects.toThrow(/not_there/);
    picker.close();
  });

  it("load a module once it can be loaded", async () => {
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    const later = new URL(`file://${file}`);
    await Deno.writeTextFile(later, "throw new Error('not yet');");
    const modules = new Map([[plugin.name, later.href]]);
    const mended = new Isolates({ clock: new ManualClock(), modules });
    const picker = mended.openPicker(plugin, allocateColumns(readings, 1));
    await expect(picker.pick(0, 1)).rejects.toThrow(/not yet/);
    await Deno.writeTextFile(later, `export { default } from ${JSON.stringify(module)};`);
    await expect(Promise.resolve(picker.pick(0, 0))).resolves.toBeUndefined();
    mended.close();
    await Deno.remove(file);
  });
});
