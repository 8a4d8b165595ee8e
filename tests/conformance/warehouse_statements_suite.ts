/** What every warehouse has to do with several statements at once. */
import { describe, expect } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";

/** A test with an empty warehouse; `connections` is the most statements at once. */
export type WarehouseTest = (
  title: string,
  body: (warehouse: Warehouse) => Promise<void>,
  options?: { readonly connections?: number },
) => void;

/** A SELECT that runs until it is ended. */
/** Statements of a crowd, and how many of them run at a time. */
const STATEMENTS = 1200;
const TOGETHER = 12;
const ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 7";

/** Runs this part of the suite; `name` is what the tests are listed under. */
export function statementsAtOnce(name: string, test: WarehouseTest): void {
  describe(`${name}: statements at once`, () => {
    test("statements run side by side and each gets its own answer", async (warehouse) => {
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const answers = await Promise.all(
        numbers.map((n) =>
          warehouse.query("SELECT {n:UInt8} AS n, sleep(0.01)", { params: { n } })
        ),
      );
      expect(answers.map(([row]) => row.n)).toEqual(numbers);
    });
    test("an aborted query ends in the engine and frees its connection", async (warehouse) => {
      const reason = new Error("no longer wanted");
      for (const kind of ["query", "command"] as const) {
        const abort = new AbortController();
        const settings = { log_comment: `endless ${kind}` };
        const running = failure(warehouse[kind](ENDLESS, { signal: abort.signal, settings }));
        while (await countRunning(warehouse, settings.log_comment) === 0);
        abort.abort(reason);
        expect(await running).toBe(reason);
        while (await countRunning(warehouse, settings.log_comment) > 0);
      }
    }, { connections: 2 });
    test("a query may be aborted at any moment", async (warehouse) => {
      for (let turns = 0; turns < 12; turns++) {
        const abort = new AbortController();
        const running = failure(warehouse.query(ENDLESS, { signal: abort.signal }));
        for (let turn = 0; turn < turns; turn++) await new Promise((go) => setImmediate(go));
        abort.abort();
        expect(await running).toBe(abort.signal.reason);
      }
      expect(await warehouse.query("SELECT 1 AS x")).toEqual([{ x: 1 }]);
    }, { connections: 1 });
    test("statements beside aborted ones, and after them, get their own rows", async (warehouse) => {
      const wrong: unknown[] = [];
      const ask = async (n: number) => {
        const abort = new AbortController();
        const isAborted = n % 4 !== 0;
        const timer = isAborted ? setTimeout(() => abort.abort(), n % 7) : undefined;
        const sql = `SELECT number AS n${n % 13}, ${n} AS own FROM numbers(${20 + n % 500}) ` +
          "WHERE NOT ignore(sipHash128(number)) ORDER BY number % 17";
        try {
          const rows = await warehouse.query<{ own: number }>(sql, { signal: abort.signal });
          const isWhole = rows.length === 20 + n % 500 && rows.every(({ own }) => own === n);
          if (!isWhole) wrong.push([n, rows.length, rows[0]]);
        } catch (error) {
          if (!isAborted || error !== abort.signal.reason) wrong.push([n, String(error)]);
        } finally {
          clearTimeout(timer);
        }
      };
      for (let n = 0; n < STATEMENTS; n += TOGETHER) {
        await Promise.all(Array.from({ length: TOGETHER }, (_, i) => ask(n + i)));
      }
      expect(wrong).toEqual([]);
    });

    test("an aborted stream fails with the reason and frees its connection", async (warehouse) => {
      const abort = new AbortController();
      const sql = "SELECT number FROM numbers(1e12)";
      const stream = await warehouse.stream(sql, "RowBinary", { signal: abort.signal });
      const reader = stream.getReader();
      await reader.read();
      abort.abort();
      const error = await failure((async () => {
        while (!(await reader.read()).done);
      })());
      expect(error).toBe(abort.signal.reason);
      expect(await warehouse.query("SELECT 1 AS x")).toEqual([{ x: 1 }]);
    }, { connections: 1 });
    test("an aborted insert stores all or nothing and frees its connection", async (warehouse) => {
      await warehouse.command("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
      const size = 300_000, rows = new Uint8Array(8 * size);
      for (let turns = 0; turns < 30; turns += 3) {
        const abort = new AbortController();
        const inserting = warehouse.insert("t (n)", rows, { signal: abort.signal });
        const outcome = inserting.catch((error) => error);
        for (let turn = 0; turn < turns; turn++) await new Promise((go) => setImmediate(go));
        abort.abort();
        expect([undefined, abort.signal.reason]).toContain(await outcome);
        const [{ n }] = await warehouse.query<{ n: number }>("SELECT count() AS n FROM t");
        expect(n % size).toBe(0);
      }
      await warehouse.insert("t (n)", rows.subarray(0, 8));
    }, { connections: 1 });
    test("an aborted statement that waits for a connection never runs", async (warehouse) => {
      const first = new AbortController(), second = new AbortController();
      const running = failure(warehouse.query(ENDLESS, { signal: first.signal }));
      const waiting = failure(
        warehouse.command("CREATE TABLE never (x UInt8) ENGINE = Memory", {
          signal: second.signal,
        }),
      );
      second.abort();
      expect(await waiting).toBe(second.signal.reason);
      first.abort();
      await running;
      expect(await warehouse.query("EXISTS never")).toEqual([{ result: 0 }]);
    }, { connections: 1 });
    test("apart(): statements of the one do not wait for those of the other", async (warehouse) => {
      const other = warehouse.apart(1);
      const stop = new AbortController();
      const running = [warehouse, other].map((each) =>
        failure(each.query(ENDLESS, { signal: stop.signal }))
      );
      const third = warehouse.apart(1);
      expect(third.database).toBe(warehouse.database);
      expect(await third.query("SELECT 1 AS x")).toEqual([{ x: 1 }]);
      stop.abort();
      await Promise.all(running);
      await warehouse.close();
      for (const each of [other, third]) {
        expect((await failure(each.query("SELECT 1"))).message).toContain(
          "the warehouse is closed",
        );
      }
    }, { connections: 1 });
    test("settings of a statement do not reach the next one", async (warehouse) => {
      const read = "SELECT getSetting('max_block_size') AS size";
      const [{ size }] = await warehouse.query(read);
      const settings = { max_block_size: 77 };
      expect(await warehouse.query(read, { settings })).toEqual([{ size: 77 }]);
      await warehouse.command("SELECT 1", { settings });
      await failure(warehouse.query("SELECT nope", { settings }));
      for await (const _ of await warehouse.stream("SELECT 1", "CSV", { settings }));
      await warehouse.command("CREATE TABLE t (x UInt8) ENGINE = Memory");
      await warehouse.insert("t (x)", new Uint8Array(1), { settings });
      await warehouse.command(`${read} SETTINGS max_block_size = 78`);
      await warehouse.command("SET max_block_size = 79");
      expect(await warehouse.query(read)).toEqual([{ size }]);
    }, { connections: 1 });
    test("close() waits for a large result and cancels a stream nobody reads", async (warehouse) => {
      const stream = await warehouse.stream("SELECT number FROM numbers(1e12)", "RowBinary");
      const reading = warehouse.query("SELECT number FROM numbers(200000)");
      await warehouse.close();
      expect((await reading).length).toBe(200_000);
      const error = await failure((async () => {
        for await (const _ of stream);
      })());
      expect(error.message).toMatch(/closed/);
    });
    test("close() waits for a statement under way and refuses others", async (warehouse) => {
      const running = warehouse.query("SELECT 7 AS x, sleep(0.1)");
      const closed = warehouse.close();
      expect((await running)[0].x).toBe(7);
      await closed;
      expect((await failure(warehouse.query("SELECT 1"))).message).toMatch(/closed/);
    });
  });
}

/** What a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected a rejection, got a result");
}

async function countRunning(warehouse: Warehouse, comment: string): Promise<number> {
  const [{ n }] = await warehouse.query<{ n: number }>(
    "SELECT count() AS n FROM system.processes WHERE startsWith(Settings['log_comment'], {c:String})",
    { params: { c: comment } },
  );
  return n;
}
