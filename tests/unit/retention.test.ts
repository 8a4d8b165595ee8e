import { afterAll, beforeAll, describe, expect, it } from "testing";
import { Problems } from "../../runtime/model/problems.ts";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import { Archiver } from "../../runtime/archive/archiver.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { readConfig } from "../../runtime/settings/config.ts";
import { pointerColumns, pointerRows } from "../../runtime/batch/pointer_rows.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { Retention } from "../../runtime/engine/retention.ts";
import type { Cut } from "../../runtime/model/frontier.ts";
import type { LogSpeedLayer } from "../../runtime/speed/speed_layer.ts";
import { singleMember } from "../../runtime/ports/single_member.ts";
import { createBatchTable, type PluginTables, tablesOf } from "../../runtime/sql/tables.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { openLaboratory, plugins } from "../support/parity/law.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2024, 2, 2);

describe("retention", () => {
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  beforeAll(async () => {
    laboratory = await openLaboratory();
  });
  afterAll(() => laboratory.close());

  const { plugin } = plugins.get("ratings")!;
  const config = readConfig({
    command: "start",
    flags: { "block-size": "256", horizon: "256", "log-retention": "1h", "speed-retention": "1h" },
    env: {},
  });

  /** A log of 1,500 records, the first 1,000 two hours old, archived as far as blocks are closed. */
  async function world(id: string, neededFrom: bigint) {
    const clock = new ManualClock(NOW_MS);
    const log = new MemoryLog({ topic: plugin.source.topic, id, partitions: 1 });
    for (let i = 0; i < 1500; i++) {
      log.nowMs = i < 1000 ? NOW_MS - 2 * HOUR_MS : NOW_MS;
      log.place(0, { value: "not an event" });
    }
    const store = await openLocalStore(`${laboratory.dir}/${id}`);
    const schema = plugin.source;
    const archiver = new Archiver({
      schema,
      log,
      store,
      clock,
      blockSize: 256,
      createDecoder: () => createDecoder(schema),
    });
    await archiver.archiveClosed(0);
    const expired: { cuts: ReadonlyMap<string, Cut>; beforeMs: number }[] = [];
    const speed = {
      neededFrom: () => neededFrom,
      expire: (cuts: ReadonlyMap<string, Cut>, beforeMs: number) => {
        expired.push({ cuts, beforeMs });
        return Promise.resolve();
      },
    } as unknown as LogSpeedLayer;
    const retention = new Retention({
      config,
      clock,
      log,
      speed,
      archiver,
      warehouse: laboratory.warehouse,
      tables: [tablesOf(plugin, "retention")],
      archive: openArchiveReader({ schema, store }),
      membership: singleMember(log, clock),
      topic: schema.topic,
      problems: new Problems(clock),
    });
    return { retention, log, clock, expired };
  }

  it("trims what is archived, old, and not needed by a restart or a new generation", async () => {
    const { retention, log } = await world("trim", 1500n);
    await retention.trimLog();
    // Archived up to 1280; a horizon and a block stay before that, and the trim is a block bound.
    expect((await log.bounds(0)).start).toBe(768n);
    await retention.trimLog();
    expect((await log.bounds(0)).start).toBe(768n);
  });

  it("keeps what a restart of the speed layer reads", async () => {
    const { retention, log } = await world("needed", 300n);
    await retention.trimLog();
    expect((await log.bounds(0)).start).toBe(256n);
  });

  it("keeps what is younger than the retention", async () => {
    const { retention, log, clock } = await world("young", 1500n);
    clock.advance(-HOUR_MS * 1.5);
    await retention.trimLog();
    expect((await log.bounds(0)).start).toBe(0n);
  });

  it("removes speed rows below the cut before the published one, once no reader holds an older", async () => {
    const { retention, clock, expired } = await world("expire", 0n);
    const tables = tablesOf(plugin, "retention");
    const older = tablesOf(plugin, "older");
    const publish = async ({ batch }: PluginTables, run: number, cut: bigint) =>
      await laboratory.warehouse.insert(
        `${batch} (${pointerColumns.join(", ")})`,
        pointerRows(
          { run, base: run - 1, fullRun: 1, cut: { expire: [cut] }, days: [], rows: 0 },
          NOW_MS,
        ),
      );
    for (const  of of[tables, older]) await laboratory.warehouse.command(createBatchTable(of));
    // What another generation published says nothing of this one's rows.
    await publish(older, 1, 768n);
    await publish(older, 2, 1024n);
    clock.advance(10 * 60_000);
    await retention.expireSpeedRows();
    expect(expired).toEqual([]);
    clock.advance(-10 * 60_000);
    await publish(tables, 1, 256n);
    await publish(tables, 2, 512n);
    await retention.expireSpeedRows();
    expect(expired).toEqual([]);
    clock.advance(10 * 60_000);
    await retention.expireSpeedRows();
    expect(expired).toEqual([{
      cuts: new Map([["state_batch_ratings_retention", { expire: [256n] }]]),
      beforeMs: clock.now() - HOUR_MS,
    }]);
  });
});
