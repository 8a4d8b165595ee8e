import { describe, expect, it } from "testing";
import { commands, flagsOf } from "../../runtime/commands/command_line.ts";
import { completionsFor, type Shell } from "../../runtime/commands/completions.ts";
import type { Command } from "../../runtime/settings/config.ts";

/** What bash offers behind these words; the last one is under the cursor. */
async function offered(...words: string[]): Promise<string[]> {
  const script = `${completionsFor("bash")}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _twofold; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["--norc", "-c", script, "bash", "twofold", ...words],
    cwd: import.meta.dirname,
  }).output();
  const said = new TextDecoder().decode(stderr);
  if (code !== 0 || said !== "") throw new Error(`bash ended with ${code}: ${said}`);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

const SHELLS = ["bash", "zsh", "fish"] as const;

/** bash is wanted everywhere; the others are rarely there, and then told as skipped. */
function installed(shell: Shell): boolean {
  if (shell === "bash") return true;
  try {
    return new Deno.Command(shell, { args: ["-c", "true"] }).outputSync().success;
  } catch {
    return false;
  }
}

describe("completions", () => {
  it("of bash complete commands, verbs, flags and values", async () => {
    expect(await offered("que")).toEqual(["query"]);
    expect((await offered("")).sort()).toEqual(
      [...new Set(Object.keys(commands).map((name) => name.split(" ")[0])), "help"]
        .concat("--help", "--version").sort(),
    );
    expect(await offered("query", "--la")).toEqual(["--layer"]);
    expect(await offered("query", "--layer", "")).toEqual(["merged", "batch", "speed"]);
    expect(await offered("query", "--layer", "m")).toEqual(["merged"]);
    expect(await offered("query", "--format", "=", "c")).toEqual(["csv"]);
    expect(await offered("query", "m", "--format", "=")).toEqual(["table", "json", "csv"]);
    expect(await offered("query", "--limit", "")).toEqual([]);
    expect(await offered("start", "--log-format", "")).toEqual(["text", "json"]);
    expect(await offered("events", "")).toEqual(["tail"]);
    expect(await offered("events", "tail", "--fo")).toEqual(["--follow"]);
    expect(await offered("catalog", "s")).toEqual(["show"]);
    expect(await offered("catalog", "show", "--se")).toEqual(["--search"]);
    expect(await offered("completions", "")).toEqual(["bash", "zsh", "fish", "--help"]);
    expect(await offered("dev", "--no-")).toEqual(["--no-simulator"]);
    expect(await offered("help", "doc")).toEqual(["doctor"]);
    expect(await offered("nothing", "")).toEqual([]);
  });

  it("of bash complete files and folders where they are wanted", async () => {
    expect(await offered("catalog", "put", "movies", "completions.t")).toEqual([
      "completions.test.ts",
    ]);
    expect(await offered("query", "m", "--data", "../uni")).toEqual(["../unit"]);
    expect(await offered("doctor", "--libchdb", "completions.t")).toEqual(["completions.test.ts"]);
  });

  it.each(SHELLS)("of %s know every command and flag", (shell) => {
    const script = completionsFor(shell);
    for (const name of Object.keys(commands) as Command[]) {
      expect(script).toContain(name);
      for (const flag of flagsOf(name).keys()) {
        expect(script).toContain(shell === "fish" ? `-l ${flag} ` : `--${flag}`);
      }
    }
  });

  it("of zsh and fish have the lines that were tried in these shells", () => {
    const zsh = completionsFor("zsh"), fish = completionsFor("fish");
    expect(zsh).toContain("'*--layer[Layer to query; default merged]:value:(merged batch speed)'");
    expect(zsh).toContain("default\\: by the file'\\''s name]:value:(ndjson json csv)'");
    expect(zsh).toContain("'1:argument: ' '2:argument:_files' ;;");
    expect(zsh).toContain(":value:_files -/'");
    const at = "complete -c twofold -n '__twofold_is ";
    expect(fish).toContain(`${at}\\'query\\'' -l layer -d 'Layer to query; default merged' -x -a`);
    expect(fish).toContain(`${at}\\'catalog put\\'' -F\n`);
    expect(fish).toContain(
      `${at}\\'catalog\\'' -a 'put' -d 'Replace a catalog with the rows of a file,`,
    );
    expect(fish).toContain("-x -a '(__fish_complete_directories)'");
  });

  for (const shell of SHELLS) {
    const here = installed(shell);
    const name = `of ${shell} are a script that it can read${here ? "" : ": it is not installed"}`;
    it.skipIf(!here)(name, async () => {
      const file = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(file, completionsFor(shell));
        const { code, stderr } = await new Deno.Command(shell, { args: ["-n", file] }).output();
        expect([code, new TextDecoder().decode(stderr)]).toEqual([0, ""]);
      } finally {
        await Deno.remove(file);
      }
    });
  }
});
