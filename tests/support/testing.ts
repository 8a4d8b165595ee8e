/**
 * What tests import as "testing", under vitest's names, for `deno test`. Run by vitest itself
 * (`deno task test:vitest`), tests get vitest's own from testing.vitest.ts.
 */
import FakeTimers, { type Clock as FakeClock } from "@sinonjs/fake-timers";
import { ModuleMocker } from "jest-mock";
import * as node from "node:test";
import { format } from "node:util";
import { asserting } from "./asserting.ts";

export { after as afterAll, afterEach, before as beforeAll, beforeEach } from "node:test";
export { expect } from "expect";
export { default as fc } from "./properties.ts";

type Body<Args extends readonly unknown[] = []> = (...args: Args) => void | Promise<void>;

/** Defines one test per case: its name is formatted with the case. */
type Each<Name extends unknown = void> = <Case>(
  cases: readonly Case[],
) => (
  name: string,
  body: (...args: Case extends readonly unknown[] ? Case : [Case]) => void | Promise<void>,
) => Name;

/** `%s`, `%i`, `%j` … take the case's values in turn, `%#` is its number, `$key` a value of it. */
function caseName(name: string, given: unknown, at: number): string {
  const values = Array.isArray(given) ? given : [given];
  const named = name.replaceAll("%#", String(at)).replace(/\$(\w+)/g, (found, key) => {
    const of = values[0] as Record<string, unknown> | null;
    return typeof of === "object" && of !== null && key in of ? String(of[key]) : found;
  });
  const places = named.match(/%[sdifjoO]/g)?.length ?? 0;
  return format(named, ...values.slice(0, places));
}

function eachOf(define: (name: string, body: Body) => unknown): Each {
  return (cases) => (name, body) => {
    for (const [at, given] of cases.entries()) {
      const args = Array.isArray(given) ? given : [given];
      const run = body as (...args: readonly unknown[]) => void | Promise<void>;
      define(caseName(name, given, at), () => run(...args));
    }
  };
}

/** Groups tests. */
export const describe: ((name: string, body: Body) => void) & { readonly each: Each } = Object
  .assign(
    (name: string, body: Body) => void node.describe(name, body),
    { each: eachOf((name, body) => node.describe(name, body)) },
  );

type Define = (name: string, body: Body) => void;

const define: Define = (name, body) => void node.it(name, () => asserting(name, body));
const skip: Define = (name, body) => void node.it.skip(name, () => body());

/** Defines a test. A skipped one is told as skipped. */
export const it: Define & {
  readonly each: Each;
  readonly skipIf: (condition: boolean) => Define;
} = Object.assign(define, {
  each: eachOf(define),
  skipIf: (condition: boolean) => condition ? skip : define,
});

/** The same as {@link it}. */
export const test = it;

const mocker = new ModuleMocker(
  globalThis as unknown as ConstructorParameters<typeof ModuleMocker>[0],
);
let clock: FakeClock | null = null;

function timers(): FakeClock {
  if (clock === null) throw new Error("Cannot move time: call vi.useFakeTimers() first");
  return clock;
}

/** Spies, fakes and time, as vitest has them. */
export const vi = {
  /** A function that remembers its calls. */
  fn: mocker.fn.bind(mocker),
  /** Lets a method remember its calls. */
  spyOn: mocker.spyOn.bind(mocker),
  isMockFunction: mocker.isMockFunction.bind(mocker),
  clearAllMocks: () => mocker.clearAllMocks(),
  resetAllMocks: () => mocker.resetAllMocks(),
  restoreAllMocks: () => mocker.restoreAllMocks(),
  /** Timers and dates stand still until a test moves them. */
  useFakeTimers(options: { readonly now?: number | Date } = {}): void {
    clock?.uninstall();
    clock = FakeTimers.install({ now: options.now ?? Date.now() });
  },
  useRealTimers(): void {
    clock?.uninstall();
    clock = null;
  },
  setSystemTime: (now: number | Date) => timers().setSystemTime(now),
  advanceTimersByTime: (ms: number) => void timers().tick(ms),
  advanceTimersByTimeAsync: async (ms: number) => void await timers().tickAsync(ms),
  runAllTimers: () => void timers().runAll(),
  runAllTimersAsync: async () => void await timers().runAllAsync(),
  getTimerCount: () => timers().countTimers(),
};
