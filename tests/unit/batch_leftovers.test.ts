import { describe, expect, it } from "testing";
import { day, event, LOG } from "../support/batch_events.ts";
import {
  batchPlugin,
  BatchWorld,
  heldWarehouse,
  openWarehouse,
  readPublished,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";

describe("scratch tables of a run", () => {
  it("stay while another process publishes, and go once their process is dead", async () => {
    const warehouse = await openWarehouse();
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql);
    const totals = batchPlugin(totalsPlugin, totalsSql);
    /** A process that stops where it would write rows of users. */
    const held = () => {
      const { warehouse: slow, reached, go } = heldWarehouse(
        warehouse,
        (sql) => sql.startsWith(`INSERT INTO ${users.tables.batch}`),
      );
      const ended = world.layer([users], { warehouse: slow }).run({ full: true });
      return { ended, reached, go };
    };
    const other = world.layer([totals]);
    const scratch = async () =>
      (await warehouse.query<{ name: string }>(
        "SELECT name FROM system.tables WHERE database = currentDatabase() " +
          "AND startsWith(name, 'scratch') ORDER BY name",
      )).map(({ name }) => name.replace(/.*_(?=\d)/, ""));

    const repeated = event();
    // The repeat is looked up in a scratch table.
    await world.append(LOG, 0, [repeated, event(), repeated]);
    const slow = held();
    await slow.reached;
    for (let n = 1; n < 3; n++) {
      await world.append(LOG, 0, [event({ ms: day(n) })]);
      expect((await other.run())!.plugins.map(({ status }) => status)).toEqual(["published"]);
    }
    expect(await scratch()).toEqual(["1_hashes", "1_repeats"]);
    slow.go();
    const { plugins } = (await slow.ended)!;
    expect(plugins.map(({ status, error }) => [status, error])).toEqual([["published", ""]]);
    expect((await readPublished(warehouse, users.tables))!.all).toMatchObject([{ plays: 2 }]);
    expect(await scratch()).toEqual([]);

    const dead = held();
    await dead.reached;
    world.clock.ms += 59_000;
    await other.run({ full: true });
    expect(await scratch()).toEqual(["4_hashes", "4_repeats"]);
    world.clock.ms += 2_000;
    await other.run({ full: true });
    expect(await scratch()).toEqual([]);
    dead.go();
    await dead.ended;
    await warehouse.close();
  });
});
