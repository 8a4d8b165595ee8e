import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "testing";
import { readOwner } from "../../runtime/engine/data_folder.ts";
import { resultOf } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";

const root = join(import.meta.dirname!, "..", "..");
const config = join(root, "deno.json");

function command(args: readonly string[], env: Record<string, string> = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...args],
    cwd: root,
    env: { ...env, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
    // A server that has a permission that it should not have would not end.
    signal: AbortSignal.timeout(60_000),
  });
}

/** Runs lines under a permission set, in one process, and tells what came of each. */
async function under(set: string, lines: readonly string[]): Promise<string[]> {
  const tries = lines.map((line) =>
    `try { ${line}; console.log("allowed") } catch (error) { console.log(error.name) }`
  );
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, [...tries, "Deno.exit();"].join("\n"));
  const { out } = await resultOf(command([`--config=${config}`, `-P=${set}`, file]));
  await Deno.remove(file);
  return out.trim().split("\n");
}

/** A line under a permission set, and what comes of it. */
type Rule = readonly [set: string, line: string, wanted: string];

const rules: readonly Rule[] = [
  ["dev", `Deno.listen({ port: 0, hostname: "127.0.0.1" }).close()`, "allowed"],
  ["dev", `Deno.listen({ port: 0, hostname: "0.0.0.0" })`, "NotCapable"],
  ["dev", `await fetch("http://192.0.2.1/")`, "NotCapable"],
  ["dev", `new Deno.Command("sh").outputSync()`, "NotCapable"],
  ["run", `new Deno.Command("sh").outputSync()`, "NotCapable"],
  ["compiled", `new Deno.Command("sh").outputSync()`, "NotCapable"],
  ["test", `await fetch("http://192.0.2.1/")`, "NotCapable"],
  ...["dev", "run", "compiled"].flatMap((set): Rule[] => [
    [set, `Deno.env.get("TWOFOLD_WRITE_TOKEN")`, "allowed"],
    [set, `Deno.env.get("AWS_SECRET_ACCESS_KEY")`, "NotCapable"],
    [set, `Deno.env.toObject()`, "NotCapable"],
    [set, `Deno.hostname()`, "NotCapable"],
    [
      set,
      `(await import("node:https")).get("https://localhost:1").on("error", Boolean)`,
      "allowed",
    ],
    [set, `Deno.networkInterfaces()`, "NotCapable"],
  ]),
  ...["dev", "run"].flatMap((set): Rule[] => [
    [set, `Deno.dlopen("libc.so.6", {})`, "NotCapable"],
    [set, `Deno.UnsafePointer.of(new Uint8Array(1))`, "NotCapable"],
    [set, `Deno.readTextFileSync("plugins/ratings.ts")`, "allowed"],
    [set, `Deno.readTextFileSync("/etc/passwd")`, "NotCapable"],
    [set, `Deno.readTextFileSync("/proc/self/environ")`, "NotCapable"],
    [set, `Deno.readDirSync("..")`, "NotCapable"],
    [set, `Deno.makeTempFileSync()`, "NotCapable"],
    [set, `Deno.removeSync("absent.txt")`, "NotCapable"],
    ...["main.ts", "deno.json", "plugins/ratings.ts", "runtime/twofold.ts", "node_modules/preact"]
      .map((path): Rule => [set, `Deno.utimeSync("${path}", 0, 0)`, "NotCapable"]),
  ]),
];

describe("the permission sets", () => {
  it.each([...new Set(rules.map(([set]) => set))])("%s allows what it should", async (set) => {
    const of = rules.filter((rule) => rule[0] === set).map(([, line, wanted]) => ({
      line,
      wanted,
    }));
    const found = await under(set, of.map(({ line }) => line));
    expect(of.map(({ line }, i) => ({ line, wanted: found[i] }))).toEqual(of);
  });
});

describe("a data folder below ./data", () => {
  let data: string;
  beforeEach(() => data = join(root, "data", `test-${crypto.randomUUID()}`));
  afterEach(() => Deno.remove(data, { recursive: true }));

  it.each(["dev", "start"])("%s serves pages from it, closed to other users", async (name) => {
    const child = command([
      `-P=${name === "dev" ? "dev" : "run"}`,
      "main.ts",
      name,
      "--port",
      "0",
      "--data",
      data,
    ]).spawn();
    const ended = resultOf(child);
    const url = await eventually("the process to listen", async () => {
      return (await readOwner(data))?.url ?? "";
    });
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("<html")]);
    const memory = await (await fetch(new URL("/api/v1/status/memory", url))).json();
    expect(memory.anonymous_bytes).toBeGreaterThan(2 ** 26);
    expect((await Deno.stat(data)).mode! & 0o777).toBe(0o700);
    child.kill("SIGTERM");
    const { code, err } = await ended;
    expect([code, err]).toEqual([0, expect.not.stringMatching(/Requires|NotCapable/)]);
  });
});

describe("a path that the permissions do not cover", () => {
  let dir: string;
  beforeEach(async () => dir = await Deno.makeTempDir({ prefix: "twofold-permissions-" }));
  afterEach(() => Deno.remove(dir, { recursive: true }));

  it.each([
    ["dev --data DIR", "", "--allow-read=.,DIR --allow-write=dist,DIR"],
    ["start --data DIR", "", "--allow-read=.,DIR --allow-write=DIR"],
    ["query ratings", "TWOFOLD_DATA", "--allow-read=.,DIR --allow-write=DIR"],
    ["verify", "TWOFOLD_READ_TOKEN_FILE", "--allow-read=.,./data,DIR"],
    ["batch", "TWOFOLD_KAFKA_CA", "--allow-read=.,./data,DIR"],
    ["produce --plugins plugins --plugins DIR", "", "--allow-read=.,./data,plugins,DIR"],
    ["batch", "TWOFOLD_PLUGINS", "--allow-read=.,./data,DIR"],
    ["replay DIR", "", "--allow-read=.,./data,DIR"],
    ["replay - --catalog DIR", "", "--allow-read=.,./data,DIR"],
    ["catalog put movies DIR", "", "--allow-read=.,./data,DIR"],
    ["doctor --libchdb DIR", "", "--allow-write=./data --allow-ffi=DIR"],
  ])("%s with %j is named in one line, with the flags", async (line, variable, flags) => {
    const [args, wanted] = [line, flags].map((text) => text.replaceAll("DIR", dir));
    const set = line.startsWith("dev") ? "-P=dev" : "-P=run";
    const env = variable === "" ? {} : { [variable]: dir };
    const ended = await resultOf(command([set, "main.ts", ...args.split(" ")], env));
    expect(ended.code).toBe(2);
    expect(ended.err).toMatch(/^[^\n]*\n$/);
    expect(ended.err).toContain(`error Cannot open "${dir}": not covered by Deno's permissions; `);
    expect(ended.err).toContain(`run: deno run ${set} --allow-read=.`);
    expect(ended.err).toContain(`${wanted} `);
  });

  it("the line's own command works, whatever is in the name", async () => {
    const data = join(dir, "it's one");
    const { err } = await resultOf(
      command(["-P=run", "main.ts", "batch", "--full", "--data", data]),
    );
    const line = err.match(/run: deno (.*)\n$/)![1];
    const { code } = await resultOf(
      new Deno.Command("sh", { args: ["-c", `"$0" ${line}`, Deno.execPath()], cwd: root }),
    );
    expect(code).toBe(0);
  });

  it("is covered where a link below a covered one leads there", async () => {
    const elsewhere = await Deno.makeTempDir({ prefix: "twofold-permissions-" });
    await Deno.writeTextFile(join(elsewhere, "o"), "an object");
    await Deno.symlink(elsewhere, join(dir, "link"));
    const script = join(dir, "script.ts");
    await Deno.writeTextFile(
      script,
      `import { openInput } from "${root}/runtime/commands/input_file.ts";
       import { openLocalStore } from "${root}/runtime/archive/local_store.ts";
       await using input = await openInput("${dir}/link/o", {});
       const store = await openLocalStore("${dir}/link");
       console.log(input.sizeBytes, await new Response(await store.stream("o")).text());`,
    );
    const paths = `${root},${dir}`;
    const { out, err } = await resultOf(
      command([`--config=${config}`, `--allow-read=${paths}`, `--allow-write=${dir}`, script]),
    );
    await Deno.remove(elsewhere, { recursive: true });
    expect([out, err]).toEqual(["9 an object\n", ""]);
  });

  it("says so where no flag helps", async () => {
    const { code, err } = await resultOf(
      command(["-P=run", "main.ts", "batch", "--data", "/srv/a,b"]),
    );
    const advice = "Deno's flags take no path with a comma; give another path";
    expect([code, err]).toEqual([2, expect.stringContaining(advice)]);
  });
});
