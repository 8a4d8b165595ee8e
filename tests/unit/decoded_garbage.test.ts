import { afterAll, beforeAll, describe, expect, it } from "testing";
import { DecodedGarbage } from "../../runtime/archive/decoded_garbage.ts";
import { reading, readings } from "../support/archive_world.ts";
import { CompactionWorld, openRedecodingLab } from "../support/compaction_world.ts";
import { narrow, SchemaChangeWorld } from "../support/schema_change_world.ts";

describe("DecodedGarbage", () => {
  let lab: Awaited<ReturnType<typeof openRedecodingLab>>;
  let count = 0;
  beforeAll(async () => {
    lab = await openRedecodingLab();
  });
  afterAll(() => lab.close());

  /** Two blocks: one in which nothing changes, and one with a dead letter that becomes an event. */
  async function changed() {
    const world = await CompactionWorld.open(lab.warehouse, `${lab.dir}/case${++count}`);
    for (const value of [{}, { state: "unknown" }]) {
      world.log.place(0, { value: JSON.stringify(reading(value)) });
      world.log.place(0, { kind: 1 });
    }
    const changing = new SchemaChangeWorld(world);
    await changing.open(narrow);
    await changing.archive();
    const decoding = await changing.open(readings);
    return {
      world,
      changing,
      decoding,
      garbage: new DecodedGarbage(world.inner, world.warehouse, decoding),
    };
  }

  it("removes what the newest decoding does not list, at the second look, and nothing else", async () => {
    const { world, changing, garbage } = await changed();
    await changing.redecode();
    const rows = await changing.rows();
    expect(await garbage.collect()).toBe(0);
    // Two manifests, and the file of the dead letter.
    expect(await garbage.collect()).toBe(3);
    expect(await garbage.collect()).toBe(0);
    expect([await changing.rows(), await changing.faults()]).toEqual([rows, []]);
    expect((await world.names("events")).length).toBe(1);
    expect([await world.names("manifests"), await world.names("dead_letters")]).toEqual([[], []]);
  });

  it("removes dead letters of the decodings before, of its topic alone, at the second look", async () => {
    const { changing, decoding: { id }, garbage } = await changed();
    await changing.redecode();
    const { warehouse } = lab;
    await warehouse.command(
      `INSERT INTO dead_letters (topic, offset, decoding) VALUES
      ('readings', 1, ''), ('readings', 1, '${id}'), ('readings', 2, '1_0'), ('others', 1, '')`,
    );
    const left = () =>
      warehouse.query("SELECT topic, decoding FROM dead_letters FINAL ORDER BY topic, decoding");
    await garbage.collect();
    expect((await left()).length).toBe(4);
    await garbage.collect();
    expect(await left()).toEqual([
      { topic: "others", decoding: "" },
      { topic: "readings", decoding: id },
    ]);
  });

  it("removes files that were compacted since", async () => {
    const { world, changing, garbage } = await changed();
    await changing.redecode();
    const rows = await changing.rows();
    await garbage.collect();
    await garbage.collect();
    await changing.compact(true);
    await garbage.collect();
    expect(await garbage.collect()).toBe(1);
    expect(await world.names("events")).toEqual([]);
    expect([await changing.rows(), await changing.faults()]).toEqual([rows, []]);
  });

  it("removes nothing before the decoding is complete, nor once another one is newer", async () => {
    const { changing, garbage } = await changed();
    await garbage.collect();
    expect(await garbage.collect()).toBe(0);
    await changing.redecode();
    await changing.open(narrow).catch(() => {});
    await changing.open({ ...readings, version: 2 });
    await garbage.collect();
    expect(await garbage.collect()).toBe(0);
  });
});
