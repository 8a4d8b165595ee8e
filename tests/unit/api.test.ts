import { describe, expect, it } from "testing";
import { ExternalError, NotReadyError, TwofoldError, UserError } from "../../runtime/errors.ts";
import type { Services } from "../../runtime/services.ts";
import { type ApiOptions, createApi } from "../../routes/api/api.ts";
import {
  fakeServices,
  moviesAnswer,
  moviesSeries,
  someDeadLetter,
  someStatus,
} from "../support/fake_services.ts";

const ndjson = { "content-type": "application/x-ndjson" };

function appOver(over: Partial<Services> = {}, options: ApiOptions = {}) {
  const services = fakeServices(over);
  return { services, app: createApi(services, { report: () => {}, ...options }) };
}

function api(over: Partial<Services> = {}, options: ApiOptions = {}) {
  const { services, app } = appOver(over, options);
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await app.request(path, init);
    const text = await response.text();
    const type = response.headers.get("content-type");
    const json = text !== "" && type !== null && type.includes("json");
    return { response, status: response.status, type, text, body: json ? JSON.parse(text) : null };
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
    for (const query of ["", "?format=xml"]) {
      const headers = { "content-type": "text/plain" };
      const post = { method: "POST", body: "x", headers };
      const { status, body } = await ask(`/api/v1/events${query}`, post);
      expect([status, body.field]).toEqual([400, "format"]);
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
    for (const [method, path] of [["PUT", "/api/v1/catalogs/movies"], ["POST", "/api/v1/sql"]]) {
      expect((await ask(path, { method, body: "", headers: ndjson })).status).toBe(401);
    }
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
    expect(response.headers.get("cache-control")).toBe("no-cache");
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
        ["PUT", "/api/v1/events", "POST, GET, HEAD"],
        ["POST", "/api/v1/catalogs/movies", "GET, HEAD, PUT"],
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

describe("answers as CSV", () => {
  const csv = "movie_id,view_count\r\n7,12345\r\n9,6\r\n";

  it("come by Accept or by format, which wins", async () => {
    const { ask } = api();
    const path = "/api/v1/metrics/popular_movies";
    const byAccept = await ask(path, { headers: { accept: "text/csv" } });
    expect([byAccept.type, byAccept.text]).toEqual(["text/csv; charset=utf-8", csv]);
    expect(byAccept.response.headers.get("vary")).toContain("Accept");
    expect((await ask(`${path}?format=csv`)).text).toBe(csv);
    const both = await ask(`${path}?format=json`, { headers: { accept: "text/csv" } });
    expect(both.body).toEqual(moviesAnswer);
    const { status, body } = await ask(`${path}?format=xml`);
    expect([status, body.field]).toEqual([400, "format"]);
  });

  it("link to the next page", async () => {
    const { serving } = fakeServices();
    const paged = { ...serving, query: () => Promise.resolve({ ...moviesAnswer, next: "abc" }) };
    const { response } = await api({ serving: paged }).ask(
      "/api/v1/metrics/popular_movies?format=csv&limit=2",
    );
    expect(response.headers.get("link")).toBe(
      '</api/v1/metrics/popular_movies?format=csv&limit=2&after=abc>; rel="next"',
    );
  });

  it("quote what has to be, and write lists", async () => {
    const { text } = await api().ask("/api/v1/catalogs/movies?format=csv");
    expect(text).toBe('movie_id,title,genres\r\n7,"Up, up",Drama|War\r\n');
    const letters = await api().ask("/api/v1/dead-letters?format=csv");
    expect(letters.text.split("\r\n")[1]).toContain('"rating must be at most 10, got 11"');
  });
});

describe("answers that are known already", () => {
  it("are 304 with their ETag, whatever its strength", async () => {
    const { ask } = api();
    const path = "/api/v1/metrics/popular_movies";
    const etag = (await ask(path)).response.headers.get("etag")!;
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
    for (const known of [etag, etag.slice(2), `"x", ${etag}`, "*"]) {
      const { status, text, response } = await ask(path, { headers: { "if-none-match": known } });
      expect([status, text, response.headers.get("etag")]).toEqual([304, "", etag]);
      expect(response.headers.get("cache-control")).toBe("no-cache");
    }
    expect((await ask(path, { headers: { "if-none-match": '"x"' } })).status).toBe(200);
  });

  it("are never kept where they tell of now", async () => {
    const { response } = await api().ask("/api/v1/status");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("etag")).toBe(null);
  });
});

describe("GET /api/v1/metrics/{name}/series", () => {
  it("gives columns of numbers", async () => {
    const { body } = await api().ask("/api/v1/metrics/popular_movies/series?max_points=3");
    expect(body).toEqual(moviesSeries);
  });
});

describe("GET /api/v1/metrics/{name}/live", () => {
  it("streams updates with their ids", async () => {
    const { type, text } = await api().ask("/api/v1/metrics/popular_movies/live");
    expect(type).toBe("text/event-stream; charset=utf-8");
    const [retry, snapshot, change] = text.trim().split("\n\n");
    expect(retry).toMatch(/^retry: \d+$/);
    expect(snapshot.split("\n").slice(0, 2)).toEqual(["id: t-1", "event: snapshot"]);
    expect(change).toMatch(/^id: t-2\nevent: change\ndata: \{.*"removed":\[\{"movie_id":7\}\]\}$/);
  });

  it("goes on from the last id, by header or parameter", async () => {
    const { ask } = api();
    const path = "/api/v1/metrics/popular_movies/live";
    const byHeader = await ask(path, { headers: { "last-event-id": "t-1" } });
    const byParameter = await ask(`${path}?last_event_id=t-1`);
    for (const { text } of [byHeader, byParameter]) {
      expect(text).not.toContain("event: snapshot");
      expect(text).toContain("id: t-2");
    }
  });

  it("takes no update before the reader has room, and leaves when the reader does", async () => {
    let taken = 0;
    let left = false;
    const { serving } = fakeServices();
    const { app } = appOver({
      serving: {
        ...serving,
        live(_metric, _query, { signal }) {
          signal.addEventListener("abort", () => left = true);
          return Promise.resolve((async function* () {
            for (;; taken++) {
              yield {
                id: `t-${taken}`,
                kind: "snapshot" as const,
                answer: moviesAnswer,
                removed: [],
              };
            }
          })());
        },
      },
    });
    const response = await app.request("/api/v1/metrics/popular_movies/live");
    const reader = response.body!.getReader();
    for (let i = 0; i < 3; i++) await reader.read();
    expect(taken).toBeLessThanOrEqual(3);
    await reader.cancel();
    expect(left).toBe(true);
  });

  it("refuses what has no place in it", async () => {
    const { status, body } = await api().ask("/api/v1/metrics/popular_movies/live?wait_for=x");
    expect([status, body.field]).toEqual([400, "wait_for"]);
  });
});

describe("lists of records", () => {
  it("tell events with where they go on", async () => {
    const { body } = await api().ask("/api/v1/events?limit=2");
    expect(body.events.map((event: { kind: string }) => event.kind)).toEqual(["event", "tick"]);
    expect([body.next, body.newest]).toEqual([null, "position"]);
  });

  it("tell dead letters, and one with its bytes", async () => {
    const { ask } = api();
    expect((await ask("/api/v1/dead-letters")).body).toEqual({
      dead_letters: [someDeadLetter],
      next: "more",
    });
    const path = "/api/v1/dead-letters/movies/0/5";
    const { body } = await ask(path);
    expect([body.text, body.base64]).toEqual(["{\ufffdn\0k", "e/9uAGs="]);
    const { response, text } = await ask(path, { headers: { accept: "application/octet-stream" } });
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="0-5.bin"');
    expect(text).toContain("{");
  });
});

describe("PUT /api/v1/catalogs/{name}", () => {
  it("hands rows over in their format", async () => {
    const { ask, asked } = api();
    const put = (type: string) =>
      ask("/api/v1/catalogs/movies", {
        ...{ method: "PUT", body: "a" },
        headers: { "content-type": type },
      });
    expect((await put("text/csv")).body).toEqual({ catalog: "movies", rows: 1 });
    expect(asked.put).toEqual({ catalog: "movies", text: "a", format: "csv" });
    expect((await put("text/plain")).status).toBe(415);
    expect((await ask("/api/v1/catalogs/x")).status).toBe(404);
  });
});

describe("POST /api/v1/sql", () => {
  it("runs a statement and tells what is wrong with a question", async () => {
    const { ask, asked } = api();
    const headers = { "content-type": "application/json" };
    const post = (body: unknown) =>
      ask("/api/v1/sql", { method: "POST", body: JSON.stringify(body), headers });
    expect((await post({ sql: "SELECT 1 AS one", limit: 5 })).body.rows).toEqual([{ one: 1 }]);
    expect(asked.sql).toEqual({ sql: "SELECT 1 AS one", limit: 5 });
    const wrong: [unknown, string][] = [
      [{}, "sql"],
      [{ sql: "SELECT 1", limit: 0 }, "limit"],
      [{ sql: "SELECT 1", more: 1 }, "more"],
    ];
    for (const [question, field] of wrong) {
      const { status, body } = await post(question);
      expect([status, body.field]).toEqual([400, field]);
    }
  });
});

describe("GET /metrics", () => {
  it("tells the status to Prometheus", async () => {
    const { type, text } = await api().ask("/metrics");
    expect(type).toContain("version=0.0.4");
    expect(text).toContain('twofold_log_lag_records{topic="movies",partition="0"} 10\n');
    expect(text).toContain("# TYPE twofold_speed_late_events_total counter\n");
    expect(text).toContain('twofold_batch_run_seconds{topic="movies",plugin="popular_movies"} 1.5');
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("GET /api/v1/openapi.json", () => {
  it("documents every route with its parameters, answers and faults", async () => {
    const { body } = await api().ask("/api/v1/openapi.json");
    expect(body.openapi).toBe("3.1.0");
    const operations = Object.values(body.paths as Record<string, Record<string, Operation>>)
      .flatMap((methods) => Object.values(methods));
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids).toContain("getMetric");
    expect(new Set(ids).size).toBe(ids.length);
    for (const { summary, responses } of operations) {
      expect(summary).not.toBe("");
      expect(Object.keys(responses)).toContain("200");
      expect(Object.keys(responses)).toContain("400");
    }
  });

  it("refers to schemas that there are", async () => {
    const { text, body } = await api().ask("/api/v1/openapi.json");
    const names = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(20);
    for (const name of names) expect(Object.keys(body.components.schemas)).toContain(name);
  });
});

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly responses: Readonly<Record<string, unknown>>;
}
