import { join } from "node:path";
import { describe, expect, it } from "testing";

const root = join(import.meta.dirname!, "..", "..");
const config = join(root, "deno.json");

/** Runs a line under a permission set, and tells what it printed. */
async function under(set: string, line: string): Promise<string> {
  const program =
    `try { ${line}; console.log("allowed") } catch (error) { console.log(error.name) }`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", `--config=${config}`, `-P=${set}`, file],
  }).output();
  await Deno.remove(file);
  return new TextDecoder().decode(stdout).trim();
}

describe("the permission sets", () => {
  it.each([
    ["dev", `Deno.listen({ port: 0, hostname: "127.0.0.1" }).close()`, "allowed"],
    ["dev", `Deno.listen({ port: 0, hostname: "0.0.0.0" })`, "NotCapable"],
    ["dev", `await fetch("http://192.0.2.1/")`, "NotCapable"],
    ["dev", `new Deno.Command("sh").outputSync()`, "NotCapable"],
    ["run", `new Deno.Command("sh").outputSync()`, "NotCapable"],
    ["test", `await fetch("http://192.0.2.1/")`, "NotCapable"],
    ...["dev", "run"].flatMap((set) => [
      [set, `Deno.dlopen("libc.so.6", {})`, "NotCapable"],
      [set, `Deno.UnsafePointer.of(new Uint8Array(1))`, "NotCapable"],
      [set, `await Deno.remove(await Deno.makeTempFile())`, "allowed"],
      ...["main.ts", "deno.json", "plugins/ratings.ts", "runtime/twofold.ts", "node_modules/preact"]
        .map((path) => [set, `Deno.utimeSync("${join(root, path)}", 0, 0)`, "NotCapable"]),
    ]),
  ])("%s: %s is %s", async (set, line, wanted) => {
    expect(await under(set, line)).toBe(wanted);
  });

  it.each(["dev", "run"])("%s: the engine opens, runs and closes", async (set) => {
    const data = await Deno.makeTempDir({ prefix: "twofold-permissions-" });
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", `-P=${set}`, "main.ts", "batch", "--full", "--data", data],
      cwd: root,
    }).output();
    await Deno.remove(data, { recursive: true });
    expect([code, new TextDecoder().decode(stderr)]).toEqual([0, expect.any(String)]);
  });

  it("run: another library needs its own permission, and the message says so", async () => {
    const copy = await Deno.makeTempFile({ suffix: ".so" });
    const start = async (...more: string[]) => {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "-P=run", ...more, "main.ts", "doctor", "--libchdb", copy],
        cwd: root,
      }).output();
      return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    };
    expect(await start()).toContain(`Requires ffi access to "${copy}"`);
    expect(await start(`--allow-ffi=${copy}`)).not.toContain("Requires ffi access");
    await Deno.remove(copy);
  });
});
