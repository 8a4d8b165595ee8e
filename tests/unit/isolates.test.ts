import { join } from "node:path";
import { setImmediate, setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, fc, it } from "testing";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { boolean, decimal, enumeration, type Field, string, uint32 } from "../../runtime/events.ts";
import { Expression } from "../../runtime/expressions/expression.ts";
import { compute } from "../../runtime/expressions/mod.ts";
import { moduleTexts } from "../../runtime/model/module_texts.ts";
import { count } from "../../runtime/plugin.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { Isolates } from "../../runtime/speed/isolates.ts";
import { type Picker, pickHere } from "../../runtime/speed/picker.ts";
import { reading, readings } from "../support/archive_world.ts";
import plugin from "../support/isolated_plugin.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { root } from "../support/running_engine.ts";
import { byTier } from "../support/tier.ts";

const file = "tests/support/isolated_plugin.ts";
const module = { root, file, texts: await moduleTexts(root, file) };
const isolates = new Isolates({
  clock: new ManualClock(),
  moduleOf: ({ name }) => name === "moved" ? { ...module, file: `${file}.not_there` } : module,
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
      { numRuns: byTier({ quick: 40, full: 200, long: 2000 }) },
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
      name: "wrong",
      summary: "",
      measures: () => ({ n: count() }),
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

  describe("of files that are written", () => {
    const text = (where: string) => `
import { boolean, compute, count, definePlugin } from "twofold";
import { readings } from ${JSON.stringify(join(root, "tests/support/readings.schema.ts"))};
export default definePlugin(readings, {
  name: "isolated", summary: "", measures: () => ({ n: count() }),
  where: () => compute(boolean(), () => { ${where} }, { sql: "true" }),
});`;
    let dir: string;
    beforeEach(async () => {
      dir = await Deno.makeTempDir({ prefix: "twofold-isolate-", dir: root });
    });
    afterEach(() => Deno.remove(dir, { recursive: true }));
    const write = (where: string) => Deno.writeTextFile(join(dir, "plugin.ts"), text(where));
    /** One event, seen by the plugin as it is declared in this process. */
    const seen = async (
      texts: Record<string, string>,
      clock = new ManualClock(),
      cpuMs = () => 0,
    ) => {
      const made = definePlugin(readings, {
        name: "isolated",
        summary: "",
        measures: () => ({ n: count() }),
        where: () => compute(boolean(), () => true, { sql: "true" }),
      });
      const columns = allocateColumns(readings, 1);
      const log = new MemoryLog({ topic: readings.topic, partitions: 1 });
      log.place(0, { value: JSON.stringify(reading({})) });
      createDecoder(readings).decode(await log.read(0, 0n, { maxRecords: 1 }), columns);
      const moduleOf = () => ({ root: dir, file: "plugin.ts", texts });
      const own = new Isolates({ clock, moduleOf, cpuMs });
      const picker = own.openPicker(made, columns);
      const pick = async () => {
        try {
          await picker.pick(0, 1);
          return picker.picks.counts![0];
        } catch (error) {
          return (error as Error).message;
        }
      };
      return { pick, close: () => own.close() };
    };

    it("call no other code than was loaded, until the file is again what it was", async () => {
      const loaded = { "plugin.ts": text("return true;") };
      await write("return false;");
      const { pick, close } = await seen(loaded);
      expect(await pick()).toBe(
        'plugin.ts changed since it was loaded: run "twofold plugins reload"',
      );
      await write("return true;");
      expect(await pick()).toBe(1);
      close();
    });

    it("are stopped by the processor's time, or after a minute that the process hardly got any", async () => {
      // For seconds: a thread that computes cannot be ended.
      const long = "for (let n = 0; n < 3e9; n++);";
      const loop = { "plugin.ts": text(long) };
      await write(long);
      const clock = new ManualClock();
      let usedMs = 1_000;
      const { pick, close } = await seen(loop, clock, () => usedMs);
      for (const [passMs, useMs, seconds] of [[5_000, 5_000, 5], [60_000, 900, 60]]) {
        const picked = pick();
        while (clock.sleeping === 0) await setTimeout(5);
        for (let i = 0; i < 4; i++) {
          await expect(Promise.race([picked, setImmediate("running")])).resolves.toBe("running");
          clock.advance(passMs / 4);
          usedMs += useMs / 4;
          await setImmediate();
        }
        expect(await picked).toMatch(`its functions took longer than ${seconds} s for 1 records`);
      }
      // Their threads cannot be ended: there are no more of them.
      expect(await pick()).toBe(
        'Cannot go on with plugin "isolated": its functions took longer than 60 s for 1 records, ' +
          "not for the first time; mend its file and load it again",
      );
      close();
    });

    const impure: [code: string, message: string][] = [
      [
        "Date.now()",
        "Date.now() is not available to plugins: their results must depend on the event",
      ],
      ["new Date()", "the current time is not available to plugins"],
      ["Date()", "the current time is not available to plugins"],
      ["Math.random()", "Math.random() is not available to plugins"],
      ['fetch("http://127.0.0.1/")', "fetch() is not available to plugins"],
      ["setTimeout(() => {}, 1)", "setTimeout() is not available to plugins"],
      ["crypto.randomUUID()", "crypto is not defined"],
      ["performance.now()", "performance is not defined"],
      ["Deno.exit(7)", "Deno is not defined"],
      ["process.exit(7)", "process is not defined"],
      ["new globalThis.Worker('data:,')", "globalThis.Worker is not a constructor"],
    ];
    it.each(impure)("have nothing but the event: %s", async (code, message) => {
      const where = `${code}; return true;`;
      await write(where);
      const { pick, close } = await seen({ "plugin.ts": text(where) });
      expect(await pick()).toContain(message);
      close();
    });

    it("compute with dates that are given", async () => {
      const where = 'return new Date("2026-01-05").getTime() === Date.UTC(2026, 0, 5);';
      await write(where);
      const { pick, close } = await seen({ "plugin.ts": text(where) });
      expect(await pick()).toBe(1);
      close();
    });
  });
});
