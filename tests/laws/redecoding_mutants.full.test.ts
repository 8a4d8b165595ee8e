/** Cases of changed schemas that hold here, and on each mutant that undoes a part of it do not. */
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { decimal, defineSchema, type EventSchema } from "../../runtime/events.ts";
import { allocateColumns, RowStatus } from "../../runtime/model/columns.ts";
import { openArchivedRecords } from "../../runtime/archive/archived_records.ts";
import { Redecoder } from "../../runtime/archive/redecoder.ts";
import { reading, readings } from "../support/archive_world.ts";
import { CompactionWorld, openRedecodingLab } from "../support/compaction_world.ts";
import { makeMutant, type Patch } from "../support/parity/engine_modules.ts";
import {
  narrow,
  type SchemaChangeParts,
  SchemaChangeWorld,
} from "../support/schema_change_world.ts";

const withoutRaw: Patch = {
  file: "runtime/archive/ranges_to_redecode.ts",
  find: `if (added.length > 0) {`,
  replace: `if (added.length < 0) {`,
};
const withoutLetters: Patch = {
  file: "runtime/archive/ranges_to_redecode.ts",
  find: `if (widened.length > 0) {`,
  replace: `if (widened.length < 0) {`,
};
const manifestFirst: Patch = {
  file: "runtime/archive/redecoder.ts",
  find: `for (const manifest of changed) {`,
  replace: `for (const manifest of changed) await put(manifest);
      for (const manifest of changed) {`,
};
const logBelow: Patch = {
  file: "runtime/archive/archived_records.ts",
  find: `return this.#options.takenOver?.[partition] ?? 0n;`,
  replace: `return 0n;`,
};

/** `readings` with bounds that some archived events exceed. */
const bounded: EventSchema = defineSchema({
  ...readings,
  fields: { ...readings.fields, level: decimal({ scale: 3, min: -500, max: 500 }) },
});

describe("a changed schema", () => {
  let lab: Awaited<ReturnType<typeof openRedecodingLab>>;
  let count = 0;
  beforeAll(async () => {
    lab = await openRedecodingLab();
  });
  afterAll(() => lab.close());

  async function mutated(name: string, patch: Patch): Promise<SchemaChangeParts> {
    const base = await makeMutant(name, [patch]);
    const [redecoder, records] = await Promise.all(
      ["redecoder", "archived_records"].map((file) =>
        import(new URL(`runtime/archive/${file}.ts`, base).href)
      ),
    );
    return { ...redecoder, ...records };
  }

  /** A log that was archived by a schema. */
  async function begun(
    schema: EventSchema,
    values: Record<string, unknown>[],
    parts?: SchemaChangeParts,
  ) {
    const world = await CompactionWorld.open(lab.warehouse, `${lab.dir}/case${++count}`);
    for (const value of values) world.log.place(0, { value: JSON.stringify(reading(value)) });
    for (const partition of [0, 1]) world.log.place(partition, { kind: 1 });
    const changing = new SchemaChangeWorld(world, parts);
    await changing.open(schema);
    await changing.archive();
    return changing;
  }

  /** How many events with the value a batch run reads, after the schema was changed to take it. */
  async function widened(
    value: Record<string, unknown>,
    parts?: SchemaChangeParts,
    after?: number,
  ) {
    const changing = await begun(narrow, [{ id: "a" }, { id: "b", ...value }], parts);
    await changing.open(readings);
    if (after !== undefined) await changing.redecode(after);
    await changing.redecode();
    // In `raw` the quotes are escaped.
    return (await changing.rows()).filter((row) => /"(found|unknown)"/.test(row)).length;
  }

  /** What the speed layer and a batch run read after bounds were narrowed. */
  async function narrowed(parts: SchemaChangeParts = { Redecoder, openArchivedRecords }) {
    const changing = await begun(readings, [{ id: "a", level: 900 }, { id: "b" }], parts);
    await changing.open(bounded);
    await changing.redecode();
    const columns = allocateColumns(bounded, 9);
    await changing.source(0).read(0n, columns);
    const speed = [...columns.status.subarray(0, columns.count)]
      .filter((status) => status === RowStatus.event).length;
    return { speed, batch: (await changing.rows()).length };
  }

  const NOTE = { note: "found" };
  const STATE = { state: "unknown" };

  it("gives the archive what its events carried, and the dead letters that are right now", async () => {
    expect([await widened(NOTE), await widened(STATE)]).toEqual([1, 1]);
    expect(await widened(STATE, undefined, 1)).toBe(1);
  });

  it("lacks the new field on an engine that does not look into raw", async () => {
    expect(await widened(NOTE, await mutated("without-raw", withoutRaw))).toBe(0);
  });

  it("lacks an event on an engine that leaves dead letters as they are", async () => {
    expect(await widened(STATE, await mutated("without-letters", withoutLetters))).toBe(0);
  });

  it("lacks an event after a kill on an engine that writes manifests first", async () => {
    const parts = await mutated("manifest-first", manifestFirst);
    expect(await widened(STATE, parts, 1)).toBe(0);
  });

  it("that takes less leaves both layers what is archived", async () => {
    expect(await narrowed()).toEqual({ speed: 2, batch: 2 });
  });

  it("parts the layers on an engine that reads the log below the change", async () => {
    expect(await narrowed(await mutated("log-below", logBelow))).toEqual({ speed: 1, batch: 2 });
  });
});
