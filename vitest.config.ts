/**
 * Lets vitest itself run a sample of the tests: `deno task test:vitest`. The sample uses everything
 * that "testing" offers: tables of cases, fakes, timers, hooks, properties, TSX and the engine.
 */
import { defineConfig } from "vitest/config";

const at = (path: string) => new URL(path, import.meta.url).pathname;

export default defineConfig({
  resolve: {
    alias: {
      testing: at("tests/support/testing.vitest.ts"),
      // The longer name first: an alias also stands for the start of a path.
      "twofold/testing": at("runtime/testing/mod.ts"),
      twofold: at("runtime/twofold.ts"),
      "fresh/runtime": at("kit/runtime.ts"),
      fresh: at("kit/mod.ts"),
      "kit/dev": at("tools/site/dev.ts"),
      "kit/loading": at("kit/loading.ts"),
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: {
    include: [
      "tests/unit/{api,config,live,relations,testing}.test.{ts,tsx}",
      "tests/laws/decode.test.ts",
      "tests/golden/cluster_ddl.test.ts",
    ],
    // As tests/support/asserting.ts has it: a test that asserts nothing cannot fail.
    expect: { requireAssertions: true },
    // The warehouse opens one folder per process: each file has a process of its own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
