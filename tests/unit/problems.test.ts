import { describe, expect, it } from "testing";
import { causeOf } from "../../runtime/model/cause.ts";
import { failsBatch, type Problem, Problems } from "../../runtime/model/problems.ts";
import { DamagedError, ExternalError, LogFailedError } from "../../runtime/std/errors.ts";
import { ManualClock } from "../support/manual_clock.ts";

const drift = (message: string) =>
  ({ code: "drift", subject: "plugin ratings", message, plugin: "ratings" }) as const;

function registry() {
  const clock = new ManualClock();
  const changes: [string, boolean][] = [];
  const onChange = ({ message }: Problem, stands: boolean) => changes.push([message, stands]);
  return { clock, changes, problems: new Problems(clock, onChange) };
}

describe("Problems", () => {
  it("set() keeps the time at which a problem was first seen", () => {
    const { clock, problems } = registry();
    problems.set(drift("by 1"));
    const [{ since }] = problems.standing();
    clock.advance(5000);
    problems.set(drift("by 2"));
    expect(problems.standing()).toEqual([{ ...drift("by 2"), since, blocking: false }]);
  });

  it("reports a change once, and the end once", () => {
    const { changes, problems } = registry();
    problems.set(drift("by 1"));
    problems.set(drift("by 1"));
    problems.set(drift("by 2"));
    problems.clear("drift", "plugin ratings");
    problems.clear("drift", "plugin ratings");
    expect(changes).toEqual([["by 1", true], ["by 2", true], ["by 2", false]]);
  });

  it("observe() clears only problems of its own source", () => {
    const { problems } = registry();
    problems.set({ code: "ingest_failing", subject: "ingest", message: "full" });
    problems.observe("status", [drift("by 1")]);
    problems.observe("status", []);
    expect(problems.standing().map(({ code }) => code)).toEqual(["ingest_failing"]);
  });

  it("concerning() gives a metric its own problems and those of its topic", () => {
    const { problems } = registry();
    problems.set(drift("by 1"));
    problems.set({ code: "ticks_failing", subject: "views", message: "refused", topic: "views" });
    const codes = (plugin: string, topic: string) =>
      problems.concerning(plugin, topic).map(({ code }) => code);
    expect(codes("ratings", "views")).toEqual(["drift", "ticks_failing"]);
    expect(codes("popular", "views")).toEqual(["ticks_failing"]);
    expect(codes("popular", "visits")).toEqual([]);
  });

  describe("one cause", () => {
    const file = "views/events/dt=2024-01-01/a.parquet";
    const damage = () => new DamagedError(file, "it is missing");
    const outage = () => new ExternalError("Cannot insert: refused", { part: "warehouse" });
    const plugins = ["ratings", "popular", "users"];
    const failing = (plugin: string, error: unknown) => ({
      code: "batch_plugin_failing" as const,
      subject: `plugin ${plugin}`,
      plugin,
      error,
      message: `cannot compute ${plugin}`,
    });
    const unreached = {
      code: "part_unreached" as const,
      subject: "warehouse",
      blocking: true,
      message: "Cannot read the warehouse: refused",
    };
    const named = (problems: Problems) =>
      problems.standing().map(({ code, subject, affects = [] }) => [
        `${code} ${subject}`,
        affects.map((each) => `${each.code} ${each.subject}`),
      ]);

    it("is one problem, which lists what fails by it, in the answers of all that fail", () => {
      const { problems, changes } = registry();
      for (const plugin of plugins) problems.set(failing(plugin, damage()));
      expect(named(problems)).toEqual([
        [`archive_damaged ${file}`, plugins.map((name) => `batch_plugin_failing plugin ${name}`)],
      ]);
      expect(changes).toEqual([[damage().message, true]]);
      const codes = (plugin: string) => problems.concerning(plugin, "views").map((p) => p.code);
      expect([codes("users"), codes("others")]).toEqual([["archive_damaged"], []]);
      expect(failsBatch(problems.standing()[0], "users", "views")).toBe(true);
      expect(failsBatch(problems.standing()[0], "others", "views")).toBe(false);
    });

    it("stands as long as work fails by it, where nobody reports it itself", () => {
      const { problems, changes } = registry();
      for (const plugin of plugins) problems.set(failing(plugin, outage()));
      for (const plugin of plugins.slice(1)) {
        problems.clear("batch_plugin_failing", `plugin ${plugin}`);
      }
      expect(named(problems)).toEqual([
        ["part_unreached warehouse", ["batch_plugin_failing plugin ratings"]],
      ]);
      problems.clear("batch_plugin_failing", "plugin ratings");
      expect([problems.standing(), changes.length]).toEqual([[], 2]);
    });

    it("ends with its report, and takes what it affects along", () => {
      const { problems, changes } = registry();
      problems.set(failing("users", outage()));
      problems.observe("status", [unreached]);
      expect(problems.standing()).toMatchObject([{ message: unreached.message, blocking: true }]);
      problems.observe("status", []);
      expect(problems.standing()).toEqual([]);
      expect(changes.map(([, stands]) => stands)).toEqual([true, true, false]);
    });

    it("that is gone explains no work which still fails by damage: that is a problem of its own", () => {
      const { problems } = registry();
      const stopped = {
        code: "partition_stopped" as const,
        subject: "views, partition 0",
        topic: "views",
        message: "stopped",
        blocking: true,
        error: damage(),
      };
      problems.observe("status", [stopped]);
      expect(problems.standing()).toMatchObject([{ code: "archive_damaged", blocking: true }]);
      problems.clear("archive_damaged", file);
      expect(problems.standing()).toEqual([]);
      problems.observe("status", [stopped]);
      expect(named(problems)).toEqual([["partition_stopped views, partition 0", []]]);
    });

    it("of an outage goes on while what is observed has not worked since", () => {
      const { problems, changes } = registry();
      const flush = {
        code: "flush_failing" as const,
        subject: "views",
        topic: "views",
        message: "Cannot flush",
        error: outage(),
      };
      problems.observe("status", [unreached, flush]);
      const [{ since }] = problems.standing();
      problems.observe("status", [flush]);
      expect(problems.standing()).toMatchObject([{
        code: "part_unreached",
        since,
        blocking: false,
      }]);
      problems.observe("status", []);
      expect([problems.standing(), changes.length]).toEqual([[], 2]);
    });

    it("leaves faults of their own apart, and takes over what changes its cause", () => {
      const { problems } = registry();
      problems.set(failing("ratings", new Error("division by zero")));
      problems.set(failing("users", outage()));
      expect(named(problems)).toEqual([
        ["batch_plugin_failing plugin ratings", []],
        ["part_unreached warehouse", ["batch_plugin_failing plugin users"]],
      ]);
      problems.set(failing("ratings", outage()));
      expect(named(problems)).toEqual([
        ["part_unreached warehouse", [
          "batch_plugin_failing plugin ratings",
          "batch_plugin_failing plugin users",
        ]],
      ]);
    });

    it.each<[unknown, string | null]>([
      [new DamagedError("table state_batch_x", "…"), "warehouse_damaged table state_batch_x"],
      [new DamagedError("log/views.sqlite", "…"), "log_damaged log/views.sqlite"],
      [new LogFailedError("…", { topic: "views" }), "log_failed views"],
      [new ExternalError("…", { part: "disk" }), "disk_full data folder"],
      [new Error("around", { cause: outage() }), "part_unreached warehouse"],
      [new ExternalError("memory"), null],
      ["text", null],
    ])("is told by the error: %s", (error, wanted) => {
      const cause = causeOf(error);
      expect(cause && `${cause.code} ${cause.subject}`).toBe(wanted);
    });
  });
});
