/** `describe`, `it`, `expect` and hooks, under vitest's names. */
export { after, afterEach, before, beforeEach, describe, it } from "node:test";
export { expect } from "expect";
export { default as fc } from "fast-check";
