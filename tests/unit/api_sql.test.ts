import { describe, expect, it } from "testing";
import { createApi } from "../../routes/api/api.ts";
import { UserError } from "../../runtime/std/errors.ts";
import type { SqlConsole, SqlEnd } from "../../runtime/ports/services.ts";
import { api } from "../support/asked_api.ts";
import { fakeServices, fakeSql } from "../support/fake_services.ts";
import { someSqlAnswer } from "../support/sample_answers.ts";

describe("POST /api/v1/sql", () => {
  it("runs a statement and tells what is wrong with a question", async () => {
    const { ask, asked } = api();
    const headers = { "content-type": "application/json" };
    const post = (body: unknown) =>
      ask("/api/v1/sql", { method: "POST", body: JSON.stringify(body), headers });
    expect((await post({ sql: "SELECT 1 AS one", limit: 5 })).body.rows).toEqual([{ one: 1 }]);
    expect(asked.sql).toMatchObject({ sql: "SELECT 1 AS one", limit: 5 });
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

  it("takes the statement itself as plain text, and limit and after as parameters", async () => {
    const { ask, asked } = api();
    const post = (path: string, type = "text/plain; charset=utf-8") =>
      ask(path, {
        method: "POST",
        body: "SELECT 1 AS one -- 1",
        headers: { "content-type": type },
      });
    expect((await post("/api/v1/sql?limit=5&after=10")).body.rows).toEqual([{ one: 1 }]);
    expect(asked.sql).toMatchObject({ sql: "SELECT 1 AS one -- 1", limit: 5, after: "10" });
    expect((await post("/api/v1/sql?limit=many")).body.field).toBe("limit");
    expect((await post("/api/v1/sql?more=1")).body.field).toBe("more");
    expect((await post("/api/v1/sql", "text/html")).status).toBe(415);
  });
});

describe("a large answer of POST /api/v1/sql", () => {
  const columns = [{ name: "n", type: "UInt64" }];
  const block = Array.from({ length: 20_000 }, (_, n) => ({ n }));
  /** So many blocks, then the end; `made` counts them. */
  function console(count: number, end: () => SqlEnd, made = { blocks: 0, ended: false }) {
    const blocks = (async function* () {
      try {
        while (made.blocks < count) {
          made.blocks++;
          yield await Promise.resolve(block);
        }
        return end();
      } finally {
        made.ended = true;
      }
    })();
    const sql: SqlConsole = {
      ...fakeSql(someSqlAnswer),
      open: () => Promise.resolve({ columns, blocks }),
    };
    const send = (format: string) =>
      createApi(fakeServices({ sql })).request(`/api/v1/sql?format=${format}`, {
        method: "POST",
        body: "SELECT 1",
        headers: { "content-type": "text/plain" },
      });
    return { send, made };
  }
  const cut = (): SqlEnd => ({ truncated: true, next: "60000", seconds: 1 });
  const fail = (): SqlEnd => {
    throw new UserError("Cannot run the SQL: it took longer than 30 s");
  };

  it("is whole, as JSON and as CSV", async () => {
    const json = await (await console(3, cut).send("json")).json();
    expect(json.rows).toHaveLength(60_000);
    expect([json.rows[20_001], json.truncated, json.next]).toEqual([{ n: 1 }, true, "60000"]);
    const lines = (await (await console(3, cut).send("csv")).text()).split("\r\n");
    expect(lines).toHaveLength(1 + 60_000 + 2);
    expect(lines.slice(-2)).toEqual(["# There are more rows: ask for them with after=60000", ""]);
  });

  it("is made as it is read, and ends with its reader", async () => {
    const { send, made } = console(1000, cut);
    const { body } = await send("json");
    const reader = body!.getReader();
    for (let parts = 0; parts < 3; parts++) await reader.read();
    await reader.cancel();
    expect(made.blocks).toBeLessThan(10);
    expect(made.ended).toBe(true);
  });

  it("that fails on its way is no JSON and says why; CSV says so in its last line", async () => {
    const text = await (await console(3, fail).send("json")).text();
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(text.endsWith('],"error":"Cannot run the SQL: it took longer than 30 s"')).toBe(true);
    const { body } = await console(3, fail).send("csv");
    let csv = "";
    await expect((async () => {
      for await (const part of body!.pipeThrough(new TextDecoderStream())) csv += part;
    })()).rejects.toThrow("it took longer than 30 s");
    expect(csv.endsWith("# The rows end here: Cannot run the SQL: it took longer than 30 s\r\n"))
      .toBe(true);
  });
});

describe("POST /api/v1/sql as CSV", () => {
  const told: readonly [truncated: boolean, header: string | null, last: string][] = [
    [true, "true", "# There are more rows\r\n"],
    [false, null, ""],
  ];
  it.each(told)(
    "says by a header and a last line whether there were more rows: %s",
    async (truncated, header, last) => {
      const { ask } = api({ sql: fakeSql({ ...someSqlAnswer, truncated }) });
      const asking = {
        method: "POST",
        body: '{"sql":"SELECT 1 AS one","limit":1}',
        headers: { "content-type": "application/json" },
      };
      const { response, text } = await ask("/api/v1/sql?format=csv", asking);
      expect(response.headers.get("x-twofold-truncated")).toBe(header);
      expect(text).toBe(`one\r\n1\r\n${last}`);
      const json = await ask("/api/v1/sql", asking);
      expect(json.response.headers.get("x-twofold-truncated")).toBe(null);
    },
  );
});
