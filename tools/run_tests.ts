/**
 * Runs test files, each by `deno test` in a process of its own: the warehouse opens one folder per
 * process. One more runs at a time than there are cores, because most wait now and then. Writes one
 * JUnit file.
 *
 *     deno run -A tools/run_tests.ts --junit=dist/junit.xml [PATH ...] [FLAG ...]
 *
 * Paths are test files and folders, default `tests`; `--ignore=A,B` leaves folders out, `--jobs=N`
 * sets how many files run at a time, and `--limit=MINUTES` how long a file may take: then it is
 * stopped and counts as a failed test. All other flags go to `deno test`. The variable TWOFOLD_TESTS
 * names the tier (tests/support/tier.ts), which decides what folders stand for: in `quick` for all
 * files but `*.full.test.ts`, above it for these and for the files that do more there. Prints one
 * line per file, and all output of a file that failed, that ran alone, or that ran in CI. Exits with
 * 1 when a file failed or did not run.
 */
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { byTier, tier } from "../tests/support/tier.ts";
import { countTests } from "./count_tests.ts";
import { type Outcome, runTestFile } from "./run_test_file.ts";

const root = join(import.meta.dirname!, "..");

/** What the command line asks for. */
interface Plan {
  readonly files: readonly string[];
  readonly junit: string;
  readonly jobs: number;
  /** Minutes that a file may take. */
  readonly limit: number;
  readonly flags: readonly string[];
}

async function planOf(args: readonly string[]): Promise<Plan> {
  let junit = "dist/junit.xml", jobs = availableParallelism() + 1, ignored: string[] = [];
  let limit = byTier({ quick: 5, full: 20, long: 360 });
  const paths: string[] = [], flags: string[] = [];
  for (const arg of args) {
    const [flag, value = ""] = arg.split("=", 2);
    if (flag === "--junit") junit = value;
    else if (flag === "--jobs") jobs = Math.max(1, Number(value) || 1);
    else if (flag === "--limit") limit = minutesOf(value);
    else if (flag === "--ignore") ignored = value.split(",");
    else if (!arg.startsWith("-") && await exists(arg)) paths.push(arg);
    else if (/\.test\.tsx?$/.test(arg)) {
      throw new Error(`Cannot run tests: there is no file "${arg}"`);
    } else flags.push(arg);
  }
  const found = await Promise.all((paths.length === 0 ? ["tests"] : paths).map(testFiles));
  const files = [...new Set(found.flat())].sort(longFirst)
    .filter((file) => !ignored.some((folder) => file.startsWith(`${folder}/`)));
  return { files, junit, jobs, limit, flags };
}

function minutesOf(value: string): number {
  const minutes = Number(value);
  if (minutes > 0 && minutes < 10_000) return minutes;
  throw new RangeError(
    `Cannot run tests: --limit must be a number of minutes above 0 and below 10000, got "${value}"`,
  );
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/**
 * Files below a folder whose names end in `.test.ts` or `.test.tsx`, and that belong to the tier; a
 * file is itself.
 */
async function testFiles(path: string): Promise<string[]> {
  const name = relative(Deno.cwd(), path);
  if ((await Deno.stat(path)).isFile) return [name];
  const found: string[] = [];
  for await (const entry of Deno.readDir(path)) {
    const file = join(name, entry.name);
    if (entry.isDirectory) found.push(...await testFiles(file));
    else if (/\.test\.tsx?$/.test(file) && await isInTier(file)) found.push(file);
  }
  return found;
}

async function isInTier(file: string): Promise<boolean> {
  if (/\.full\.test\.tsx?$/.test(file)) return tier !== "quick";
  return tier === "quick" || (await Deno.readTextFile(file)).includes("/support/tier.ts");
}

/** What takes longest, longest first: a file that starts last would be waited for alone. */
const slow = [
  "tests/laws/parity",
  "tests/laws/mutants",
  "tests/integration/readers",
  "tests/integration/reload",
  "tests/integration/access_logs",
  "tests/integration/rebuild",
  "tests/golden/movietweetings",
  "tests/integration/kill",
  "tests/integration/isolates",
  "tests/unit/batch",
  "tests/unit/cancelled_runs",
  "tests/integration/",
  "tests/laws/",
  "tests/e2e/dashboard_access",
  "tests/servers/cut_off",
  "tests/servers/workers",
  "tests/servers/faults",
  "tests/servers/slow_and_full",
  "tests/servers/full_disk",
  "tests/servers/clients",
  "tests/servers/retention",
  "tests/servers/secure_kafka",
];

function longFirst(a: string, b: string): number {
  const rank = (file: string) => {
    const at = slow.findIndex((name) => file.startsWith(name));
    return at === -1 ? slow.length : at;
  };
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => stop.abort());
}
const { files, junit, jobs, limit, flags } = await planOf(Deno.args);
const tellsAll = files.length === 1 || Boolean(Deno.env.get("CI"));
const scratch = await Deno.makeTempDir({ prefix: "twofold-junit-" });
const outcomes: Outcome[] = [];
const running = new Set<string>();
const queue = files.values();
console.log(`Running ${files.length} test files (tier "${tier}"), ${jobs} at a time`);
await Promise.all(Array.from({ length: Math.min(jobs, files.length) }, async () => {
  for (const file of queue) {
    if (stop.signal.aborted) return;
    running.add(file);
    const report = join(scratch, `${file.replaceAll("/", "_")}.xml`);
    const outcome = await runTestFile(file, { flags, junit: report, limit, signal: stop.signal });
    running.delete(file);
    outcomes.push(outcome);
    if (tellsAll || !outcome.passed) console.log(outcome.output.trimEnd());
    console.log(line(outcome));
  }
}));
await Deno.remove(scratch, { recursive: true });
const suites = outcomes.map((outcome) => outcome.suites).join("\n");
await Deno.mkdir(join(root, "dist"), { recursive: true });
await Deno.writeTextFile(junit, `<testsuites>\n${suites}\n</testsuites>\n`);
const slowest = outcomes.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10);
console.log(
  "Slowest:",
  slowest.map(({ file, seconds }) => `${file} ${seconds.toFixed(0)} s`).join(", "),
);
const cpuSeconds = outcomes.reduce((sum, outcome) => sum + outcome.cpuSeconds, 0);
console.log(`Took ${timeText(performance.now() / 1000, cpuSeconds)}`);
const failed = outcomes.filter((outcome) => !outcome.passed).map((outcome) => outcome.file);
const counts = countTests(suites);
if (failed.length > 0) console.log(`Failed: ${failed.join(", ")}`);
if (counts.skipped > 0) console.log(`${counts.skipped} tests were skipped`);
const left = files.length - outcomes.length;
if (left > 0) console.log(`Stopped by a signal: ${left} of ${files.length} files did not run`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
Deno.exit(failed.length > 0 || left > 0 || files.length === 0 ? 1 : 0);

/** How a file ended, how many are done, and which run. */
function line({ file, passed, suites, seconds, cpuSeconds }: Outcome): string {
  const done = `[${outcomes.length}/${files.length}]`;
  const tests = passed ? `${countTests(suites).passed} passed` : "FAILED";
  const others = running.size > 0 ? `; running ${[...running].join(", ")}` : "";
  return `${done} ${file}: ${tests} (${timeText(seconds, cpuSeconds)})${others}`;
}

/** Seconds by the clock and, where they are known, of the processor. */
function timeText(seconds: number, cpuSeconds: number): string {
  const cpu = Number.isNaN(cpuSeconds) ? "" : `, CPU ${cpuSeconds.toFixed(1)} s`;
  return `${seconds.toFixed(1)} s${cpu}`;
}
