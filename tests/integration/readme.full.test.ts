/**
 * The examples of README.md, docs/api.md and docs/time.md, run as they stand: in their order, by bash, with a
 * `dev` process on a free port and data of its own. An example whose answer stands below it in JSON or
 * CSV has to give that answer.
 */
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { join } from "node:path";
import { readOwner } from "../../runtime/engine/data_folder.ts";
import type { Status } from "../../runtime/ports/services.ts";
import { eventually } from "../support/eventually.ts";
import { root } from "../support/running_engine.ts";

/** Blocks that are not run, by what they contain, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  "npx -y deno@2.9 task": "gets Deno from npm and runs every test: the CI's script does both",
  "/drift/accept": "wants a day that drifts, which a metric that works has not",
  "/live?": "goes on until it is stopped; tests of the live answers are elsewhere",
};
/** On a machine without curl its examples cannot be run; the names of the tests say so. */
const NO_CURL = "curl is not installed";
const { success: hasCurl } = await new Deno.Command("sh", { args: ["-c", "command -v curl"] })
  .output();
/** The block that starts the process: it goes on while the others run. */
const STARTS = "deno task dev";

interface Block {
  readonly page: string;
  readonly line: number;
  readonly text: string;
  /** The JSON or the lines of CSV below it, if there are some before the next block. */
  readonly answer: unknown;
}

async function blocksOf(page: string): Promise<Block[]> {
  const text = await Deno.readTextFile(join(root, page));
  const pattern = /^```sh\n([\s\S]*?)^```\n(?:\n```(json|csv)\n([\s\S]*?)^```$)?/gm;
  return [...text.matchAll(pattern)].map(({ 1: block, 2: format, 3: answer, index }) => ({
    page,
    line: text.slice(0, index).split("\n").length + 1,
    text: block,
    answer: answer === undefined ? undefined : read(format === "csv", answer),
  }));
}

const read = (isCsv: boolean, text: string): unknown =>
  isCsv ? text.trim().split(/\r?\n/) : JSON.parse(text);

/** Frontiers and cuts carry the log's random identity; a generation is a hash of code. */
function lasting(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer;
  const { frontier, cut, generation, ...rest } = answer as Record<string, unknown>;
  return { ...rest, frontier: typeof frontier, cut: typeof cut, generation: typeof generation };
}

function reasonNotToRun({ text }: Block): string | undefined {
  const reason = Object.entries(NOT_RUN).find(([part]) => text.includes(part))?.[1];
  return reason ?? (text.includes("curl ") && !hasCurl ? NO_CURL : undefined);
}

const pages = ["README.md", "docs/api.md", "docs/time.md"];
const blocks = (await Promise.all(pages.map(blocksOf))).flat();
const start = blocks.find(({ text }) => text.includes(STARTS))!;

describe("the examples of README.md, docs/api.md and docs/time.md", () => {
  let dir: string, data: string, url: string, dev: Deno.ChildProcess, said: Promise<string>;

  /** Runs a block with the folder and the address of this test's process. */
  function bash(block: string): Deno.Command {
    const script = block
      .replaceAll("data/trial", data)
      .replaceAll("http://127.0.0.1:8000", url)
      .replaceAll("localhost:8000", url.replace("http://", ""))
      .replaceAll("@events.ndjson", `@${join(dir, "events.ndjson")}`);
    return new Deno.Command("bash", {
      args: ["-euo", "pipefail", "-c", script],
      cwd: root,
      env: {
        NO_COLOR: "1",
        PATH: `${join(dir, "bin")}:${Deno.env.get("PATH")}`,
        TWOFOLD_DATA: data,
        TWOFOLD_PORT: new URL(url).port,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-readme-" });
    // The permissions of the tasks cover ./data.
    data = join("data", `readme-${crypto.randomUUID()}`);
    await Deno.mkdir(join(dir, "bin"));
    await Deno.symlink(Deno.execPath(), join(dir, "bin", "deno"));
    // An answer that is a fault is an example that does not work.
    const curl =
      '#!/bin/sh\nPATH=${PATH#*:} exec curl --silent --show-error --fail-with-body "$@"\n';
    await Deno.writeTextFile(join(dir, "bin", "curl"), curl, { mode: 0o755 });
    const event = { event_id: "r1", user_id: 7, movie_id: 42, event_type: "view" };
    const line = JSON.stringify({ ...event, timestamp: "2013-07-21T20:00:00Z" });
    await Deno.writeTextFile(join(dir, "events.ndjson"), `${line}\n`);
    url = "http://127.0.0.1:0";
    dev = bash(start.text).spawn();
    const output = Promise.all([dev.stdout, dev.stderr].map((it) => new Response(it).text()));
    said = output.then((texts) => texts.join(""));
    url = await eventually("dev to listen", async () => {
      const found = (await readOwner(data))?.url;
      return found && (await fetch(new URL("/readyz", found))).ok ? found : "";
    });
  });

  afterAll(async () => {
    const owner = await readOwner(data);
    if (owner !== null) Deno.kill(owner.pid, "SIGTERM");
    const { code } = await dev.status;
    const text = await said;
    await Deno.remove(dir, { recursive: true });
    await Deno.remove(data, { recursive: true });
    if (code !== 0) throw new Error(`${STARTS} ended with ${code}: ${text}`);
  });

  /** The frontier of the last block that sent events. */
  let written = "";

  /** What was sent before is counted: a reader is slower than this test. */
  const counted = async () => {
    const { plugins } = await eventually(
      "all events to be read",
      async (): Promise<Status> => (await fetch(new URL("/api/v1/status", url))).json(),
      ({ topics }) =>
        topics.every(({ partitions }) => partitions.every(({ lag_records }) => lag_records === 0)),
    );
    for (const { plugin } of written === "" ? [] : plugins) {
      const query = new URLSearchParams({ wait_for: written, limit: "1" });
      const answer = await fetch(new URL(`/api/v1/metrics/${plugin}?${query}`, url));
      await answer.body?.cancel();
    }
  };

  it("are there, and each reason not to run one still has its block", () => {
    const stale = Object.keys(NOT_RUN).filter((part) =>
      !blocks.some((it) => it.text.includes(part))
    );
    expect(stale).toEqual([]);
    expect(new Set(blocks.map(({ page }) => page)).size).toBe(pages.length);
  });

  for (const block of blocks) {
    const { page, line, text, answer } = block;
    if (block === start) continue;
    const reason = reasonNotToRun(block);
    const outcome = reason === undefined ? "goes well" : `is not run: ${reason}`;
    it.skipIf(reason !== undefined)(`${page}, line ${line}, ${outcome}`, async () => {
      await counted();
      const { code, stdout, stderr } = await bash(text).output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      if (out.includes('"accepted"')) written = /"frontier":\s*"([^"]*)"/.exec(out)?.[1] ?? "";
      expect([code, code === 0 ? "" : out + err]).toEqual([0, ""]);
      if (answer !== undefined) {
        expect(lasting(read(Array.isArray(answer), out))).toEqual(lasting(answer));
      }
    });
  }
});
