import { afterAll, beforeAll, describe, expect, it } from "testing";
import { TwofoldError } from "../../runtime/std/errors.ts";
import type { BatchPlugin } from "../../runtime/batch/plugin_step.ts";
import type { ArchiveReader, Warehouse } from "../../runtime/ports/ports.ts";
import { type Problem, Problems } from "../../runtime/model/problems.ts";
import { event, LOG } from "../support/batch_events.ts";
import {
  batchPlugin,
  BatchWorld,
  openWarehouse,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";

const broken = usersSql.replace("count() * one", "count() + throwIf(1, 'broken on purpose')");

/** Problems that stand, and each change as the log shows it. */
function registry(world: BatchWorld) {
  const changes: string[] = [];
  const problems = new Problems(world.clock, ({ code, subject }, stands) => {
    changes.push(`${stands ? "+" : "-"} ${code}, ${subject}`);
  });
  const standing = () => problems.standing().map(({ code, subject }) => [code, subject]);
  return { problems, changes, standing };
}

describe("what fails in the batch layer", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  it("is a problem of the plugin alone, told once, until a run works", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems, changes } = registry(world);
    const good = batchPlugin(totalsPlugin, totalsSql, 31);
    const layer = world.layer([batchPlugin(usersPlugin, broken, 31), good], { problems });
    await world.append(LOG, 0, [event()]);
    const { since } = (await layer.run(), problems.standing()[0]);
    world.clock.ms += 60_000;
    await layer.run();
    const [problem] = problems.standing() as [Problem];
    expect(problem).toMatchObject({ code: "batch_plugin_failing", plugin: "users", since });
    expect(problem.message).toContain("broken on purpose");
    expect(problems.concerning("totals", "plays")).toEqual([]);
    const mended = world.layer([batchPlugin(usersPlugin, usersSql, 32), good], { problems });
    await mended.run();
    await mended.idle();
    expect(problems.standing()).toEqual([]);
    expect(changes.map((line) => line[0])).toEqual(["+", "-"]);
  });

  it("of a plugin goes with the generation that failed, and with no change of words", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems, standing } = registry(world);
    const signal = new AbortController().signal;
    const plugins = [
      batchPlugin(usersPlugin, broken, 41),
      batchPlugin(totalsPlugin, totalsSql, 41),
    ];
    const layer = world.layer(plugins, { problems });
    await world.append(LOG, 0, [event()]);
    await layer.run();
    await layer.run({ full: true });
    const failures = [
      ["batch_plugin_failing", "plugin users"],
      ["batch_plugin_failing", "plugin users, full run"],
    ];
    expect(standing()).toEqual(failures);
    plugins[0] = batchPlugin({ ...usersPlugin, summary: "Other words" }, broken, 41);
    layer.replaced(signal);
    await layer.idle();
    expect(standing()).toEqual(failures);
    plugins.shift();
    layer.replaced(signal);
    await layer.idle();
    expect(standing()).toEqual([]);
  });

  it("is one problem of the topic when it fails every plugin alike", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems, standing } = registry(world);
    const plugins = [
      batchPlugin(usersPlugin, usersSql, 33),
      batchPlugin(totalsPlugin, totalsSql, 33),
    ];
    await world.append(LOG, 0, [event()]);
    const archive: ArchiveReader = { ...world.archive(), relation: () => "nowhere" };
    const run = await world.layer(plugins, { problems, archive }).run();
    expect(run!.plugins.map(({ status }) => status)).toEqual(["failed", "failed"]);
    expect(standing()).toEqual([["batch_failing", world.topic]]);
    expect(problems.concerning("users", world.topic)).toHaveLength(1);
    await world.layer(plugins, { problems }).run();
    expect(standing()).toEqual([]);
  });

  it.each(
    [
      ["claims", "list", new TypeError("the store is gone")],
      ["the archive", "frontier", new TypeError("no manifest")],
      ["the plan", "manifests", new TypeError("a manifest is missing")],
    ] as [string, "list" | "frontier" | "manifests", Error][],
  )("stands for the topic when %s cannot be read", async (_, call, fault) => {
    const world = await BatchWorld.open(warehouse);
    const { problems } = registry(world);
    const users = batchPlugin(usersPlugin, usersSql, 34 + call.length);
    await world.append(LOG, 0, [event()]);
    const fail = () => {
      throw fault;
    };
    const faulty = call === "list"
      ? { store: { ...world.store, list: fail } }
      : { archive: { ...world.archive(), [call]: fail } };
    const layer = world.layer([users], { problems, ...faulty });
    await expect(layer.run()).rejects.toBe(fault);
    const [{ code, message, topic }] = problems.standing();
    expect([code, topic]).toEqual(["batch_failing", world.topic]);
    expect(message).toContain(fault.message);
    await world.layer([users], { problems }).run();
    expect(problems.standing()).toEqual([]);
  });

  it("names a claim that is empty, and one that is another's", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems } = registry(world);
    const layer = () => world.layer([batchPlugin(usersPlugin, usersSql, 51)], { problems });
    await world.append(LOG, 0, [event()]);
    await layer().run();
    const name = `${world.topic}/runs/0000000001.json`;
    const claim = world.store.objects.get(name)!;
    for (const bytes of [new Uint8Array(), claim.slice(0, 40), new TextEncoder().encode("{}")]) {
      world.store.objects.set(name, bytes);
      await expect(layer().run({ full: true })).rejects.toThrow(`"${name}" is damaged`);
      expect(problems.standing()[0].message).toContain(`"${name}" is damaged`);
    }
    world.store.objects.set(name, claim);
    world.store.objects.set(name.replace("1.json", "2.json"), claim);
    await expect(layer().run({ full: true })).rejects.toThrow("it claims run 1");
    world.store.objects.delete(name.replace("1.json", "2.json"));
    await layer().run({ full: true });
    expect(problems.standing()).toEqual([]);
  });

  it("names the offset from which on manifests are missing, with the claims gone too", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems } = registry(world);
    const layer = () => world.layer([batchPlugin(usersPlugin, usersSql, 52)], { problems });
    await world.append(LOG, 0, [event()]);
    await world.append(LOG, 0, [event()]);
    await layer().run();
    for (const name of world.store.objects.keys()) {
      if (name.includes("/runs/")) world.store.objects.delete(name);
    }
    const lost = world.manifests.pop()!;
    const fault = await layer().run().catch((error) => error);
    expect([fault.fault, fault.retriable]).toEqual(["external", false]);
    expect(problems.standing()[0].message).toContain(
      "partition 0 of log local-1 up to offset 2, the archive's manifests reach offset 1 only",
    );
    world.manifests.push(lost);
    expect(await layer().run()).toBe(null);
    expect(problems.standing()).toEqual([]);
  });

  it("says whether waiting helps", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems } = registry(world);
    const fault = new TwofoldError("Cannot read it");
    const archive = { ...world.archive(), frontier: () => Promise.reject(fault) };
    await world.layer([batchPlugin(usersPlugin, usersSql, 46)], { problems, archive }).run()
      .catch(() => {});
    expect(problems.standing()[0].message).toMatch(/no new one succeeds until somebody mends this/);
  });

  it("leaves a plugin out whose publication cannot be read, and runs the others", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems, standing } = registry(world);
    const plugins = [
      batchPlugin(usersPlugin, usersSql, 47),
      batchPlugin(totalsPlugin, totalsSql, 47),
    ];
    const layer = world.layer(plugins, { problems });
    await world.append(LOG, 0, [event()]);
    await layer.run();
    const successor = [...world.store.objects.keys()].find((name) =>
      name.includes(`/successors/${plugins[0].tables.batch}/`)
    )!;
    const next = successor.replace("0000000000_0", "0000000001_0");
    world.store.objects.set(next, new Uint8Array());
    await world.append(LOG, 0, [event()]);
    const run = await layer.run();
    expect(run!.plugins.map(({ plugin, status }) => [plugin, status])).toEqual([
      ["totals", "published"],
    ]);
    expect(standing()).toEqual([["archive_damaged", next]]);
    expect(problems.concerning("totals", "elsewhere")).toEqual([]);
    expect(problems.concerning("users", "elsewhere")).toMatchObject([
      { affects: [{ code: "batch_plugin_failing", subject: "plugin users" }] },
    ]);
    world.store.objects.delete(next);
    await layer.run();
    expect(standing()).toEqual([]);
  });

  it("is cleared by a run of another process, and by no older one", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems, standing } = registry(world);
    const layer = world.layer([batchPlugin(usersPlugin, broken, 48)], { problems });
    await world.append(LOG, 0, [event()]);
    const { run } = (await layer.run())!;
    layer.published("users", run - 1, 0);
    layer.published("users", run, 0);
    expect(standing()).toEqual([["batch_plugin_failing", "plugin users"]]);
    layer.published("users", run + 1, 0);
    expect(standing()).toEqual([]);
  });

  it.each(
    [
      [
        "of one plugin",
        [batchPlugin(usersPlugin, usersSql, 54)],
        "batch_plugin_failing",
        "plugin users",
      ],
      [
        "of a topic",
        [
          batchPlugin(usersPlugin, usersSql, 55),
          batchPlugin(totalsPlugin, totalsSql, 55),
        ],
        "batch_failing",
        "plays.of-movies",
      ],
    ] as [string, BatchPlugin[], string, string][],
  )("in a full run %s stands until a full run works", async (_, plugins, code, subject) => {
    const world = await BatchWorld.open(warehouse);
    const { problems, standing } = registry(world);
    let relation: string | null = null;
    const whole = world.archive();
    const archive = { ...whole, relation: (days: string[]) => relation ?? whole.relation(days) };
    const layer = world.layer(plugins, { problems, archive: archive as ArchiveReader });
    await world.append(LOG, 0, [event()]);
    const first = (await layer.run())!;
    relation = "nowhere";
    await layer.run({ full: true });
    relation = null;
    const failed = [[code, `${subject}, full run`]];
    expect(standing()).toEqual(failed);
    expect(problems.standing()[0].message).toContain("run `twofold batch --full` again");
    expect(await layer.run()).toBe(null);
    expect(standing()).toEqual(failed);
    await world.append(LOG, 0, [event()]);
    const { run } = (await layer.run())!;
    layer.published("users", run, first.run);
    expect(standing()).toEqual(failed);
    const restarted = registry(world);
    const another = world.layer(plugins, { problems: restarted.problems });
    another.recall(problems.standing());
    expect(await another.run()).toBe(null);
    expect(restarted.standing()).toEqual(failed);
    await another.run({ full: true });
    expect(restarted.standing()).toEqual([]);
    layer.published("users", run, first.run);
    expect(standing()).toEqual(failed);
    layer.published("users", run + 1, run + 1);
    expect(standing()).toEqual([]);
  });

  it("in a scheduled run stands until the archive is covered, by whichever process", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems, standing } = registry(world);
    const users = batchPlugin(usersPlugin, usersSql, 56);
    const faulty = { ...world.archive(), relation: () => "nowhere" };
    const layer = world.layer([users], { problems, archive: faulty });
    await world.append(LOG, 0, [event()]);
    for (let i = 0; i < 2; i++) {
      await layer.run();
      expect(standing()).toEqual([["batch_plugin_failing", "plugin users"]]);
    }
    await world.layer([users]).run();
    expect(await layer.run()).toBe(null);
    expect(standing()).toEqual([]);
  });

  it("stands over a restart, as far as its topic and plugin are still there", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems, standing } = registry(world);
    const users = batchPlugin(usersPlugin, usersSql, 53);
    const layer = world.layer([users], { problems });
    const of = (code: Problem["code"], place: Partial<Problem>): Problem => ({
      code,
      subject: `${code} ${JSON.stringify(place)}`,
      message: "…",
      blocking: false,
      since: "2025-01-01T00:00:00.000Z",
      ...place,
    });
    layer.recall([
      { ...of("batch_failing", { topic: world.topic }), subject: world.topic },
      { ...of("batch_plugin_failing", { plugin: "users" }), subject: "plugin users" },
      of("batch_plugin_failing", { plugin: "removed" }),
      of("batch_failing", { topic: "removed" }),
      of("plugin_failed", { plugin: "users" }),
    ]);
    expect(standing()).toEqual([
      ["batch_failing", world.topic],
      ["batch_plugin_failing", "plugin users"],
    ]);
    await world.append(LOG, 0, [event()]);
    await layer.run();
    expect(standing()).toEqual([]);
  });

  it("does not count a run that was told to stop", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems } = registry(world);
    const stop = new AbortController();
    const archive = { ...world.archive(), frontier: () => Promise.reject(stop.signal.reason) };
    const layer = world.layer([batchPlugin(usersPlugin, usersSql, 49)], { problems, archive });
    const run = layer.run({ signal: stop.signal });
    stop.abort(new Error("stopping"));
    await expect(run).rejects.toThrow("stopping");
    expect(problems.standing()).toEqual([]);
  });

  it("after publication is a problem of upkeep that the next good run clears", async () => {
    const world = await BatchWorld.open(warehouse);
    const { problems, standing } = registry(world);
    const users = batchPlugin(usersPlugin, usersSql, 50);
    await world.append(LOG, 0, [event()]);
    const facts = {
      problems,
      currentLogId: () => LOG,
      wholeWindows: () => Promise.resolve(null),
    };
    const dropless: Warehouse = {
      database: warehouse.database,
      cluster: null,
      stream: (...args) => warehouse.stream(...args),
      command: (...args) => warehouse.command(...args),
      insert: (...args) => warehouse.insert(...args),
      apart: (...args) => warehouse.apart(...args),
      close: () => warehouse.close(),
      query: (...args) =>
        args[0].includes("AS seconds")
          ? Promise.reject(new Error("rows stay"))
          : warehouse.query(...args),
    };
    await world.layer([users], { ...facts, warehouse: dropless }).run();
    expect(standing()).toEqual([["batch_upkeep_failing", "plugin users"]]);
    await world.append(LOG, 0, [event()]);
    await world.layer([users], facts).run();
    expect(standing()).toEqual([]);
  });
});
