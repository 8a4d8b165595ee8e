/** Runs one test file by `deno test`, within a time limit. */
import { countTests } from "./count_tests.ts";

/** How a file's run ended. */
export interface Outcome {
  readonly file: string;
  readonly passed: boolean;
  readonly output: string;
  /** The `<testsuite>` elements of its JUnit file. */
  readonly suites: string;
  readonly seconds: number;
  /** Processor seconds, with those of the processes that it waited for; NaN where unknown. */
  readonly cpuSeconds: number;
}

/** How to run a file. */
export interface FileRun {
  /** Flags of `deno test`. */
  readonly flags: readonly string[];
  /** Where `deno test` writes its JUnit file. */
  readonly junit: string;
  /** Minutes after which the file is stopped. */
  readonly limit: number;
  /** Stops the file before that. */
  readonly signal: AbortSignal;
}

/** After SIGINT, `deno test` gets this long to name the tests that were running. */
const GRACE_MS = 5_000;

/**
 * Runs a file in a process group of its own. At the limit the whole group ends, also where the file
 * spins in native code or waits for a process that it started, and the file counts as one failed
 * test more.
 */
export async function runTestFile(file: string, run: FileRun): Promise<Outcome> {
  const from = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-check", "-P=test", `--junit-path=${run.junit}`, ...run.flags, file],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  const output = Promise.all([child.stdout, child.stderr].map((of) => new Response(of).text()));
  let reason = "", kill: ReturnType<typeof setTimeout> | undefined;
  const stop = (why: string) => {
    reason ||= `${file} was stopped: ${why}`;
    signalTo(child.pid, "SIGINT");
    kill ??= setTimeout(signalTo, GRACE_MS, -child.pid, "SIGKILL");
  };
  const stopBySignal = () => stop("the run got a signal");
  const limit = setTimeout(stop, run.limit * 60_000, `its limit is ${run.limit} minutes`);
  if (run.signal.aborted) stopBySignal();
  else run.signal.addEventListener("abort", stopBySignal);
  const { success } = await child.status;
  const cpuSeconds = secondsSinceLastEnd();
  run.signal.removeEventListener("abort", stopBySignal);
  clearTimeout(limit);
  clearTimeout(kill);
  // Processes that outlive the file would keep its output open.
  signalTo(-child.pid, "SIGKILL");
  const passed = success && reason === "";
  const junit = await Deno.readTextFile(run.junit).catch(() => "");
  const suites = suitesOf(junit, file, passed, reason);
  return {
    file,
    passed,
    output: [...await output, ...reason === "" ? [] : failuresOf(suites)].join("\n"),
    suites,
    seconds: (performance.now() - from) / 1000,
    cpuSeconds,
  };
}

/** Of Linux: what times of processes are counted in. */
const TICKS_PER_SECOND = 100;
let ticksOfEnded = 0;

/** Processor seconds of the child that has just ended: the system counts all children together. */
function secondsSinceLastEnd(): number {
  if (Deno.build.os !== "linux") return NaN;
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[13]) + Number(fields[14]);
  const seconds = (ticks - ticksOfEnded) / TICKS_PER_SECOND;
  ticksOfEnded = ticks;
  return seconds;
}

/** Sends a signal to a process, or to the group of a negated id; none may be left. */
function signalTo(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * The suites of a JUnit file. A file that was stopped counts as a failed test of its own, in place
 * of the tests that it left; so does a file that failed without a failing test, such as one that
 * does not load.
 */
function suitesOf(junit: string, file: string, passed: boolean, reason: string): string {
  const suites = (/<testsuites[^>]*>([\s\S]*)<\/testsuites>/.exec(junit)?.[1] ?? "")
    .replaceAll('<error message="Cancelled"/>', "<skipped/>");
  if (passed || (reason === "" && countTests(suites).failed > 0)) return suites;
  const failure = `<failure message="${reason}">${reason}</failure>`;
  return `${suites}<testsuite name="${file}"><testcase name="${file}">${failure}</testcase></testsuite>`;
}

/** The messages of the tests that failed: a `deno test` that is stopped does not print them. */
function* failuresOf(suites: string): Generator<string> {
  const failed = /<testcase\s[^>]*?\bname="([^"]*)"[^>]*>\s*<failure[^>]*>([\s\S]*?)<\/failure>/g;
  for (const [, name, message] of suites.matchAll(failed)) {
    yield `FAILED ${unescaped(name)}\n${unescaped(message)}\n`;
  }
}

const entities: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  amp: "&",
};

const unescaped = (xml: string) =>
  xml.replaceAll(/&(lt|gt|quot|apos|amp);/g, (_, name) => entities[name]);
