import { afterAll, describe, expect, it } from "testing";
import { type AccessRules, Guard } from "../../routes/(_shared)/guard.ts";
import { createApp } from "../../routes/app.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { hastyClock } from "../support/fake_world.ts";
import { listen } from "../../runtime/commands/listen.ts";
import { readConfig } from "../../runtime/settings/config.ts";
import type { Services } from "../../runtime/ports/services.ts";
import { fakeServices } from "../support/fake_services.ts";
import { someStatus } from "../support/sample_answers.ts";
import { loadSite } from "../support/site.ts";

const reader = "a-read-token-of-some-length";
const next = "the-read-token-that-comes-next";
const writer = "a-write-token-of-some-length";
const site = await loadSite();

/** Asks an app with the given rules, by the name `localhost:8000`. */
function door(access: AccessRules, over: Partial<Services> = {}) {
  const app = createApp(fakeServices(over), site, { access, report: () => {} });
  return async (path: string, init: RequestInit = {}, host = "localhost:8000") =>
    await app.fetch(new Request(new URL(path, `http://${host}`), { redirect: "manual", ...init }));
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe("names", () => {
  const ask = door({ hosts: ["twofold.example.com"] });
  const status = async (host: string) => (await ask("/api/v1/metrics", {}, host)).status;

  it("of this machine, addresses, and those of TWOFOLD_HOSTS are answered", async () => {
    const own = [
      "localhost",
      "app.localhost",
      "127.0.0.1:9",
      "[::1]:8000",
      "192.0.2.1",
      "LOCALHOST",
    ];
    for (const host of [...own, "twofold.example.com", "Twofold.Example.com:8000"]) {
      expect([host, await status(host)]).toEqual([host, 200]);
    }
  });

  it("of others are refused, pages and writes too, with what to set", async () => {
    for (const host of ["pages.example", "localhost.example", "127.0.0.1.example"]) {
      const answer = await ask("/", {}, host);
      expect([host, answer.status]).toEqual([host, 403]);
      expect((await answer.json()).detail).toContain(`got ${host}; add the name to TWOFOLD_HOSTS`);
    }
  });

  it("are refused though a token comes with the request", async () => {
    const strict = door({ readTokens: [reader], writeTokens: [writer] });
    expect((await strict("/api/v1/metrics", bearer(writer), "pages.example")).status).toBe(403);
  });
});

describe("a request that changes state", () => {
  const ask = door({ hosts: ["twofold.example.com"] });
  const post = async (headers: Record<string, string>, host?: string) =>
    (await ask("/api/v1/events", {
      method: "POST",
      body: "",
      headers: { "content-type": "application/x-ndjson", ...headers },
    }, host)).status;

  it("passes from our own pages, from programs, and through a proxy with a known name", async () => {
    expect(await post({})).toBe(200);
    expect(await post({ origin: "http://localhost:8000", "sec-fetch-site": "same-origin" })).toBe(
      200,
    );
    expect(await post({ origin: "https://twofold.example.com" }, "127.0.0.1:8000")).toBe(200);
  });

  it("is refused from any other origin", async () => {
    for (
      const origin of ["http://localhost:3000", "http://pages.example", "null", "https://localhost"]
    ) {
      expect([origin, await post({ origin })]).toEqual([origin, 403]);
    }
    expect(await post({ "sec-fetch-site": "cross-site" })).toBe(403);
  });
});

describe("reading with a token", () => {
  const ask = door({ readTokens: [reader, next], writeTokens: [writer] });
  const signIn = (token: string, to = "/runs", origin = "http://localhost:8000") =>
    ask("/sign-in", {
      method: "POST",
      body: new URLSearchParams({ token, next: to }),
      headers: { origin, "content-length": "200" },
    });

  it("is open to both read tokens and the write token, and to nobody else", async () => {
    for (const token of [reader, next, writer]) {
      expect((await ask("/api/v1/metrics", bearer(token))).status).toBe(200);
    }
    for (
      const init of [{}, bearer("other"), bearer(`${reader}x`), { headers: { cookie: "a=b" } }]
    ) {
      const answer = await ask("/api/v1/metrics", init);
      expect([answer.status, answer.headers.get("www-authenticate")])
        .toEqual([401, 'Bearer realm="twofold"']);
    }
  });

  it("covers each page, its data and live answers", async () => {
    for (const path of ["/overview.json", "/metrics", "/api/v1/metrics/ratings/live", "/nothing"]) {
      expect([path, (await ask(path)).status]).toEqual([path, 401]);
    }
    const answer = await ask("/plugins?a=1", { headers: { accept: "text/html" } });
    expect([answer.status, answer.headers.get("location")])
      .toEqual([303, "/sign-in?next=%2Fplugins%3Fa%3D1"]);
  });

  it("lets a browser sign in by a form, and out again", async () => {
    const form = await ask("/sign-in?next=/runs");
    // With no-referrer, browsers send "null" as the origin of a form.
    expect(form.headers.get("referrer-policy")).toBe("same-origin");
    expect([form.status, await form.text()]).toEqual([
      200,
      expect.stringContaining('value="/runs"'),
    ]);
    const answer = await signIn(reader);
    const cookie = answer.headers.get("set-cookie")!;
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/runs"]);
    expect(cookie).toMatch(/^twofold_session=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(reader);
    const session = { headers: { cookie: `theme=dark; ${cookie.split(";")[0]}` } };
    expect((await ask("/runs", session)).status).toBe(200);
    expect((await ask("/api/v1/metrics", session)).status).toBe(200);
    const out = await ask("/sign-in", {
      method: "POST",
      body: "sign_out=yes",
      headers: { "content-length": "12" },
    });
    expect(out.headers.get("set-cookie")).toContain("Max-Age=0");
  });

  it("marks the cookie as secure behind HTTPS, and takes no other site as the next page", async () => {
    const secure = door({ readTokens: [reader], hosts: ["twofold.example.com"] });
    const answer = await secure("/sign-in", {
      method: "POST",
      body: new URLSearchParams({ token: reader, next: "//pages.example" }),
      headers: { origin: "https://twofold.example.com", "content-length": "99" },
    });
    expect(answer.headers.get("set-cookie")).toContain("; Secure");
    expect(answer.headers.get("location")).toBe("/");
  });

  it("refuses a wrong token, and a form from another site", async () => {
    const wrong = await signIn("wrong");
    expect([wrong.status, wrong.headers.get("set-cookie")]).toEqual([403, null]);
    expect(await wrong.text()).toContain("Invalid token.");
    expect((await signIn(reader, "/", "http://pages.example")).status).toBe(403);
  });

  it("lets a session run SQL, which only reads", async () => {
    const cookie = (await signIn(reader)).headers.get("set-cookie")!.split(";")[0];
    const sql = { method: "POST", body: "SELECT 1" };
    const headers = { "content-type": "text/plain" };
    expect((await ask("/api/v1/sql", { ...sql, headers: { ...headers, cookie } })).status).toBe(
      200,
    );
    expect((await ask("/api/v1/sql", { ...sql, headers })).status).toBe(401);
    const open = door({ writeTokens: [writer] });
    expect((await open("/api/v1/sql", { ...sql, headers })).status).toBe(401);
  });

  it("does not let a session write", async () => {
    const cookie = (await signIn(writer)).headers.get("set-cookie")!.split(";")[0];
    const headers = { cookie, "content-type": "application/x-ndjson" };
    const answer = await ask("/api/v1/events", { method: "POST", body: "", headers });
    expect(answer.status).toBe(401);
  });

  it.each([
    { publicProbes: "none" as const, wanted: [401, 401, 401] },
    { publicProbes: "health" as const, wanted: [200, 200, 401] },
    { publicProbes: "all" as const, wanted: [200, 200, 200] },
  ])("answers probes as public-probes=$publicProbes says", async ({ publicProbes, wanted }) => {
    const probe = door({ readTokens: [reader], publicProbes });
    const paths = ["/healthz", "/readyz", "/metrics"];
    const answers = await Promise.all(paths.map((path) => probe(path)));
    expect(answers.map(({ status }) => status)).toEqual(wanted);
  });

  it.each([true, false])(
    "shows the messages of problems to readers alone (ready: %s)",
    async (ready) => {
      const { message, ...named } = {
        code: "log_failed" as const,
        subject: "views",
        blocking: !ready,
        message: "Cannot write /srv/data/log/views.sqlite",
        since: "2025-01-01T00:00:00.000Z",
      };
      const status = () =>
        Promise.resolve({ ...someStatus, ready, problems: [{ ...named, message }] });
      const probe = door({ readTokens: [reader] }, { status });
      const ask = async (init = {}) => await (await probe("/readyz", init)).text();
      const stranger = await ask();
      expect(stranger).not.toContain("/srv/data");
      expect(JSON.parse(stranger).problems).toEqual([named]);
      const known = JSON.parse(await ask(bearer(reader)));
      expect(known.problems).toEqual([{ ...named, message }]);
      if (ready) return;
      expect([JSON.parse(stranger).detail, known.detail]).toEqual(["log_failed: views", message]);
    },
  );
});

describe("Guard without rules", () => {
  it("lets everybody read and write who names this machine", () => {
    const guard = new Guard();
    const request = new Request("http://localhost/api/v1/events", { method: "POST" });
    expect([
      guard.siteFault(request),
      guard.readerFault(request),
      guard.routeFault(request, "write"),
    ])
      .toEqual([null, null, null]);
  });
});

describe("a process that listens", () => {
  const config = readConfig({ command: "start", flags: { port: "0" } });
  const listener = listen(() => new Response("answered"), config, systemClock);
  afterAll(() => listener.shutdown());

  it("answers 400 to a request without a Host header", async () => {
    const port = Number(new URL(listener.url).port);
    const ask = async (host: string) => {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const request = `GET / HTTP/1.0\r\n${host}\r\n`;
      await connection.write(new TextEncoder().encode(request));
      return await new Response(connection.readable).text();
    };
    expect(await ask("")).toMatch(/^HTTP\/1.\d 400 /);
    expect(await ask("host: localhost\r\n")).toContain("answered");
  });

  it("ends live streams when it stops, without a fault on either side", async () => {
    const left: unknown[] = [];
    const live = () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start: (controller) => controller.enqueue(new TextEncoder().encode("retry: 1\n\n")),
          cancel: (reason) => void left.push(reason),
        }),
        { headers: { "content-type": "text/event-stream" } },
      );
    const streaming = listen(live, config, hastyClock());
    const responses = await Promise.all([fetch(streaming.url), fetch(streaming.url)]);
    const readers = responses.map((response) => response.body!.getReader());
    for (const reader of readers) await reader.read();
    // A reader that leaves is not ended again.
    await readers[0].cancel();
    await streaming.shutdown();
    expect(await readers[1].read()).toEqual({ done: true, value: undefined });
    expect(left.length).toBe(2);
  });
});
