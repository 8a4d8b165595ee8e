import { describe, expect, it } from "testing";
import { asserting } from "../support/asserting.ts";

describe("asserting()", () => {
  it("fails a test whose assertions are never reached", async () => {
    const nothing = asserting("none", () => {
      for (const each of []) expect(each).toBe(1);
    });
    await expect(nothing).rejects.toThrow('Test "none" must assert something');
    await expect(asserting("one", () => expect(1).toBe(1))).resolves.toBe(undefined);
  });

  it("lets the test's own fault through", async () => {
    const failing = asserting("failing", () => Promise.reject(new Error("its own")));
    await expect(failing).rejects.toThrow("its own");
  });
});
