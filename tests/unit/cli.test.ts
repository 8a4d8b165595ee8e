import { describe, expect, it } from "testing";
import { readCommandLine } from "../../runtime/commands/command_line.ts";
import { commands } from "../../runtime/commands/commands.ts";
import { exitCodes, helpOf } from "../../runtime/commands/help.ts";
import { elapsed, grouped } from "../../runtime/commands/text.ts";
import { nearest } from "../../runtime/std/closest.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import { fakeStatus, fakeWorld } from "../support/fake_world.ts";
import { problemOf } from "../support/problem.ts";
import { runWords as run } from "../support/run_words.ts";

describe("the command line", () => {
  it("tells all faults of settings at once, unknown choices too", async () => {
    const { code, err } = await run("start --log-format xml --port many");
    expect(code).toBe(2);
    expect(err).toContain('--log-format: expected one of text, json, got "xml"');
    expect(err).toContain("--port: expected a whole number");
  });

  it("shows help of all commands, and of each with its examples", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    for (const command of Object.keys(commands)) {
      expect(out).toContain(`  ${command} `);
      for (const args of [`${command} --help`, `help ${command}`, `${command} -h`]) {
        const help = await run(args);
        expect(help.code).toBe(0);
        expect(help.out).toContain(`Usage: twofold ${command}`);
        expect(help.out).toContain("Examples:");
      }
    }
    expect(out).toContain("130");
    for (const [code, meaning] of exitCodes) expect(out).toContain(`${code}`.padEnd(5) + meaning);
    for (const args of ["events --help", "help events"]) {
      const help = await run(args);
      expect([help.code, help.out]).toEqual([0, helpOf("events")]);
      expect(help.out).toContain("twofold events tail --follow");
    }
    expect((await run("help catalog")).out).toContain("catalog put NAME FILE");
    expect((await run("help dev")).out).toContain("--[no-]simulator");
  });

  it("shows which values a setting takes, and the command's own default", () => {
    const [dev, start] = [helpOf("dev"), helpOf("start")];
    expect(dev).toContain("--log-format text|json ");
    expect(dev).toContain("; a power of two, 256 to 65536; default 65536\n");
    expect(dev).toContain("; 1s to 1d; default 10s\n");
    expect(start).toContain("; 1s to 1d; default 1m\n");
    expect(start).not.toContain("(dev:");
  });

  it("understands every example of its help", () => {
    for (const [command, { examples }] of Object.entries(commands)) {
      for (const [example] of examples) {
        const [args] = example.replace(/^.*\| twofold /, "").split(" > ");
        const words = [...args.matchAll(/"([^"]*)"|(\S+)/g)].map(([, text, word]) => text ?? word);
        expect(readCommandLine(words)).toMatchObject({ kind: "run", command });
      }
    }
  });

  it("lists the formats of a command that reads files, the declared ones among them", async () => {
    const inputs = await fakeWorld().inputs([]);
    const world = fakeWorld({
      inputs: () => Promise.resolve({ ...inputs, faults: ["Row format x is not used"] }),
    });
    const { out, err } = await run("help replay", world);
    expect(out).toContain("  movielens-tab  ratings of MovieLens, user, movie, rating and seconds");
    expect(out).toContain("  ndjson         one JSON object per line");
    expect(err).toBe("Row format x is not used\n");
    expect((await run("help catalog put")).out).toContain("  movielens-titles-item  titles of");
    expect((await run("help status")).out).not.toContain("ndjson");
  });

  it("prints the version", async () => {
    expect(await run("--version")).toMatchObject({ code: 0, out: "0.1.0\n" });
  });

  it("suggests what was probably meant and ends with 2", async () => {
    const cases = [
      ["stat", 'Unknown command "stat"; did you mean "start"?'],
      ["dev --prot 9000", 'Unknown flag --prot of dev; did you mean "--port"?'],
      ["dev --no-simulater", 'did you mean "--no-simulator"?'],
      ["xyzzy", 'Unknown command "xyzzy"\n'],
      ["batch --ful", 'did you mean "--full"?'],
      ["status --port 1", "Unknown flag --port of status"],
      ["dev --port", "--port wants a value: --port PORT"],
      ["dev --simulator=yes", "--simulator takes no value"],
      ["replay", "Missing FILE: expected replay FILE"],
      ["replay ", "Missing FILE: expected replay FILE"],
      ["replay a b", 'Unexpected argument "b"'],
      ["batch now", 'Unknown command "batch now"'],
      ["status now", 'Unexpected argument "now"'],
      ["--port 1 dev", "The command comes first"],
      ["replay f --rate fast", '--rate must be "max" or a whole number'],
      ["replay f --rate 0", "--rate must be"],
      [
        "replay f --format xml",
        "--format must be movielens, movielens-csv, movielens-tab, ndjson or csv, got",
      ],
      ["replay f --speed fast", "--speed must be how many times as fast"],
      ["replay f --speed 2x --rate 5", "--speed must be left out where --rate is given"],
    ];
    for (const [args, message] of cases) {
      const { code, err, world } = await run(args);
      expect([args, code]).toEqual([args, 2]);
      expect(err).toContain(message);
      expect(world.configs).toEqual([]);
    }
  });

  it("lists all faults of settings at once and opens nothing", async () => {
    const { code, err, world } = await run(
      "start --port x --partitions 0",
      fakeWorld({ env: { TWOFOLD_BLOCK_SIZE: "3" } }),
    );
    expect(code).toBe(2);
    for (const name of ["--port", "--partitions", "TWOFOLD_BLOCK_SIZE"]) {
      expect(err).toContain(name);
    }
    expect(world.configs).toEqual([]);
  });

  it("reads switches that are set, unset and left out", () => {
    const flags = (...args: string[]) => {
      const request = readCommandLine(["dev", ...args]);
      return request.kind === "run" ? request.flags.simulator : "no run";
    };
    expect([flags(), flags("--simulator"), flags("--no-simulator")]).toEqual([
      undefined,
      true,
      false,
    ]);
  });

  it("ends with 3 when something outside failed and with 1 on a fault of its own", async () => {
    const failing = (error: Error) => fakeWorld({ openEngine: () => Promise.reject(error) });
    const outside = await run(
      "start",
      failing(new ExternalError("Cannot write: the disk is full")),
    );
    expect([outside.code, outside.err]).toEqual([3, "error Cannot write: the disk is full\n"]);
    const own = await run("start", failing(new Error("a defect")));
    expect(own.code).toBe(1);
    expect(own.err).toContain("a defect");
  });
});

describe("batch", () => {
  it("opens the folder itself where no process runs, and shows a table", async () => {
    const { code, out, world } = await run("batch --full");
    expect(code).toBe(0);
    expect(world.engine.done).toEqual(["start", "batch --full", "close"]);
    expect(out).toContain("Run 8 of movie-viewing-events, 1.50 s");
    expect(out).toMatch(/ratings {2}published {2}full +186 +10,506 +1\.25 +0/);
  });

  it("says that nothing is new, and ends with 1 when a plugin failed", async () => {
    const world = fakeWorld();
    world.engine.run = null;
    expect((await run("batch", world)).out).toBe("Nothing is new since the last run.\n");
    const failing = fakeWorld();
    const { run: last } = failing.engine;
    const failed = { ...last!.plugins[0], status: "failed" as const, error: "no such column" };
    const plugins = [failed, { ...failed, plugin: "views" }];
    failing.engine.run = { ...last!, plugins };
    const { code, out } = await run("batch", failing);
    expect(code).toBe(1);
    expect(out).toContain("  ratings, views: no such column\n");
  });
});

describe("status --memory", () => {
  it("prints the parts of the memory in MiB, or all of it as JSON", async () => {
    const { code, out } = await run("status --memory");
    expect(code).toBe(0);
    expect(out).toContain("419.6 MiB resident, 171.7 MiB of it anonymous\n");
    expect(out).toMatch(/heap_used +engine +9\.5\n/);
    expect(out).toMatch(/engine +– +57\.2\n/);
    expect(JSON.parse((await run("status --memory --json")).out).anonymous_bytes).toBe(180_000_000);
  });

  it("leaves out what is not known", async () => {
    const world = fakeWorld();
    const parts = [{ part: "columns", thread: null, bytes: 2 ** 20 }];
    world.engine.memory = () =>
      Promise.resolve({ resident_bytes: 2 ** 28, anonymous_bytes: null, parts });
    expect((await run("status --memory", world)).out).toMatch(/^256\.0 MiB resident\n/);
  });
});

describe("status", () => {
  it("shows tables, or with --json all of it, and only looks", async () => {
    const { code, out, world } = await run("status");
    expect(code).toBe(0);
    expect(out).toContain("1,234,567");
    expect(out).toMatch(/ratings {2}running +7 +42 +0/);
    expect(world.engine.done).toEqual(["close"]);
    expect(JSON.parse((await run("status --json")).out)).toEqual(fakeStatus);
  });

  it("tells problems and ends with 1 when it is not ready", async () => {
    const world = fakeWorld();
    const problems = [problemOf("partition 0: the log has a gap")];
    world.engine.status = () => Promise.resolve({ ...fakeStatus, ready: false, problems });
    const { code, out } = await run("status", world);
    expect(code).toBe(1);
    expect(out).toContain("partition 0: the log has a gap");
  });
});

describe("verify", () => {
  it("shows what was looked at, or with --json the report", async () => {
    const { code, out } = await run("verify --fast");
    expect(code).toBe(0);
    expect(out).toContain("names, sizes and counts: 2 manifests, 3 files of 1 MiB, 4 tables");
    expect(JSON.parse((await run("verify --json")).out)).toMatchObject({ ok: true, fast: false });
  });

  it("names what is damaged and what to do, and ends with 1", async () => {
    const world = fakeWorld();
    const finding = {
      code: "archive_damaged" as const,
      object: "t/events/a.parquet",
      damage: "it is missing",
      advice: "Restore it from a copy",
    };
    world.engine.verification.verify = () =>
      Promise.resolve({
        ok: false,
        fast: false,
        manifests: 1,
        files: 1,
        bytes: 1,
        tables: 1,
        findings: [finding],
        accepted: [],
      });
    const { code, out } = await run("verify", world);
    expect(code).toBe(1);
    for (const words of [finding.object, finding.damage, finding.advice]) {
      expect(out).toContain(words);
    }
  });

  it("accept goes on without a file, and wants to know who and why", async () => {
    const { code, out } = await run("verify accept t/events/a.parquet --reason lost --by me");
    expect([code, out]).toEqual([0, "Accepted the loss of 7 rows in t/events/a.parquet\n"]);
    const { code: refused, err } = await run("verify accept t/events/a.parquet --by me");
    expect(refused).toBe(2);
    expect(err).toContain("--reason must say why");
  });

  it("reports a data folder that cannot be opened", async () => {
    const world = { ...fakeWorld() };
    world.openEngine = () =>
      Promise.reject(new ExternalError("Cannot open log views.sqlite: malformed"));
    const { code, out } = await run("verify --json", world);
    expect(code).toBe(1);
    expect(JSON.parse(out).findings).toMatchObject([{ code: "log_damaged" }]);
  });
});

describe("text", () => {
  it("writes numbers and times for people", () => {
    expect([0, 999, 1000, 1234567].map(grouped)).toEqual(["0", "999", "1,000", "1,234,567"]);
    expect(["1048576", 12n].map(grouped)).toEqual(["1,048,576", "12"]);
    expect([400, 12_000, 185_000, 7_385_000].map(elapsed)).toEqual([
      "0.4 s",
      "12 s",
      "3:05",
      "2:03:05",
    ]);
  });

  it("nearest() finds slips and nothing that is far", () => {
    expect(nearest("stauts", ["start", "status"])).toBe("status");
    expect(nearest("zzz", ["start", "status"])).toBe(null);
  });
});
