import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "testing";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import { FakeIngest, fakeStatus, fakeWorld, keptTerminal } from "../support/fake_world.ts";
import type { Owner } from "../../runtime/commands/world.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** A process that owns the folder, over HTTP on a port of its own. */
class FakeProcess {
  readonly source = new FakeIngest();
  readonly headers: Headers[] = [];
  owner: Owner | null = null;
  #server: Deno.HttpServer<Deno.NetAddr> | null = null;
  #connections = new AbortController();
  /** Answers instead, where it returns something. */
  before: (request: Request) => Response | null | Promise<Response | null> = () => null;

  start(): void {
    this.#connections = new AbortController();
    const handler: Handler = async (request) => {
      this.headers.push(request.headers);
      const { pathname, searchParams } = new URL(request.url);
      const instead = await this.before(request);
      if (instead !== null) return instead;
      if (pathname === "/api/v1/status") return Response.json(fakeStatus);
      if (pathname !== "/api/v1/events") return new Response("{}", { status: 404 });
      return Response.json(
        this.source.take(
          await request.text(),
          searchParams.get("format") ?? "",
          searchParams.get("topic") ?? undefined,
        ),
      );
    };
    const { signal } = this.#connections;
    this.#server = Deno.serve({ port: 0, hostname: "127.0.0.1", signal, onListen() {} }, handler);
    this.owner = { pid: 1, url: `http://127.0.0.1:${this.#server.addr.port}` };
  }

  /** Ends as by kill -9: connections break. */
  async kill(): Promise<void> {
    this.owner = null;
    this.#connections.abort();
    await this.#server?.finished;
  }
}

async function withProcess(work: (process: FakeProcess) => Promise<void>): Promise<void> {
  const process = new FakeProcess();
  process.start();
  try {
    await work(process);
  } finally {
    await process.kill();
  }
}

async function withFile(
  content: string | Uint8Array,
  work: (path: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const path = `${dir}/events`;
    await Deno.writeFile(
      path,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    await work(path);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const ratings = (count: number) =>
  Array.from(
    { length: count },
    (_, i) => `${i + 1}::00${i % 97}::${i % 11}::${1_365_029_107 + i}\n`,
  )
    .join("");
const replay = (world: ReturnType<typeof fakeWorld>, ...args: string[]) =>
  runCommandLine(["replay", ...args], world);

describe("replay", () => {
  it("sends a file to the process that runs and tells what came of it", async () => {
    await withFile(ratings(25_000), (path) =>
      withProcess(async (process) => {
        const world = fakeWorld({ owner: () => process.owner });
        expect(await replay(world, path, "--format", "movielens")).toBe(0);
        expect(process.source.taken.size).toBe(25_000);
        expect(process.source.calls).toBeLessThanOrEqual(6);
        expect([...process.source.formats]).toEqual(["movielens"]);
        expect(process.headers[0].get("content-type")).toBe("text/plain");
        expect(world.configs).toEqual([]);
        expect(world.out.text()).toContain("accepted  25,000 events");
        expect(world.out.text()).toContain("frontier  local-1_25000_0");
      }));
  });

  it("loses and doubles nothing when the process restarts elsewhere, again and again", async () => {
    await withFile(ratings(60_000), (path) =>
      withProcess(async (process) => {
        let calls = 0;
        process.before = async (request) => {
          if (new URL(request.url).pathname !== "/api/v1/events") return null;
          calls++;
          if (calls % 4 === 1) return Response.json({ detail: "starting" }, { status: 503 });
          if (calls % 4 !== 2) return null;
          // The events are taken, and their answer is lost with the process.
          process.source.take(await request.text(), "movielens");
          await Promise.all([process.kill(), restart(process)]);
          return new Response();
        };
        const world = fakeWorld({ owner: () => process.owner });
        expect(await replay(world, path)).toBe(0);
        expect(process.source.taken.size).toBe(60_000);
        expect(world.out.text()).toContain("accepted  60,000 events");
        expect(world.err.text()).toContain("trying again");
        expect(world.err.text()).toContain("it answers again");
      }));
  });

  it("gives up with 3 when the process stays away, and keeps to it until then", async () => {
    await withFile(ratings(10), (path) =>
      withProcess(async (process) => {
        process.before = async () => {
          await process.kill();
          return new Response();
        };
        const world = fakeWorld({ owner: () => process.owner });
        expect(await replay(world, path)).toBe(3);
        expect(world.configs).toEqual([]);
        expect(world.clock.sleptMs).toBeGreaterThan(45_000);
        expect(world.err.text()).toContain("it is gone");
      }));
  });

  it("does not try again what the process refuses, and says why", async () => {
    await withFile(ratings(10), (path) =>
      withProcess(async (process) => {
        const world = fakeWorld({ owner: () => process.owner });
        process.before = () => Response.json({ detail: "a token is wanted" }, { status: 401 });
        expect(await replay(world, path)).toBe(2);
        expect(process.headers.length).toBe(1);
        expect(world.err.text()).toContain(
          "answered 401: a token is wanted; set TWOFOLD_WRITE_TOKEN",
        );
      }));
  });

  it("sends the write token and never prints it", async () => {
    const token = "correct-horse-battery-staple";
    await withFile(ratings(10), (path) =>
      withProcess(async (process) => {
        const env = { TWOFOLD_WRITE_TOKEN: token };
        const world = fakeWorld({ owner: () => process.owner, env });
        expect(await replay(world, path)).toBe(0);
        expect(process.headers[0].get("authorization")).toBe(`Bearer ${token}`);
        expect(world.out.text() + world.err.text()).not.toContain(token);
      }));
  });

  it("opens the data folder itself where no process runs", async () => {
    await withFile('{"event_id":"a"}\n{"event_id":"b"}', async (path) => {
      const world = fakeWorld();
      expect(await replay(world, path, "--data", "/somewhere")).toBe(0);
      expect(world.configs[0].dataDir).toBe("/somewhere");
      expect([...world.engine.source.taken.keys()]).toEqual(["a", "b"]);
      expect(world.engine.done).toEqual(["start", "close"]);
    });
  });

  it("waits for a process that starts and does not listen yet", async () => {
    await withFile(ratings(10), (path) =>
      withProcess(async (process) => {
        let looks = 0;
        const owner = () => ++looks < 5 ? { pid: 1, url: null } : process.owner;
        expect(await replay(fakeWorld({ owner }), path)).toBe(0);
        expect(process.source.taken.size).toBe(10);
      }));
  });

  it("tells faults by lines of the file, across chunks", async () => {
    const lines = Array.from(
      { length: 30 },
      (_, i) => i % 10 === 4 ? "{bad" : `{"event_id":"${i}"}`,
    );
    await withFile(lines.join("\n"), async (path) => {
      const world = fakeWorld();
      expect(await replay(world, path, "--rate", "35")).toBe(0);
      const text = world.out.text();
      expect(world.engine.source.calls).toBeGreaterThan(3);
      for (const line of [5, 15, 25]) expect(text).toContain(`line ${line}: expected JSON`);
      expect(text).toContain("rejected  3 lines");
    });
  });

  it("reads compressed files and standard input, and tells faults by their lines", async () => {
    const text = ratings(3000) + "bad\n" + ratings(10);
    const packed = [bytesOf(text), gzipSync(text), zstdCompressSync(text)].map((of) =>
      new Uint8Array(of)
    );
    for (const bytes of packed) {
      const told = (world: ReturnType<typeof fakeWorld>, name: string) => {
        expect(world.out.text()).toContain(`Replayed ${name}`);
        expect(world.out.text()).toContain("accepted  3,010 events");
        expect(world.out.text()).toContain("line 3001");
      };
      await withFile(bytes, async (path) => {
        const world = fakeWorld();
        expect(await replay(world, path)).toBe(0);
        told(world, path);
      });
      const input = () => ReadableStream.from([bytes.subarray(0, 5), bytes.subarray(5)]);
      const world = fakeWorld({ input });
      expect(await replay(world, "-")).toBe(0);
      told(world, "standard input");
    }
  });

  it("puts titles into the catalog first, and nothing where a line is no title", async () => {
    await withFile(
      ratings(10),
      (path) =>
        withFile("0000006::Heat (1995)::Crime\n", async (titles) => {
          const world = fakeWorld();
          expect(await replay(world, path, "--catalog", titles, "--json")).toBe(0);
          const heat = { movie_id: 6, title: "Heat", year: 1995, genres: ["Crime"] };
          const text = JSON.stringify(heat) + "\n";
          expect(world.engine.asked.put).toEqual({ catalog: "movies", text, format: "ndjson" });
          expect(JSON.parse(world.out.text())).toMatchObject({ accepted: 10, rejected: 0 });
          expect(world.err.text()).toContain("movies has");
          await Deno.writeTextFile(titles, "1::A::B\nmore\n");
          const other = fakeWorld();
          expect(await replay(other, path, "--catalog", titles)).toBe(2);
          expect(other.err.text()).toContain("as movielens-titles: line 2: expected");
          expect([other.engine.asked.put, other.engine.source.calls]).toEqual([undefined, 0]);
        }),
    );
  });

  const packings: [string, (text: string) => Uint8Array][] = [
    ["plain", bytesOf],
    ["gzip", (text) => new Uint8Array(gzipSync(text))],
    ["zstd", (text) => new Uint8Array(zstdCompressSync(text))],
  ];
  for (const [name, packed] of packings) {
    it.each([1, 300])(`sends the %i events it has of a slow pipe, ${name}`, async (events) => {
      const line = '{"event_id":"a"}\n';
      const more = Promise.withResolvers<void>();
      const input = () =>
        ReadableStream.from((async function* () {
          yield packed(line.repeat(events));
          await more.promise;
          yield packed(line);
        })());
      const world = fakeWorld({ input });
      const take = world.engine.source.take.bind(world.engine.source);
      world.engine.source.take = (...args) => {
        more.resolve();
        return take(...args);
      };
      expect(await replay(world, "-")).toBe(0);
      expect(world.engine.source.taken.get("a")).toBe(events + 1);
    });
  }

  it("waits for the whole first line of a slow pipe before it decides on the format", async () => {
    const input = () => ReadableStream.from([bytesOf('\n{"event_'), bytesOf('id":"a"}\n')]);
    const world = fakeWorld({ input });
    expect(await replay(world, "-")).toBe(0);
    expect(world.engine.source.taken.get("a")).toBe(1);
  });

  it("knows zstd that begins with a skippable frame, in a file and in a pipe", async () => {
    for (const digit of [0x50, 0x5f]) {
      const skippable = [digit, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
      const bytes = new Uint8Array([...skippable, ...zstdCompressSync(ratings(10))]);
      await withFile(bytes, async (path) => {
        const file = fakeWorld();
        expect(await replay(file, path)).toBe(0);
        expect(file.engine.source.taken.size).toBe(10);
      });
      const pipe = fakeWorld({
        input: () => ReadableStream.from([...bytes].map((b) => new Uint8Array([b]))),
      });
      expect(await replay(pipe, "-")).toBe(0);
      expect(pipe.engine.source.taken.size).toBe(10);
    }
  });

  it("keeps to event time with --speed", async () => {
    // 1,000 ratings, a second apart.
    await withFile(ratings(1000), async (path) => {
      const world = fakeWorld();
      await replay(world, path, "--speed", "10x");
      expect(world.clock.sleptMs).toBeGreaterThan(99_000);
      expect(world.clock.sleptMs).toBeLessThan(100_000);
      expect(world.engine.source.calls).toBeGreaterThan(300);
    });
  });

  it("keeps to --rate", async () => {
    await withFile(ratings(1000), async (path) => {
      const world = fakeWorld();
      await replay(world, path, "--rate", "100");
      expect(world.clock.sleptMs).toBeGreaterThan(9500);
      expect(world.clock.sleptMs).toBeLessThan(10_500);
    });
  });

  it("ends cleanly when interrupted, with what was done", async () => {
    await withFile(ratings(1000), async (path) => {
      const world = fakeWorld();
      const take = world.engine.source.take.bind(world.engine.source);
      world.engine.source.take = (...args) => {
        if (world.engine.source.calls === 2) world.interrupt();
        return take(...args);
      };
      expect(await replay(world, path, "--rate", "50")).toBe(130);
      expect(world.out.text()).toContain("Stopped within");
      expect(world.out.text()).toContain("accepted  30 events");
      expect(world.engine.done).toEqual(["start", "close"]);
    });
  });

  it("draws a bar for a person and lines for a file", async () => {
    await withFile(ratings(2000), async (path) => {
      const watched = { ...fakeWorld(), err: keptTerminal(true) };
      await replay(watched, path, "--rate", "100");
      expect(watched.err.text()).toMatch(/\r.*█+░+ +50% {2}1,\d{3} events {2}\d+\/s {2}\d+ s left/);
      const piped = fakeWorld();
      await replay(piped, path, "--rate", "100");
      expect(piped.err.text()).not.toContain("\r");
      expect(piped.err.text().match(/events/g)!.length).toBeLessThan(6);
    });
  });

  it("refuses what is no file of events, before anything is opened", async () => {
    const refused = async (path: string, message: string, ...args: string[]) => {
      const world = fakeWorld();
      expect(await replay(world, path, ...args)).toBe(2);
      expect(world.err.text()).toContain(message);
      expect(world.configs).toEqual([]);
    };
    await refused("/no/such/file", 'Cannot read "/no/such/file": there is no such file');
    await refused(".", "expected a file, got a folder");
    await withFile("", (path) => refused(path, "the file is empty"));
    await withFile(new Uint8Array([0x1f, 0x8b, 8]), (path) => refused(path, "the data end early"));
    await withFile("1::2::3::4\n", (path) => refused(path, "movielens", "--format", "ndjson"));
    await withFile('{"a":1}\n', (path) => refused(path, "line 1", "--format", "movielens"));
  });
});

/** Starts on another port once the old one is free. */
async function restart(process: FakeProcess): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  process.start();
}
