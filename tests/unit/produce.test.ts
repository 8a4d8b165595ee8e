import { describe, expect, it } from "testing";
import viewing from "../../plugins/viewing.source.ts";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import type { Source } from "../../runtime/source.ts";
import { type FakeWorld, fakeWorld } from "../support/fake_world.ts";

async function produce(args: string, world: FakeWorld = fakeWorld()) {
  const code = await runCommandLine(["produce", ...args.split(" ").filter(Boolean)], world);
  return { code, out: world.out.text(), err: world.err.text(), world };
}

const timesOf = (lines: string) =>
  lines.trimEnd().split("\n").map((line) => Date.parse(JSON.parse(line).timestamp));

describe("produce", () => {
  it("sends to the log from now on at a steady rate, its event time keeping to the clock", async () => {
    const world = fakeWorld();
    const sent: { body: string; ms: number }[] = [];
    const take = world.engine.source.take.bind(world.engine.source);
    world.engine.source.take = (...args) => {
      sent.push({ body: args[0], ms: world.clock.now() });
      return take(...args);
    };
    const { code, out } = await produce("--rate 100 --count 1000", world);
    expect(code).toBe(0);
    expect([...world.engine.source.topics]).toEqual(["movie-viewing-events"]);
    expect(out).toContain("accepted  1,000 events");
    expect(world.clock.sleptMs).toBeGreaterThanOrEqual(10_000);
    expect(world.clock.sleptMs).toBeLessThan(10_500);
    for (const { body, ms } of sent) {
      const near = timesOf(body).filter((eventMs) => Math.abs(eventMs - ms) < 1500);
      // Few come late.
      expect(near.length).toBeGreaterThan(timesOf(body).length * 0.6);
    }
  });

  it("goes on until it is stopped, which is its end where no count is given", async () => {
    for (const [flags, code] of [["", 0], ["--count 1000000", 130]] as const) {
      const world = fakeWorld();
      const take = world.engine.source.take.bind(world.engine.source);
      world.engine.source.take = (...args) => {
        if (world.engine.source.calls === 3) world.interrupt();
        return take(...args);
      };
      const ended = await produce(flags, world);
      expect(ended.code).toBe(code);
      expect(ended.out).toContain("accepted  400 events");
      expect(world.engine.done).toEqual(["start", "close"]);
    }
  });

  it.each([
    ["--rate max", '--rate must be a whole number, 1 to 1000000000, got "max"'],
    ["--rate 0", "--rate must be a whole number"],
    ["--count 0", "--count must be a whole number"],
    ["films", 'SOURCE must be viewing, got "films"'],
    ["a b", 'Unexpected argument "b"'],
  ])("refuses `%s`", async (args, message) => {
    const { code, err, world } = await produce(args);
    expect([code, world.configs]).toEqual([2, []]);
    expect(err).toContain(message);
  });

  it("says how a source is declared where there is none, or several", async () => {
    const inputs = (...sources: Source[]) =>
      fakeWorld({
        inputs: () =>
          Promise.resolve({
            formats: [],
            catalogFormats: [],
            sources,
            faults: ["Source x is not used"],
          }),
      });
    const none = await produce("", inputs());
    expect([none.code, none.err]).toEqual([
      4,
      "Source x is not used\nerror Cannot produce: no file plugins/*.source.ts declares a source\n",
    ]);
    const other = { ...viewing, name: "other" };
    const several = await produce("", inputs(viewing, other));
    expect([several.code, several.err]).toEqual([
      2,
      expect.stringContaining("SOURCE must be viewing or other, got none"),
    ]);
    expect((await produce("other --count 10", inputs(viewing, other))).out).toContain(
      "accepted  10 events",
    );
  });
});
