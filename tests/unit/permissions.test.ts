import { join } from "node:path";
import { describe, expect, it } from "testing";

const config = join(import.meta.dirname!, "..", "..", "deno.json");

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
  ])("%s: %s is %s", async (set, line, wanted) => {
    expect(await under(set, line)).toBe(wanted);
  });
});
