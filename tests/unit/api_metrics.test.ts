import { describe, expect, it } from "testing";
import {
  DamagedError,
  ExternalError,
  NotReadyError,
  ProblemError,
  TwofoldError,
  UnansweredRangeError,
  UserError,
} from "../../runtime/std/errors.ts";
import { api, appOver, failing } from "../support/asked_api.ts";
import { fakeServices } from "../support/fake_services.ts";
import { moviesAnswer, moviesSeries } from "../support/sample_answers.ts";

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

  it("passes on parameters that every object has, and refuses those too that come twice", async () => {
    const services = api();
    for (const name of ["constructor", "__proto__", "toString"]) {
      await services.ask(`/api/v1/metrics/popular_movies?${name}=1`);
      expect(Object.entries(services.asked.query!.query.keys)).toEqual([[name, "1"]]);
      const { status, body } = await services.ask(`/api/v1/metrics/x?${name}=1&${name}=2`);
      expect([status, body.field]).toEqual([400, name]);
    }
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

  it("names a fault that waiting does not mend, and says nothing of coming back", async () => {
    const { status, body, response } = await api(failing(new DamagedError("t/a.parquet", "cut")))
      .ask("/api/v1/metrics/x");
    expect([status, body.type]).toEqual([500, "urn:twofold:problem:deployment-fault"]);
    expect(body.detail).toContain('"t/a.parquet" is damaged: cut');
    expect(response.headers.has("retry-after")).toBe(false);
  });

  it("names the problem that keeps a metric from being answered", async () => {
    const error = new ProblemError("plugin_refused", "Plugin x does not run");
    const reported: unknown[] = [];
    const { ask } = api(failing(error), { report: (fault) => reported.push(fault) });
    const { status, body, response } = await ask("/api/v1/metrics/x");
    expect(reported).toEqual([]);
    expect([status, body.type]).toEqual([503, "urn:twofold:problem:unavailable"]);
    expect([body.code, body.detail]).toEqual(["plugin_refused", "Plugin x does not run"]);
    expect(response.headers.has("retry-after")).toBe(false);
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

describe("a range that is not answered", () => {
  it("is refused with the nearest that is", async () => {
    const { serving } = fakeServices();
    const nearest = { from: "2024-01-01T10:00:00Z", to: null };
    const error = new UnansweredRangeError("from has no windows", { field: "from", nearest });
    const { ask } = api({ serving: { ...serving, query: () => Promise.reject(error) } });
    const { status, body } = await ask("/api/v1/metrics/popular_movies?from=2024-01-01T10:30Z");
    expect(status).toBe(400);
    expect(body).toMatchObject({ detail: "from has no windows", field: "from", nearest });
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

  it("link to the next page, and announce it in a header and a last line", async () => {
    const { serving } = fakeServices();
    const paged = { ...serving, query: () => Promise.resolve({ ...moviesAnswer, next: "abc" }) };
    const { response, text } = await api({ serving: paged }).ask(
      "/api/v1/metrics/popular_movies?format=csv&limit=2",
    );
    expect(response.headers.get("link")).toBe(
      '</api/v1/metrics/popular_movies?format=csv&limit=2&after=abc>; rel="next"',
    );
    expect(response.headers.get("x-twofold-truncated")).toBe("true");
    expect(text).toBe(`${csv}# There are more rows: ask for them with after=abc\r\n`);
    const whole = await api().ask("/api/v1/metrics/popular_movies?format=csv");
    expect([whole.response.headers.get("x-twofold-truncated"), whole.text]).toEqual([null, csv]);
  });

  it("name what the speed layer counts alone in a header", async () => {
    const { serving } = fakeServices();
    const speed_ranges = [
      { from: "2024-01-01T10:30:00Z", to: "2024-01-01T11:00:00Z" },
      { from: "2024-01-01T12:00:00Z", to: null },
    ];
    const edged = { ...serving, query: () => Promise.resolve({ ...moviesAnswer, speed_ranges }) };
    const path = "/api/v1/metrics/popular_movies?format=";
    const { ask } = api({ serving: edged });
    expect((await ask(`${path}csv`)).response.headers.get("x-twofold-speed-ranges"))
      .toBe("2024-01-01T10:30:00Z/2024-01-01T11:00:00Z, 2024-01-01T12:00:00Z/..");
    expect((await ask(`${path}json`)).body.speed_ranges).toEqual(speed_ranges);
    const plain = await api().ask(`${path}csv`);
    expect(plain.response.headers.get("x-twofold-speed-ranges")).toBeNull();
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

  it("follows nothing for a HEAD", async () => {
    let left = false;
    const { serving } = fakeServices();
    const { app } = appOver({
      serving: {
        ...serving,
        live(metric, query, options) {
          options.signal.addEventListener("abort", () => left = true);
          return serving.live(metric, query, options);
        },
      },
    });
    const path = "/api/v1/metrics/popular_movies/live";
    const { status, headers, body } = await app.request(path, { method: "HEAD" });
    expect([status, headers.get("content-type")]).toEqual([
      200,
      "text/event-stream; charset=utf-8",
    ]);
    expect([body, left]).toEqual([null, true]);
  });

  it("refuses what has no place in it", async () => {
    const { status, body } = await api().ask("/api/v1/metrics/popular_movies/live?wait_for=x");
    expect([status, body.field]).toEqual([400, "wait_for"]);
  });
});
