import { describe, expect, it } from "testing";
import { api } from "../support/asked_api.ts";
import { someDeadLetter, someStatus } from "../support/sample_answers.ts";
import { problemOf } from "../support/problem.ts";

describe("/api/v1/plugins/reload", () => {
  it("loads the plugins again and lists what changed", async () => {
    const { ask } = api();
    const { status, body } = await ask("/api/v1/plugins/reload", { method: "POST" });
    expect([status, body]).toEqual([200, {
      added: ["stars"],
      changed: [],
      removed: ["gone"],
      refused: [{ plugin: "wrong", file: "plugins/wrong.ts", faults: ["no such luck"] }],
      loaded_files: ["plugins/lines.format.ts"],
      removed_files: [],
      refused_files: [{ file: "plugins/made.source.ts", faults: ["nor here"] }],
    }]);
  });
});

describe("/api/v1/plugins/{name}", () => {
  it("pauses, resumes and drops a metric", async () => {
    const { ask, asked } = api();
    const post = (verb: string, body: object) =>
      ask(`/api/v1/plugins/popular_movies/${verb}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
    expect((await post("pause", { by: "ada" })).body)
      .toEqual({ plugin: "popular_movies", paused: true });
    expect(asked.lifecycle).toEqual(["pause", "popular_movies", "ada"]);
    expect((await post("resume", { by: "ada" })).body.paused).toBe(false);
    expect((await post("drop", {})).body.removed).toContain("batch_popular");
    const { status, body } = await post("pause", {});
    expect([status, body.field]).toEqual([400, "by"]);
  });

  it("rebuilds a metric, or tells what that would read", async () => {
    const { ask, asked } = api();
    const post = (body: object) =>
      ask("/api/v1/plugins/popular_movies/rebuild", {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
    const days = { from: "2024-01-01", to: "2024-01-02" };
    const reads = { days: 2, files: 3, events: 1200, bytes: 4096 };
    expect((await post({ ...days, dry_run: true })).body).toEqual({
      dry_run: true,
      reads,
      days_outside: ["2024-01-05"],
      run: null,
    });
    expect(asked.lifecycle).toEqual([
      "rebuild",
      "popular_movies",
      JSON.stringify({ ...days, dry_run: true }),
    ]);
    const { body } = await post({});
    expect(body).toMatchObject({ reads, run: { run: 3, cut: "local-1_256_0" } });
    for (const wrong of [{ from: 3 }, { day: "2024-01-01" }]) {
      expect((await post(wrong)).status).toBe(400);
    }
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
        method: "POST",
        body,
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

  it("cancels a run", async () => {
    const { ask, asked } = api();
    const cancel = (run: string, body: object, query = "") =>
      ask(`/api/v1/batch/runs/${run}/cancel${query}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
    const { status, body } = await cancel("4", { by: "ada" });
    expect([status, body.run.run, body.run.state]).toEqual([200, 4, "cancelled"]);
    expect(asked.cancelled).toEqual({ run: 4, by: "ada" });
    expect((await cancel("4", {})).body.field).toBe("by");
    expect((await cancel("four", { by: "ada" })).status).toBe(400);
    expect((await cancel("4", { by: "ada" }, "?topic=x")).body.field).toBe("topic");
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
    const problems = [problemOf("partition 0 stopped")];
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

describe("lists of records", () => {
  it("tell events with where they go on", async () => {
    const { body } = await api().ask("/api/v1/events?limit=2");
    expect(body.events.map((event: { kind: string }) => event.kind)).toEqual(["event", "tick"]);
    expect([body.next, body.newest, body.scanned]).toEqual([null, "position", null]);
  });

  it("tell one record with its bytes", async () => {
    const { ask } = api();
    const { body } = await ask("/api/v1/events/movies/0/1");
    expect([body.kind, atob(body.base64)]).toEqual(["event", body.text]);
    const headers = { accept: "application/octet-stream" };
    const { response, text } = await ask("/api/v1/events/movies/0/1", { headers });
    expect(response.headers.get("content-disposition")).toBe('attachment; filename="0-1.bin"');
    expect(text).toBe(body.text);
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

describe("dead letters", () => {
  it("are counted by reason, as JSON and as CSV", async () => {
    const { ask } = api();
    const { body } = await ask("/api/v1/dead-letters/reasons?field=rating");
    expect(body.reasons).toMatchObject([{ reason: "rating must be at most 10", letters: 1200 }]);
    const { text } = await ask("/api/v1/dead-letters/reasons?format=csv");
    expect(text).toContain("topic,field,reason,letters,first,last\r\n");
  });

  it("are exported with their bytes, as NDJSON and as CSV", async () => {
    const { ask } = api();
    const { text, type } = await ask("/api/v1/dead-letters/export");
    expect(type).toBe("application/x-ndjson");
    expect(text.trimEnd().split("\n").map((line) => JSON.parse(line))).toEqual([
      { ...someDeadLetter, text: "{\ufffdn\0k", base64: "e/9uAGs=" },
    ]);
    const csv = await ask("/api/v1/dead-letters/export?as=csv&field=rating");
    expect(csv.text.split("\r\n")[0]).toContain("topic,log,partition,offset,append_time");
    expect(csv.text).toContain("e/9uAGs=");
    expect(csv.response.headers.get("content-disposition")).toContain("dead_letters.csv");
    const wrong = await ask("/api/v1/dead-letters/export?as=xml");
    expect([wrong.response.status, wrong.body.field, wrong.body.detail]).toEqual([
      400,
      "as",
      'Cannot export dead letters: as must be ndjson or csv, got "xml"',
    ]);
  });

  it("are redriven by who may write", async () => {
    const { ask, asked } = api();
    const post = (body: object) =>
      ask("/api/v1/dead-letters/redrive", {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
    const { status, body } = await post({ partition: 0, set: { rating: 10 }, by: "ada" });
    expect([status, body.sent, body.refused_total]).toEqual([200, 1, 1]);
    expect(asked.redrive).toEqual({ partition: "0", set: { rating: 10 }, by: "ada" });
    for (const [wrong, field] of [[{ everything: true }, "everything"], [{ all: 1 }, "all"]]) {
      const answer = await post(wrong as object);
      expect([answer.status, answer.body.field]).toEqual([400, field]);
    }
  });
});

describe("PUT /api/v1/catalogs/{name}", () => {
  it("hands rows over in their format", async () => {
    const { ask, asked } = api();
    const put = (type: string) =>
      ask("/api/v1/catalogs/movies", {
        method: "PUT",
        body: "a",
        headers: { "content-type": type },
      });
    expect((await put("text/csv")).body).toEqual({ catalog: "movies", rows: 1 });
    expect(asked.put).toEqual({ catalog: "movies", text: "a", format: "csv" });
    expect((await put("text/plain")).status).toBe(415);
    expect((await ask("/api/v1/catalogs/x")).status).toBe(404);
  });
});

describe("GET /metrics", () => {
  it("tells the status to Prometheus", async () => {
    const { type, text } = await api().ask("/metrics");
    expect(type).toContain("version=0.0.4");
    expect(text).toContain('twofold_log_lag_records{topic="movies",partition="0"} 10\n');
    expect(text).toContain("# TYPE twofold_speed_late_events_total counter\n");
    expect(text).toContain('twofold_batch_run_seconds{topic="movies",plugin="popular_movies"} 1.5');
    expect(text).toContain('twofold_sql_statements{state="running"} 1\n');
    expect(text).toContain("twofold_sql_stuck_statements_total 0\n");
    expect(text).toContain('twofold_memory_bytes{part="heap_used",thread="engine"} 10000000\n');
    expect(text).toContain('twofold_memory_bytes{part="engine",thread=""} 60000000\n');
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("GET /api/v1/status/memory", () => {
  it("tells the parts of the memory", async () => {
    const { body } = await api().ask("/api/v1/status/memory");
    expect(body).toMatchObject({ resident_bytes: 440_000_000, anonymous_bytes: 180_000_000 });
    expect(body.parts).toContainEqual({ part: "engine", thread: null, bytes: 60_000_000 });
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

  it("refers to known schemas", async () => {
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
