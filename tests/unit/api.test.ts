import { describe, expect, it } from "testing";
import { ExternalError, NotReadyError, TwofoldError, UserError } from "../../runtime/errors.ts";
import type { Services } from "../../runtime/services.ts";
import { type ApiOptions, createApi } from "../../routes/api/api.ts";
import { fakeServices, moviesAnswer, someStatus } from "../support/fake_services.ts";

const ndjson = { "content-type": "application/x-ndjson" };

function api(over: Partial<Services> = {}, options: ApiOptions = {}) {
  const services = fakeServices(over);
  const app = createApi(services, { report: () => {}, ...options });
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await app.request(path, init);
    const text = await response.text();
    return {
      response,
      status: response.status,
      type: response.headers.get("content-type"),
      body: text === "" ? null : JSON.parse(text),
    };
  };
  return { ask, asked: services.asked };
}

const failing = (error: unknown): Partial<Services> => ({
  serving: { ...fakeServices().serving, query: () => Promise.reject(error) },
});

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

  it("refuses other formats, charsets and encodings with 415", async () => {
    const { ask } = api();
    const some: Record<string, string>[] = [
      { "content-type": "text/csv" },
      { "content-type": "application/json; charset=latin1" },
      { ...ndjson, "content-encoding": "gzip" },
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

  it("wants the token where one is set", async () => {
    const { ask, asked } = api({}, { writeToken: "secret" });
    const post = (authorization?: string) =>
      ask("/api/v1/events", {
        ...{ method: "POST", body: "" },
        headers: authorization === undefined ? ndjson : { ...ndjson, authorization },
      });
    for (const wrong of [undefined, "secret", "Bearer", "Bearer secre", "Bearer secret2"]) {
      const { status, response, body } = await post(wrong);
      expect([status, body.title]).toEqual([401, "A valid token is needed"]);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="twofold"');
    }
    expect(asked.ingest).toBe(undefined);
    expect((await post("Bearer secret")).status).toBe(200);
    expect((await ask("/api/v1/metrics")).status).toBe(200);
  });

  it("refuses pages of other sites", async () => {
    const { ask } = api();
    for (const path of ["/api/v1/events", "/api/v1/batch/runs"]) {
      const headers = { ...ndjson, "sec-fetch-site": "cross-site" };
      expect((await ask(path, { method: "POST", headers })).status).toBe(403);
    }
  });
});

describe("GET /api/v1/metrics", () => {
  it("lists the metrics", async () => {
    const { body } = await api().ask("/api/v1/metrics");
    expect(body.metrics.map((metric: { name: string }) => metric.name)).toEqual(["popular_movies"]);
  });

  it("asks serving as it was asked, with the request's signal", async () => {
    const { ask, asked } = api();
    const { body, response } = await ask(
      "/api/v1/metrics/popular_movies?layer=speed&bucket=all&movie_id=7&limit=5",
    );
    expect(body).toEqual(moviesAnswer);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("access-control-allow-origin")).toBe(null);
    expect(asked.query!.query).toMatchObject({
      layer: "speed",
      limit: "5",
      keys: { movie_id: "7" },
    });
    expect(asked.query!.signal).toBeInstanceOf(AbortSignal);
  });

  it("refuses a parameter that comes twice", async () => {
    const { status, body } = await api().ask("/api/v1/metrics/popular_movies?limit=1&limit=2");
    expect([status, body.field]).toEqual([400, "limit"]);
  });

  it("tells faults as problem details that name the field", async () => {
    const { ask } = api(failing(new UserError("limit must be small", { field: "limit" })));
    const { status, type, body } = await ask("/api/v1/metrics/x?limit=9");
    expect([status, type]).toEqual([400, "application/problem+json"]);
    expect(body).toEqual({
      type: "urn:twofold:problem:invalid-request",
      title: "The request is not valid",
      status: 400,
      detail: "limit must be small",
      field: "limit",
      instance: "/api/v1/metrics/x",
    });
  });

  it("says when to come back where the answer is not ready or a part is away", async () => {
    for (
      const [error, kind] of [
        [new NotReadyError("a batch run is due"), "not-ready"],
        [new ExternalError("secret host"), "unavailable"],
      ]
    ) {
      const { status, body, response } = await api(failing(error)).ask("/api/v1/metrics/x");
      expect([status, body.type]).toEqual([503, `urn:twofold:problem:${kind}`]);
      expect(response.headers.get("retry-after")).toBe("1");
      expect(body.detail).not.toMatch(/secret/);
    }
  });

  it("keeps internal faults to itself and reports them", async () => {
    const reported: unknown[] = [];
    for (const error of [new Error("secret"), new TwofoldError("secret")]) {
      const { ask } = api(failing(error), { report: (fault) => reported.push(fault) });
      const { status, body } = await ask("/api/v1/metrics/x");
      expect(status).toBe(500);
      expect(JSON.stringify(body)).not.toMatch(/secret/);
    }
    expect(reported.length).toBe(2);
  });
});

describe("/api/v1/batch/runs", () => {
  it("lists runs with their cut as a token", async () => {
    const { ask } = api();
    const { body } = await ask("/api/v1/batch/runs?limit=5");
    expect(body.runs[0]).toMatchObject({ run: 3, cut: "local-1_256_0" });
    for (const limit of ["0", "1001", "x"]) {
      const { status, body } = await ask(`/api/v1/batch/runs?limit=${limit}`);
      expect([status, body.field]).toEqual([400, "limit"]);
    }
  });

  it("starts a run, or tells that nothing is new", async () => {
    const { ask, asked } = api();
    const post = (path: string, body?: string) =>
      ask(path, {
        ...{ method: "POST", body },
        headers: body ? { "content-type": "application/json" } : {},
      });
    expect((await post("/api/v1/batch/runs")).body).toEqual({ run: null });
    expect((await post("/api/v1/batch/runs", '{"full":true}')).body.run.cut).toBe("local-1_256_0");
    expect((await post("/api/v1/batch/runs?full=true")).body.run.run).toBe(3);
    expect(asked.run).toEqual({ full: true });
    for (
      const [path, body, field] of [
        ["/api/v1/batch/runs", '{"full":1}', "full"],
        ["/api/v1/batch/runs", '{"all":true}', "all"],
        ["/api/v1/batch/runs", "[]", "body"],
        ["/api/v1/batch/runs", "{", "body"],
        ["/api/v1/batch/runs?topic=x", undefined, "topic"],
        ["/api/v1/batch/runs?fully=true", undefined, "fully"],
      ]
    ) {
      const answer = await post(path!, body);
      expect([answer.status, answer.body.field]).toEqual([400, field]);
    }
  });
});

describe("the other routes", () => {
  it("tell status and health", async () => {
    const { ask } = api();
    expect((await ask("/api/v1/status")).body).toEqual(someStatus);
    expect((await ask("/healthz")).body).toEqual({ status: "ok" });
    expect((await ask("/readyz")).status).toBe(200);
  });

  it("are not ready with the problems told", async () => {
    const problems = ["partition 0 stopped"];
    const status = () => Promise.resolve({ ...someStatus, ready: false, problems });
    const answer = await api({ status }).ask("/readyz");
    expect([answer.status, answer.body.problems]).toEqual([503, problems]);
    expect((await api({ status }).ask("/healthz")).status).toBe(200);
  });

  it("are 404 where there is none", async () => {
    for (const path of ["/api", "/api/v1", "/api/v2/metrics", "/nothing"]) {
      const { status, type, body } = await api().ask(path);
      expect([status, type, body.instance]).toEqual([404, "application/problem+json", path]);
    }
    const { status, body } = await api().ask("/api/v1/metrics/x");
    expect([status, body.field]).toEqual([404, "metric"]);
  });

  it("are 405 with what is allowed", async () => {
    for (
      const [method, path, allow] of [
        ["GET", "/api/v1/events", "POST"],
        ["DELETE", "/api/v1/metrics/x", "GET, HEAD"],
        ["PUT", "/api/v1/batch/runs", "GET, HEAD, POST"],
        ["POST", "/healthz", "GET, HEAD"],
      ]
    ) {
      const { status, response } = await api().ask(path, { method });
      expect([status, response.headers.get("allow")]).toEqual([405, allow]);
    }
  });

  it("answer HEAD without a body", async () => {
    const { status, body } = await api().ask("/healthz", { method: "HEAD" });
    expect([status, body]).toEqual([200, null]);
  });
});
