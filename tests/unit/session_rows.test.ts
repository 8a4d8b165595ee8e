import { describe, expect, it } from "testing";
import type { Plugin } from "../../runtime/plugin.ts";
import { expectParity, rowsOf } from "../../runtime/testing/mod.ts";
import { byTier } from "../support/tier.ts";
import { visits } from "../support/visits.ts";

const event = (minute: number, user_id = 1) => ({
  event_id: `${user_id}-${minute}`,
  user_id,
  movie_id: 1,
  event_type: "pause",
  timestamp: new Date(Date.UTC(2024, 0, 1, 10, minute)).toISOString(),
});

/** Batch SQL by hand: an interval for each event. */
const byHand = {
  ...visits,
  batch: {
    ...visits.batch,
    sql: visits.batch.sql.replace(
      /arrayMap\(_s[^]*?AS visits/,
      `groupArray((
        toUInt64(toUnixTimestamp64Milli(event_time)), toUInt64(toUnixTimestamp64Milli(event_time)), 1
      )) AS visits`,
    ),
  },
};

describe("the rows of sessions in a plugin's tests", () => {
  it.each<[string, Plugin]>([["generated", visits], ["hand-written", byHand]])(
    "are joined across buckets, with %s batch SQL",
    async (_: string, plugin: Plugin) => {
      // The last event joins two sessions, across three buckets.
      const { speed, batch } = await rowsOf(plugin, [event(0), event(50), event(14, 2), event(25)]);
      expect(batch).toEqual(speed);
      expect(speed.map((row) => [row.bucket, row.user_id, row.visits, row.visits_mean_seconds]))
        .toEqual([
          ["2024-01-01T10:00:00Z", 1, 1, 3000],
          ["2024-01-01T10:00:00Z", 2, 1, 0],
          ["2024-01-01T10:15:00Z", 1, 0, null],
          ["2024-01-01T10:45:00Z", 1, 0, null],
        ]);
      await expectParity(plugin, { runs: byTier({ quick: 2, full: 20, long: 200 }), seed: 1 });
    },
  );

  it("is told from that of generated SQL", () => {
    expect(byHand.batch.sql).not.toBe(visits.batch.sql);
  });
});
