import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Status } from "../../runtime/ports/services.ts";
import { runCommand, RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { movieEvents, take } from "../support/movie_events.ts";

const EXIT = { user: 2, external: 3 } as const;
const NDJSON = { "content-type": "application/x-ndjson" };

let dir: string;
beforeAll(async () => {
  dir = await Deno.makeTempDir({ prefix: "twofold-faults-" });
});
afterAll(() => Deno.remove(dir, { recursive: true }));

describe("what stands in the way of a start", () => {
  it("names all settings that cannot be used at once and ends with 2", async () => {
    const args = ["start", "--port", "high", "--partitions", "0", "--data", join(dir, "unused")];
    const { code, err } = await runCommand(args, { TWOFOLD_BLOCK_SIZE: "1000" });
    expect(code).toBe(EXIT.user);
    for (const part of ["--port", '"high"', "--partitions", "TWOFOLD_BLOCK_SIZE", '"1000"']) {
      expect(err).toContain(part);
    }
    await expect(Deno.stat(join(dir, "unused"))).rejects.toThrow(Deno.errors.NotFound);
  });

  it("says that the port is in use, and leaves the folder free", async () => {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const data = join(dir, "port");
    const { code, err } = await runCommand(
      ["start", "--port", String(taken.addr.port), "--data", data],
    );
    taken.close();
    expect(code).toBe(EXIT.external);
    expect(err).toContain(`Cannot listen on 127.0.0.1, port ${taken.addr.port}: another process`);
    const { code: again } = await runCommand(["status", "--data", data]);
    expect(again).toBe(0);
  });

  it("names the process that owns the folder, which goes on", async () => {
    const data = join(dir, "owned");
    const owner = RunningProcess.spawn(data);
    const url = await owner.url();
    const { code, err } = await runCommand(["start", "--port", "0", "--data", data]);
    expect(code).toBe(EXIT.user);
    expect(err).toContain(`it is owned by process ${owner.child.pid} (${url})`);
    expect((await fetch(new URL("/readyz", url))).status).toBe(200);
    expect(await owner.end("SIGTERM")).toBe(0);
  });

  it("refuses a folder of a newer format and leaves it as it is", async () => {
    const data = join(dir, "newer");
    await Deno.mkdir(data);
    const info = JSON.stringify({ pid: 1, url: null, started: "2100-01-01", formatVersion: 99 });
    await Deno.writeTextFile(join(data, "owner.json"), info);
    const { code, err } = await runCommand(["start", "--port", "0", "--data", data]);
    expect(code).toBe(EXIT.user);
    expect(err).toContain("its data are of format 99");
    expect(await Deno.readTextFile(join(data, "owner.json"))).toBe(info);
  });
});

describe("a full disk", () => {
  // It needs a file system of its own.
  const cannotMount = Deno.uid() !== 0 || Deno.build.os !== "linux";
  const SIZE_MB = 96;
  /** In place of a count. */
  const DAMAGED = -1;

  it.skipIf(cannotMount)(
    "is served on, refuses events with 503, is told, and recovers",
    async () => {
      const data = join(dir, "disk");
      await Deno.mkdir(data);
      await mount(data);
      const start = () =>
        RunningProcess.spawn(data, ["--block-span", "1s", "--log-level", "error"]);
      let running = start();
      try {
        let url = await running.url();
        const made = movieEvents({ seed: 1, firstUser: 1, aroundMs: Date.now() });
        const post = () =>
          fetch(new URL("/api/v1/events", url), {
            method: "POST",
            headers: NDJSON,
            body: take(made, 10).map((event) => JSON.stringify(event) + "\n").join(""),
          });
        const status = async (): Promise<Status> =>
          await (await fetch(new URL("/api/v1/status", url))).json();
        const counted = async () => {
          const answer = await fetch(new URL("/api/v1/metrics/hourly_stats", url));
          const { rows, detail } = await answer.json();
          if (/marks file/.test(detail)) return DAMAGED;
          return rows.reduce(
            (sum: number, row: { event_count: number }) => sum + row.event_count,
            0,
          );
        };
        let acknowledged = 0;
        for (; acknowledged < 100; acknowledged += 10) expect((await post()).status).toBe(200);
        await eventually("the first events", counted, (events) => events === acknowledged);

        const ballast = join(data, "ballast");
        await fill(ballast);
        const refused = await eventually("a refusal", async () => {
          const response = await post();
          const body = await response.json();
          if (response.status === 200) acknowledged += body.accepted;
          return { status: response.status, type: response.headers.get("content-type"), body };
        }, (answer) => answer.status !== 200);
        expect(refused).toMatchObject({
          status: 503,
          type: "application/problem+json",
          body: { status: 503, type: "urn:twofold:problem:unavailable" },
        });
        expect((await fetch(new URL("/healthz", url))).status).toBe(200);
        expect(await counted()).toBeLessThanOrEqual(acknowledged);
        const problems = await eventually(
          "one problem, by which all else fails",
          async () => (await status()).problems,
          (all) => all.some(({ affects = [] }) => affects.length > 1),
        );
        expect(problems).toMatchObject([{ code: "disk_full", subject: "data folder" }]);
        expect(problems[0].affects!.map(({ code }) => code)).toContain("ingest_failing");

        await Deno.remove(ballast);
        await eventually("events to be taken again", async () => {
          const response = await post();
          await response.body?.cancel();
          if (response.status === 200) acknowledged += 10;
          return response.status;
        }, (code) => code === 200);
        const state = async () => {
          const [events, { problems }] = [await counted(), await status()];
          const isDamaged = problems.some(({ code }) => code === "warehouse_damaged");
          if (isDamaged || events === DAMAGED) return "damaged";
          return events === acknowledged && problems.length === 0 ? "whole" : "";
        };
        // A scrub that failed is tried again after a minute.
        const patience = { deadlineMs: 120_000 };
        const found = await eventually("an end of the problems", state, Boolean, patience);
        if (found === "damaged") {
          // A merge without room has left a part with an empty file: docs/operations.md.
          await running.end("SIGTERM");
          await Deno.remove(join(data, "warehouse"), { recursive: true });
          running = start();
          url = await running.url();
          const isWhole = (now: string) => now === "whole";
          await eventually("all that was acknowledged", state, isWhole, patience);
        }
        expect(await running.end("SIGTERM")).toBe(0);
      } finally {
        await running.end("SIGKILL");
        await new Deno.Command("umount", { args: [data] }).output();
      }
    },
  );

  async function mount(path: string): Promise<void> {
    const args = ["-t", "tmpfs", "-o", `size=${SIZE_MB}m`, "tmpfs", path];
    const { success, stderr } = await new Deno.Command("mount", { args }).output();
    if (!success) throw new Error(`Cannot mount: ${new TextDecoder().decode(stderr)}`);
  }

  /** Writes until the disk takes no more. */
  async function fill(path: string): Promise<void> {
    const file = await Deno.open(path, { create: true, write: true });
    const bytes = new Uint8Array(4096);
    try {
      while (true) await file.write(bytes);
    } catch {
      // Full, as wanted.
    } finally {
      file.close();
    }
  }
});
