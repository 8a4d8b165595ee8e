/**
 * Keeps the arrows between the folders: which folder may import which, as CONTRIBUTING.md tells; and
 * between files: none imports itself by way of others, not even their types. And keeps the example
 * out of the runtime: its code does not name what the plugins are about.
 * Run by `deno task ok`; exits with 1 and one line per import that is not allowed.
 */
import { dirname, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname!, "..");

/** What a file may import: path prefixes of the project, and packages. */
interface Rule {
  readonly folder: RegExp;
  readonly may: readonly RegExp[];
}

const builtIn = /^node:/;
/** The contract of plugins, and the building blocks that every box may use. */
const std = /^runtime\/std\//;
const contract = /^runtime\/([a-z_]+\.ts$|(expressions|declaration)\/)/;
const measures = /^runtime\/measures\//;
const model = /^runtime\/model\//;
const shared = /^runtime\/([a-z_]+\.ts$|(expressions|std|measures|model|ports|settings|sql)\/)/;

/** The first rule whose folder matches a file decides. */
const rules: readonly Rule[] = [
  {
    folder: /^((main|vitest\.config)\.ts|tests\/|bench\/|tools\/|examples\/|.*\.test\.tsx?$)/,
    may: [/^(?!main\.ts)/],
  },
  { folder: std, may: [std, builtIn] },
  { folder: contract, may: [contract, measures, std] },
  {
    folder: measures,
    may: [measures, /^runtime\/(events\.ts$|expressions\/)/, /^runtime\/model\/columns\.ts$/, std],
  },
  { folder: model, may: [model, measures, contract, std, builtIn] },
  { folder: /^runtime\/settings\//, may: [/^runtime\/settings\//, std, builtIn, /^croner$/] },
  { folder: /^runtime\/ports\//, may: [/^runtime\/ports\//, model, contract, std] },
  { folder: /^runtime\/sql\//, may: [/^runtime\/(sql|ports)\//, contract, std] },
  // Both layers, put together for tests of plugins; nothing of the runtime imports it.
  { folder: /^runtime\/testing\//, may: [/^runtime\/(?!commands\/)/, builtIn, /^fast-check$/] },
  { folder: /^runtime\/engine\//, may: [/^runtime\/(?!(commands|testing)\/)/, builtIn] },
  {
    folder: /^runtime\/commands\//,
    may: [/^runtime\/(commands|sources|engine)\//, shared, builtIn, /^string-width$/],
  },
  {
    folder: /^runtime\/sources\//,
    may: [/^runtime\/(sources|decode)\//, shared, builtIn, /^(fzstd|xxhash-wasm)$/],
  },
  {
    folder: /^runtime\/warehouse\//,
    may: [/^runtime\/warehouse\//, shared, builtIn, /^@clickhouse\/client$/],
  },
  {
    folder: /^runtime\/archive\//,
    may: [/^runtime\/archive\//, shared, builtIn, /^hyparquet-writer/, /^minio$/],
  },
  {
    folder: /^runtime\/log\//,
    may: [/^runtime\/log\//, shared, builtIn, /^(kafkajs|snappyjs)/],
  },
  {
    folder: /^runtime\/catalogs\//,
    may: [/^runtime\/catalogs\//, shared, builtIn, /^csv-parse/],
  },
  { folder: /^runtime\/batch\//, may: [/^runtime\/batch\//, shared, builtIn, /^croner$/] },
  { folder: /^runtime\/(\w+)\//, may: [/^runtime\/$1\//, shared, builtIn] },
  { folder: /^plugins\//, may: [/^(plugins|islands)\//, /^twofold$/] },
  // The catch-all route that mounts the API stands among its files.
  { folder: /^routes\/api\/\[/, may: [/^routes\/\(_shared\)\//] },
  {
    folder: /^routes\/api\//,
    may: [
      /^routes\/(api\/|\(_shared\)\/(guard|search)\.ts)/,
      /^runtime\/(ports\/services|model\/frontier|std\/(chosen_topic|closest|csv|errors))\.ts$/,
      /^(hono|zod)/,
      builtIn,
    ],
  },
  // Types of the services, and nothing that would have to be sent to the browser.
  {
    folder: /^(islands|routes\/\(_parts\))\//,
    may: [/^(islands|routes\/\(_parts\))\//, /^(fresh\/runtime|preact|@preact\/signals|uplot)/],
  },
  {
    folder: /^routes\//,
    may: [
      /^node:crypto$/,
      /^(routes|islands)\//,
      /^runtime\/(ports\/services|model\/frontier|std\/(errors|csv))\.ts$/,
      /^(fresh|kit\/|preact|@preact\/signals)/,
    ],
  },
  {
    folder: /^kit\//,
    may: [/^kit\//, /^(preact|@preact\/signals|devalue|hono\/utils\/mime$)/, builtIn],
  },
];

const importPattern =
  /^\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|^\s*import\s+"([^"]+)"|import\("([^"]+)"\)/gm;

const typeImport = /^import type [^;]*? from "[^"]+";/gm;

/** Every import of a file: as a path below the root, or as the package that it names. */
async function* importsOf(file: string): AsyncGenerator<string> {
  const whole = (await Deno.readTextFile(resolve(root, file))).replace(/^\s*\*.*$/gm, "");
  const text = /^(islands|routes\/\(_parts\))\//.test(file) ? whole.replace(typeImport, "") : whole;
  for (const [, from, sideEffect, dynamic] of text.matchAll(importPattern)) {
    const target = from ?? sideEffect ?? dynamic;
    yield target.startsWith(".") ? relative(root, resolve(root, dirname(file), target)) : target;
  }
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(resolve(root, folder))) {
    const path = folder === "." ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory && !/^(\.|node_modules|data|dist)/.test(entry.name)) yield* sources(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

/** Words of the movie example. Comments may use them in examples. */
const exampleWords = /movie|film|\brating|user_stats/i;

/** The lines of a file that name the example, comments aside. */
async function exampleLines(file: string): Promise<string[]> {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  const text = (await Deno.readTextFile(resolve(root, file)))
    .replace(/\/\*[^]*?\*\//g, blank)
    .replace(/^\s*\/\/.*$/gm, blank);
  return text.split("\n").flatMap((line, i) =>
    exampleWords.test(line) ? `${file}:${i + 1}: names the movie example: ${line.trim()}` : []
  );
}

const imported = new Map<string, readonly string[]>();

/** The circles of files that import each other, each once: the file that closes it first. */
function circles(): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]) => {
    const at = path.indexOf(file);
    if (at >= 0) found.push(path.slice(at));
    if (at >= 0 || done.has(file)) return;
    for (const target of imported.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of imported.keys()) visit(file, []);
  return found;
}

let files = 0;
const faults: string[] = [];
for await (const file of sources(".")) {
  files++;
  const rule = rules.find(({ folder }) => folder.test(file));
  if (rule === undefined) {
    faults.push(`${file}: no rule says what a file here may import`);
    continue;
  }
  if (/^(runtime|kit)\//.test(file)) faults.push(...await exampleLines(file));
  const box = rule.folder.exec(file)?.[1] ?? "";
  const may = rule.may.map((pattern) => new RegExp(pattern.source.replace("$1", box)));
  const targets = await Array.fromAsync(importsOf(file));
  // Of the page layer, a request's context holds the site, whose routes take the context.
  if (!file.startsWith("kit/")) imported.set(file, targets);
  for (const target of targets) {
    if (!may.some((pattern) => pattern.test(target))) {
      faults.push(`${file}: may not import ${target}`);
    }
  }
}
for (const circle of circles()) {
  faults.push(`${circle[0]}: imports itself by way of ${circle.slice(1).join(", ")}`);
}
for (const fault of faults) console.error(fault);
console.log(`import rules: ${files} files, ${faults.length} faults`);
Deno.exit(faults.length > 0 ? 1 : 0);
