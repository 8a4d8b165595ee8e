/**
 * Refuses phrases that readers stumble over, in code, comments, docs and messages.
 * Run by `deno task words`; exits with 1 and one line per phrase.
 */
import { join } from "node:path";

const root = join(import.meta.dirname!, "..");

/** Phrases, and what to write instead. */
const PHRASES: readonly (readonly [phrase: RegExp, instead: string])[] = [
  [/\bstands? behind\b/i, "name what follows, or what causes it"],
  [/\bhow (it|they|everything|things|these|all) stands?\b/i, "state, status"],
  [/\bthat there (is|are|was|were)\b/i, '"known", "all", "every", or nothing'],
  [/\b(was|were|can|cannot|could|to) (not )?be had\b/i, "available"],
  [/\bwhoever\b/i, "name the process, the caller or the reader"],
  [/\bfor ever\b/i, "forever"],
  [/\bso long (after|before)\b/i, '"how long after …", "after so many milliseconds"'],
  [/\bfor so long\b/i, '"how long …", "longer"'],
  [/(^|[.:;*/] )who (asks|finds|reads|waits|looks)\b/i, "a caller, a process, a reader"],
  [/\bgiven free\b/i, "released"],
  [/\bnothing to say\b/i, "name the result"],
  [/\btells? how everything\b/i, "shows the status"],
];

const texts = /(\.(tsx?|md|css|yaml|sql|sh)|\.ci\/run)$/;
/** The phrases themselves, and migrations, which have been applied as they are. */
const left = /^(tools\/check_phrases\.ts$|sql\/migrations\/)/;

const { stdout } = await new Deno.Command("git", { args: ["ls-files"], cwd: root }).output();
const files = new TextDecoder().decode(stdout).split("\n")
  .filter((file) => texts.test(file) && !left.test(file));
let faults = 0;
for (const file of files) {
  const lines = (await Deno.readTextFile(join(root, file))).split("\n");
  for (const [i, line] of lines.entries()) {
    for (const [phrase, instead] of PHRASES) {
      const found = phrase.exec(line);
      if (found === null) continue;
      faults++;
      console.error(`${file}:${i + 1}: "${found[0].trim()}": write ${instead}`);
    }
  }
}
console.log(`phrases: ${files.length} files, ${faults} faults`);
if (faults > 0) Deno.exit(1);
