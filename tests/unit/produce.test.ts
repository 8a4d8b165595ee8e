import { describe, expect, fc, it } from "testing";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import { lineRuns } from "../../runtime/sources/line_runs.ts";
import { type FakeWorld, fakeWorld, keptTerminal } from "../support/fake_world.ts";

async function produce(args: string, world: FakeWorld = fakeWorld()) {
  const code = await runCommandLine(["produce", ...args.split(" ").filter(Boolean)], world);
  return { code, out: world.out.text(), err: world.err.text(), world };
}

const timesOf = (lines: string) =>
  lines.trimEnd().split("\n").map((line) => Date.parse(JSON.parse(line).timestamp));

describe("produce", () => {
  it("writes the same lines for the same flags, to a file as to standard output", async () => {
    const dir = await Deno.makeTempDir();
    try {
      const flags = "--count 5000 --users 500 --movies 50 --seed 9 --late 0.1 --repeat 0.1";
      const file = await produce(`${dir}/a.ndjson ${flags}`);
      expect([file.code, file.err]).toEqual([0, ""]);
      expect(file.out).toMatch(/^5,000 events in /);
      const text = await Deno.readTextFile(`${dir}/a.ndjson`);
      expect(text.split("\n")).toHaveLength(5001);
      const piped = await produce(`- ${flags}`);
      expect(piped.out === text).toBe(true);
      expect(piped.err).toMatch(/^5,000 events in /);
      expect((await produce(`- ${flags} --seed 8`)).out === text).toBe(false);
      expect(timesOf(text)[0]).toBeGreaterThanOrEqual(Date.UTC(2026, 0, 1) - 6 * 3_600_000);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });

  it("does not overwrite a file", async () => {
    const file = await Deno.makeTempFile();
    try {
      const { code, err } = await produce(`${file} --count 10`);
      expect([code, err]).toEqual([2, `error Cannot produce "${file}": there is such a file\n`]);
    } finally {
      await Deno.remove(file);
    }
  });

  it("sends to the log from now on at a steady rate, its event time keeping to the clock", async () => {
    const world = fakeWorld();
    const sent: { body: string; ms: number }[] = [];
    const take = world.engine.source.take.bind(world.engine.source);
    world.engine.source.take = (...args) => {
      sent.push({ body: args[0], ms: world.clock.now() });
      return take(...args);
    };
    const { code, out } = await produce(
      "--rate 100 --count 1000 --users 50 --late 0 --repeat 0",
      world,
    );
    expect(code).toBe(0);
    expect([...world.engine.source.topics]).toEqual(["movie-viewing-events"]);
    expect(out).toContain("accepted  1,000 events");
    expect(world.clock.sleptMs).toBeGreaterThanOrEqual(10_000);
    expect(world.clock.sleptMs).toBeLessThan(10_500);
    for (const { body, ms } of sent) {
      for (const eventMs of timesOf(body)) expect(Math.abs(eventMs - ms)).toBeLessThan(1500);
    }
  });

  it("lets days go by as fast as it sends, from --start on", async () => {
    const world = fakeWorld();
    const bodies: string[] = [];
    world.engine.source.take = (body) => {
      bodies.push(body);
      return { accepted: 0, rejected: [], rejected_total: 0, frontier: "" };
    };
    const flags = "--start 2020-02-01T00:00:00Z --users 100 --count 20000";
    const { code } = await produce(`${flags} --rate 5000 --json`, world);
    expect(code).toBe(0);
    expect(JSON.parse(world.out.text()).whole).toBe(true);
    expect(world.clock.sleptMs).toBeGreaterThanOrEqual(4000);
    const times = timesOf(bodies.join("")).sort();
    expect(times).toHaveLength(20_000);
    expect(times.at(-1)! - Date.UTC(2020, 1, 1)).toBeGreaterThan(14 * 86_400_000);
  });

  it("goes on until it is stopped, which is its end where no count is given", async () => {
    for (const [flags, code] of [["", 0], ["--count 1000000", 130]] as const) {
      const world = fakeWorld();
      const take = world.engine.source.take.bind(world.engine.source);
      world.engine.source.take = (...args) => {
        if (world.engine.source.calls === 3) world.interrupt();
        return take(...args);
      };
      const ended = await produce(`--users 100 ${flags}`, world);
      expect(ended.code).toBe(code);
      expect(ended.out).toContain("accepted  800 events");
      expect(world.engine.done).toEqual(["start", "close"]);
    }
  });

  it("ends when nobody reads on", async () => {
    let lines = 0;
    const out = {
      ...keptTerminal(),
      get closed() {
        return lines > 30_000;
      },
      write: (bytes: string | Uint8Array) => void (lines += String(bytes.length).length && 20_000),
    };
    const world = { ...fakeWorld(), out };
    expect(await runCommandLine(["produce", "-", "--users", "100"], world)).toBe(0);
    expect(lines).toBe(40_000);
  });

  it.each([
    ["f", "--count must be given for a file"],
    ["--rate max", "--start must be given with --rate max"],
    ["--rate 0", '--rate must be "max" or whole events per second'],
    ["--start yesterday", '--start must be an ISO 8601 instant from 1970 to 2105, got "yesterday"'],
    ["- --late 0.6", '--late must be a share of 0 to 0.5, got "0.6"'],
    ["- --repeat x", '--repeat must be a share of 0 to 0.5, got "x"'],
    ["- --users 1", "--users must be a whole number"],
    ["- --seed -1", "--seed"],
    ["a b", 'Unexpected argument "b"'],
  ])("refuses `%s`", async (args, message) => {
    const { code, err, world } = await produce(args);
    expect([code, world.configs]).toEqual([2, []]);
    expect(err).toContain(message);
  });
});

describe("lineRuns()", () => {
  it("gives the same lines in runs of equal length, as many as are wanted", () => {
    const chunk = fc.array(fc.string({ unit: fc.constantFrom("a", "b") }), { minLength: 1 });
    fc.assert(
      fc.property(
        fc.array(chunk, { maxLength: 6 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 30 }),
        (chunks, perRun, count) => {
          const given = chunks.map((lines) => ({
            bytes: new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")),
            events: lines.length,
          }));
          const runs = [...lineRuns(given, perRun, count)];
          const wanted = chunks.flat().slice(0, count);
          const text = runs.map(({ bytes }) => new TextDecoder().decode(bytes)).join("");
          expect(text).toBe(wanted.map((line) => `${line}\n`).join(""));
          expect(runs.slice(0, -1).every(({ events }) => events === perRun)).toBe(true);
          expect(runs.reduce((sum, { events }) => sum + events, 0)).toBe(wanted.length);
        },
      ),
    );
  });
});
