/** Lets vitest itself run the unit, law and golden suites: `deno task test:vitest`. */
import { defineConfig } from "vitest/config";

const at = (path: string) => new URL(path, import.meta.url).pathname;

export default defineConfig({
  resolve: {
    alias: {
      testing: at("tests/support/testing.vitest.ts"),
      twofold: at("runtime/twofold.ts"),
      "fresh/dev": at("tools/site/dev.ts"),
      "fresh/internal": at("kit/internal.ts"),
      "fresh/runtime": at("kit/runtime.ts"),
      fresh: at("kit/mod.ts"),
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: {
    include: ["tests/{unit,laws,golden}/**/*.test.{ts,tsx}"],
    // The warehouse opens one folder per process: each file has a process of its own.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
