import { describe, expect, it } from "testing";
import { parseInstant } from "../../runtime/std/instant.ts";
import { decodeOne, movie } from "../support/decoding.ts";

describe("parseInstant()", () => {
  const good: Record<string, [ms: number, ns: number]> = {
    "1970-01-01T00:00Z": [0, 0],
    "1969-12-31T23:00-01": [0, 0],
    "2105-12-31T23:59:59.999999999Z": [Date.UTC(2106, 0, 1) - 1, 999_999],
    "2106-01-01T00:00+00:01": [Date.UTC(2106, 0, 1) - 60_000, 0],
    "2024-06-30t10:11:12.5z": [Date.UTC(2024, 5, 30, 10, 11, 12, 500), 0],
    "2024-06-30t10:11z": [Date.UTC(2024, 5, 30, 10, 11), 0],
    "2024-06-30t10:11:12-01:00": [Date.UTC(2024, 5, 30, 11, 11, 12), 0],
    "2000-02-29 10:11": [Date.UTC(2000, 1, 29, 10, 11), 0],
    "2024-02-29T10:11:12.1+2359": [Date.UTC(2024, 1, 28, 10, 12, 12, 100), 0],
    "2024-06-30T10:11:12.000001Z": [Date.UTC(2024, 5, 30, 10, 11, 12), 1000],
  };
  it("reads the forms of ISO 8601 that are declared", () => {
    for (const [text, [ms, ns]] of Object.entries(good)) {
      expect(parseInstant(text)).toEqual({ ms, ns });
      const { row } = decodeOne(movie({ timestamp: `"${text}"` }));
      expect([row.eventMs, row.eventNs]).toEqual([ms, ns]);
    }
  });

  it("refuses what is no instant, or out of range", () => {
    const bad = [
      "2023-02-29T00:00:00Z",
      "2100-02-29T00:00:00Z",
      "2024-04-31T00:00:00Z",
      "2024-00-10T00:00:00Z",
      "2024-13-10T00:00:00Z",
      "2024-01-00T00:00:00Z",
      "2024-01-01T24:00:00Z",
      "2024-01-01T00:60:00Z",
      "2024-01-01T00:00:60Z",
      "2024-01-01T00:00:00.0000000000Z",
      "2024-01-01T00:00:00.Z",
      "2024-01-01T00:00:00,5Z",
      "2024-01-01T00:00.5Z",
      "2024-01-01",
      "2024-1-01T00:00:00Z",
      "2024-01-01T00:00:00+24:00",
      "2024-01-01T00:00:00+01:60",
      "2024-01-01T00:00:00+1",
      "2024-01-01T00:00:00Z ",
      " 2024-01-01T00:00:00Z",
      "1969-12-31T23:59:59.999999999Z",
      "2106-01-01T00:00:00Z",
      "2105-12-31T23:59:59-00:01",
      "1970-01-01T00:00:00+00:01",
      "0070-01-01T00:00:00Z",
      "+2024-01-01T00:00:00Z",
      "２０２４-01-01T00:00:00Z",
      "",
    ];
    for (const text of bad) {
      expect([text, parseInstant(text)]).toEqual([text, null]);
      expect(decodeOne(movie({ timestamp: `"${text}"` })).fault.field).toBe("timestamp");
    }
  });
});
