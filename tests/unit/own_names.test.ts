import { afterAll, describe, expect, it } from "testing";
import { systemClock } from "../../runtime/clock.ts";
import { listen } from "../../runtime/commands/listen.ts";
import { readConfig } from "../../runtime/config.ts";

const handler = () => new Response("answered");
const own = listen(handler, readConfig({ command: "start", flags: { port: "0" } }), systemClock);
const token = { TWOFOLD_WRITE_TOKEN: "a-token-of-some-length" };
const known = listen(
  handler,
  readConfig({ command: "start", flags: { port: "0" }, env: token }),
  systemClock,
);

/** Asks as a browser does that was told that `host` is at this address. */
async function ask(url: string, host: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  const request = `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

describe("a process that listens", () => {
  afterAll(async () => {
    await own.shutdown();
    await known.shutdown();
  });

  it("answers by this machine's names", async () => {
    const port = new URL(own.url).port;
    for (
      const host of [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "127.1.2.3",
        "LOCALHOST",
        "twofold.localhost",
      ]
    ) {
      expect(await ask(own.url, `${host}:${port}`)).toContain("answered");
    }
  });

  it("refuses other names where no token is set, whatever is asked", async () => {
    const port = new URL(own.url).port;
    for (const host of ["pages.example", "localhost.example", "127.0.0.1.example", "192.0.2.1"]) {
      const answer = await ask(own.url, `${host}:${port}`);
      expect(answer).toMatch(/^HTTP\/1.1 403 /);
      expect(answer).toContain("application/problem+json");
      expect(answer).toContain(`got ${host}: to be reached by others, set TWOFOLD_WRITE_TOKEN`);
    }
  });

  it("answers by any name where there is a token", async () => {
    expect(await ask(known.url, "pages.example")).toContain("answered");
  });
});
