/**
 * Counts the tests in JUnit files that `deno test --junit-path` or vitest wrote, and prints one line:
 * `12 passed, 0 failed`. A `describe` is in such a file like a test, so it is not counted, unless
 * it failed although every test in it passed (a hook did). Exits with 1 when one failed, when a
 * file holds no test, and when it cannot be read.
 */

/** How many tests there were. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const testcase = /<testcase\s[^>]*?\bname="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/**
 * Counts the tests of one JUnit file.
 *
 * @example
 * ```ts
 * import { countTests } from "./count_tests.ts";
 * const counts = countTests(
 *   `<testcase name="sum()"></testcase><testcase name="sum() &gt; of nothing is 0"></testcase>`,
 * );
 * if (counts.passed !== 1 || counts.failed !== 0) throw new Error("unexpected");
 * ```
 */
export function countTests(junit: string): TestCounts {
  const cases = [...junit.matchAll(testcase)].map(([, name, body = ""]) => ({
    name,
    failed: /<(failure|error)\b/.test(body),
    skipped: /<skipped\b/.test(body),
  }));
  const within = new Map<string, { failed: boolean }[]>();
  for (const each of cases) {
    const parts = each.name.split(" &gt; ");
    for (let n = 1; n < parts.length; n++) {
      const group = parts.slice(0, n).join(" &gt; ");
      within.set(group, [...within.get(group) ?? [], each]);
    }
  }
  const counted = cases.filter(({ name, failed }) => {
    const tests = within.get(name);
    return tests === undefined || (failed && !tests.some((test) => test.failed));
  });
  const failed = counted.filter((each) => each.failed).length;
  const skipped = counted.filter((each) => each.skipped && !each.failed).length;
  return { passed: counted.length - failed - skipped, failed, skipped };
}

if (import.meta.main) {
  let passed = 0, failed = 0, skipped = 0, empty = false;
  for (const path of Deno.args) {
    const counts = countTests(await Deno.readTextFile(path));
    if (counts.passed + counts.failed === 0) {
      console.error(`${path} holds no test that ran`);
      empty = true;
    }
    passed += counts.passed;
    failed += counts.failed;
    skipped += counts.skipped;
  }
  if (skipped > 0) console.error(`${skipped} tests were skipped`);
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0 || empty) Deno.exit(1);
}
