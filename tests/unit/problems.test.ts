import { describe, expect, it } from "testing";
import { type Problem, Problems } from "../../runtime/model/problems.ts";
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
});
