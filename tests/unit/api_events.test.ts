import { describe, expect, it } from "testing";
import { Guard } from "../../routes/(_shared)/guard.ts";
import { api } from "../support/asked_api.ts";

const ndjson = { "content-type": "application/x-ndjson" };

describe("POST /api/v1/events", () => {
  it("hands lines and arrays to the ingest, with the topic", async () => {
    const { ask, asked } = api();
    const post = { method: "POST", body: '{"a":1}\n', headers: ndjson };
    const { status, body } = await ask("/api/v1/events?topic=movies", post);
    expect(status).toBe(200);
    expect(body).toEqual({ accepted: 1, rejected: [], rejected_total: 0, frontier: "local-1_301" });
    expect(asked.ingest).toEqual({ text: '{"a":1}\n', format: "ndjson", topic: "movies" });
    const headers = { "content-type": "Application/JSON; charset=UTF-8" };
    await ask("/api/v1/events", { method: "POST", body: "[]", headers });
    expect(asked.ingest).toEqual({ text: "[]", format: "json-array", topic: undefined });
  });

  it("takes the format from the media type, or from what is asked", async () => {
    const { ask, asked } = api();
    const cases = [
      ["text/csv", "", "csv"],
      ["text/plain", "?format=movielens", "movielens"],
      ["text/csv", "?format=movielens-csv", "movielens-csv"],
    ];
    for (const [type, query, format] of cases) {
      const headers = { "content-type": type, "content-encoding": "gzip" };
      await ask(`/api/v1/events${query}`, { method: "POST", body: "x", headers });
      expect(asked.ingest).toEqual({ text: "x", format, topic: undefined });
      expect(asked.options).toEqual({ encoding: "gzip", maxBytes: 16 * 2 ** 30 });
    }
    for (const [query, detail] of [["", "got none"], ["?format=xml", "twofold plugins reload"]]) {
      const headers = { "content-type": "text/plain" };
      const post = { method: "POST", body: "x", headers };
      const { status, body } = await ask(`/api/v1/events${query}`, post);
      expect([status, body.field]).toEqual([400, "format"]);
      expect(body.detail).toContain(detail);
    }
  });

  it("refuses other formats, charsets and encodings with 415", async () => {
    const { ask } = api();
    const some: Record<string, string>[] = [
      { "content-type": "application/xml" },
      { "content-type": "application/json; charset=latin1" },
      { ...ndjson, "content-encoding": "br" },
    ];
    for (const headers of some) {
      const { status, body } = await ask("/api/v1/events", { method: "POST", body: "x", headers });
      expect([status, body.type]).toEqual([415, "urn:twofold:problem:unsupported-media-type"]);
      expect(body.field).toMatch(/^content-/);
    }
  });

  it("refuses a body that says it is too large before it reads any", async () => {
    const { ask, asked } = api({}, { maxBodyBytes: 10 });
    const headers = { ...ndjson, "content-length": "11" };
    const { status, body } = await ask("/api/v1/events", { method: "POST", body: "x", headers });
    expect([status, body.detail]).toEqual([413, "The body must be at most 10 bytes"]);
    expect(asked.ingest).toBe(undefined);
  });

  it("cuts off a stream that grows too large", async () => {
    const { ask } = api({}, { maxBodyBytes: 10 });
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(4)),
    });
    const { status } = await ask("/api/v1/events", { method: "POST", body, headers: ndjson });
    expect(status).toBe(413);
  });

  it("takes at most 64 MiB of a body that does not say its length", async () => {
    const { ask } = api();
    const piece = new Uint8Array(2 ** 20);
    let pieces = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue((pieces++, piece)),
    });
    const answer = await ask("/api/v1/events", { method: "POST", body, headers: ndjson });
    const detail = "The body must be at most 67108864 bytes without a content-length";
    expect([answer.status, answer.body.detail]).toEqual([413, detail]);
    expect(pieces).toBeLessThan(70);
  });

  it("requires the token where one is set", async () => {
    const { ask, asked } = api({}, { guard: new Guard({ writeTokens: ["secret"] }) });
    const post = (authorization?: string) =>
      ask("/api/v1/events", {
        method: "POST",
        body: "",
        headers: authorization === undefined ? ndjson : { ...ndjson, authorization },
      });
    for (const wrong of [undefined, "secret", "Bearer", "Bearer secre", "Bearer secret2"]) {
      const { status, response, body } = await post(wrong);
      expect([status, body.title]).toEqual([401, "A valid token is required"]);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="twofold"');
    }
    expect(asked.ingest).toBe(undefined);
    expect((await post("Bearer secret")).status).toBe(200);
    expect((await ask("/api/v1/metrics")).status).toBe(200);
    for (const [method, path] of [["PUT", "/api/v1/catalogs/movies"], ["POST", "/api/v1/sql"]]) {
      expect((await ask(path, { method, body: "", headers: ndjson })).status).toBe(401);
    }
  });
});
