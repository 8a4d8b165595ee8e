import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { runCommand } from "../support/command.ts";

const schema = `import { defineSchema, integer, instant, string } from "twofold";
export const requests = defineSchema({
  topic: "requests", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "path",
  fields: { id: string(), at: instant(), path: string(), status: integer({ min: 100, max: 599 }) },
});
`;

const plugin = (name: string, batch: string) =>
  `import { count, definePlugin } from "twofold";
import { requests } from "./requests.schema.ts";
export default definePlugin(requests, {
  name: "${name}",
  summary: "Failed requests per path",
  where: ({ status }) => status.gte(500),
  key: ({ path }) => ({ path }),
  measures: () => ({ failed: count() }),${batch}
});
`;

const wrong = `
  batch: {
    sql: "SELECT toStartOfHour(event_time) AS bucket, path, count() AS failed FROM events " +
      "WHERE status > 500 GROUP BY bucket, path",
  },`;

const ownTest = `import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf } from "twofold/testing";
import plugin from "./right.ts";
test("a failed request", async () => {
  const events = [500, 499].map((status) => ({ id: "1", at: "2026-01-05T10:0" + status % 2 + ":00Z", path: "/", status }));
  const { speed, batch } = await rowsOf(plugin, events);
  assert.deepEqual(batch, [{ bucket: "2026-01-05T10:00:00Z", path: "/", failed: 1 }]);
  assert.deepEqual(speed, batch);
});
`;

describe("twofold test", () => {
  let dir: string;
  const write = (name: string, text: string) => Deno.writeTextFile(`${dir}/${name}`, text);
  const test = async (...args: string[]) => {
    const { code, out, err } = await runCommand([
      "test",
      "--plugins",
      dir,
      "--runs",
      "60",
      ...args,
    ]);
    return { code, out: stripVTControlCharacters(out), err: stripVTControlCharacters(err) };
  };

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "plugin-tests-" });
    await write("requests.schema.ts", schema);
    await write("right.ts", plugin("right", ""));
    await write("right.test.ts", ownTest);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("runs the tests of a folder and the law for each of its plugins", async () => {
    const { code, out } = await test();
    expect(code).toBe(0);
    expect(out).toMatch(/a failed request \.\.\. ok/);
    expect(out).toMatch(/right\.ts: both layers agree \.\.\. ok/);
    expect(out).toMatch(/ok \| 2 passed \| 0 failed/);
  });

  it("reports a plugin whose SQL is wrong, with a test that fails for the same reason", async () => {
    await write("off.ts", plugin("off", wrong));
    const { code, out, err } = await test("off", "--seed", "3");
    expect(code).toBe(1);
    const text = out + err;
    expect(text).toMatch(
      /The layers of plugin "off" differ for a stream of one event \(seed 3\):\n {2}\S+Z path="[^"]*": failed is 1 in the speed layer, 0 in batch SQL\n\nAs a test:\n/,
    );
    expect(text).not.toContain("right.ts");
    expect(text).not.toContain("runtime/testing/parity.ts");
    const pasted = /^import assert[^]*?^\}\);$/m.exec(text)![0];
    expect(pasted).toContain("status: 500 ");
    await write("off.test.ts", pasted);
    const again = await test("off");
    expect(again.code).toBe(1);
    expect(again.out + again.err).toMatch(/off: both layers agree \.\.\. FAILED/);
    // The test passes once the SQL is right.
    await write("off.ts", plugin("off", wrong.replace("status > 500", "status >= 500")));
    expect((await test("off")).code).toBe(0);
  });

  it("passes for the example of access logs", async () => {
    const { code, out } = await runCommand(
      ["test", "--plugins", "examples/access_logs", "--runs", "10"],
    );
    expect(stripVTControlCharacters(out)).toMatch(/7 passed \| 0 failed/);
    expect(code).toBe(0);
  });

  it("names a plugin that does not load", async () => {
    await write("broken.ts", `throw new Error("no luck");`);
    const { code, out, err } = await test("broken");
    expect(code).toBe(1);
    expect(out + err).toContain("no luck");
  });

  it("refuses names and numbers that it does not know", async () => {
    expect(await test("rihgt")).toMatchObject({
      code: 4,
      err: expect.stringContaining(`${dir} has no rihgt.ts; did you mean "right"?`),
    });
    expect(await test("--seed", "-1")).toMatchObject({ code: 2 });
    const missing = await runCommand(["test", "--plugins", `${dir}/none`]);
    expect(missing.code).toBe(2);
    expect(missing.err).toContain(`${dir}/none cannot be read`);
  });
});
