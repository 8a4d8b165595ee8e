import { describe, expect, it } from "testing";
import { UserError } from "../../runtime/std/errors.ts";
import { takesTicks } from "../../runtime/log/kafka/made_topic.ts";
import type { TickTopics } from "../../runtime/settings/server_settings.ts";
import { eventually } from "../support/eventually.ts";
import { kafkaAccess, makeTopic, newTopic, openTestLog } from "../support/kafka_topic.ts";
import { movieEvents, take } from "../support/movie_events.ts";
import { RunningEngine } from "../support/running_engine.ts";
import { allServerSettings } from "../support/server_settings.ts";

const TOPIC = "movie-viewing-events";
const asked = (setting: TickTopics, topic: string, prefix = "") =>
  takesTicks(setting, { access: kafkaAccess(), topic, prefix });

/** What an engine of its own needs, by environment variable. */
function newSettings(): Record<string, string> {
  const unique = crypto.randomUUID().slice(0, 8);
  return {
    ...allServerSettings(),
    TWOFOLD_KAFKA_PREFIX: `ticks-${unique}.`,
    TWOFOLD_S3_PREFIX: `ticks/${unique}`,
    TWOFOLD_CLICKHOUSE_DATABASE: `ticks_${unique}`,
    TWOFOLD_PARTITIONS: "1",
  };
}

describe("takesTicks()", () => {
  it("knows a topic that Twofold made, and nobody else's for one", async () => {
    const ours = newTopic();
    await (await openTestLog({ topic: ours })).close();
    expect(await asked("made", ours)).toBe(true);
    const appendTime = { name: "message.timestamp.type", value: "LogAppendTime" };
    const day = { name: "delete.retention.ms", value: "86400000" };
    for (const configEntries of [[], [appendTime], [appendTime, day]]) {
      const theirs = newTopic();
      await makeTopic({ topic: theirs, numPartitions: 1, configEntries });
      await (await openTestLog({ topic: theirs })).close();
      expect(await asked("made", theirs)).toBe(false);
    }
  });

  it("goes by what was said of a topic, by its name without the prefix", async () => {
    const topic = newTopic();
    await makeTopic({ topic: `pre.${topic}`, numPartitions: 1 });
    const answers: [TickTopics, boolean][] = [
      ["made", false],
      ["all", true],
      ["none", false],
      [["other", topic], true],
      [["other", `pre.${topic}`], false],
    ];
    for (const [setting, answer] of answers) {
      expect([setting, await asked(setting, topic, "pre.")]).toEqual([setting, answer]);
    }
  });
});

describe("ticks", () => {
  it("end the blocks of a topic that Twofold made, and are not written to another's", async () => {
    const dir = await Deno.makeTempDir();
    const [theirs, ours] = [newSettings(), newSettings()];
    await makeTopic({ topic: theirs.TWOFOLD_KAFKA_PREFIX + TOPIC, numPartitions: 1 });
    const engines: RunningEngine[] = [];
    for (const [i, env] of [theirs, ours].entries()) {
      const engine = await RunningEngine.open({ dir: `${dir}/${i}`, env });
      engines.push(engine);
      await engine.post(take(movieEvents({ seed: 1, firstUser: 1, aroundMs: Date.now() }), 5));
    }
    const ends = () =>
      Promise.all(engines.map(async (engine) => {
        const [{ partitions: [{ log_end, archived }] }] = (await engine.status()).topics;
        return [log_end, archived];
      }));
    // Theirs began first, and by the same span would have its tick by now.
    const [left, ended] = await eventually(
      "our tick",
      ends,
      ([, [, archived]]) => archived === "6",
    );
    expect({ left, ended }).toEqual({ left: ["5", "0"], ended: ["6", "6"] });
    for (const engine of engines) await engine.close();
    await Deno.remove(dir, { recursive: true });
  });

  it("for a topic that no plugin reads are a slip of the pen, which is told", async () => {
    const dir = await Deno.makeTempDir();
    const env = { ...newSettings(), TWOFOLD_KAFKA_TICKS: `${TOPIC},movie-viewing-evnts` };
    const error = await RunningEngine.open({ dir, env }).then(() => null, (error) => error);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(
      `topic "movie-viewing-evnts": TWOFOLD_KAFKA_TICKS wants topics of the plugins, which are ` +
        TOPIC,
    );
    await Deno.remove(dir, { recursive: true });
  });
});
