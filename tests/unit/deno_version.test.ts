import { describe, expect, it } from "testing";
import { checkDenoVersion } from "../../runtime/commands/deno_version.ts";

describe("checkDenoVersion()", () => {
  it("takes this Deno and newer ones", () => {
    for (const version of [Deno.version.deno, "2.9.6", "2.9.10", "2.10.0", "3.0.0", "2.9.7-rc.1"]) {
      expect(() => checkDenoVersion(version)).not.toThrow();
    }
  });
  it("refuses older ones, naming both", () => {
    for (const version of ["2.9.5", "2.8.9", "1.46.0"]) {
      expect(() => checkDenoVersion(version)).toThrow(
        `Cannot run on Deno ${version}: expected 2.9.6 or newer`,
      );
    }
  });
});
