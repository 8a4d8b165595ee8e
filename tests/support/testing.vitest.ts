/** What tests import as "testing" when vitest runs them. */
export { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test, vi } from "vitest";
export { default as fc } from "./properties.ts";
