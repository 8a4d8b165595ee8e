import { describe, expect, fc, it } from "testing";
import { UserError } from "../../runtime/std/errors.ts";
import type { ObjectStore } from "../../runtime/ports/ports.ts";

/** How the suite makes a store of one adapter. */
export interface ObjectStoreFixture {
  open(): Promise<ObjectStore> | ObjectStore;
  dispose?(): Promise<void> | void;
}

const text = (value: string) => new TextEncoder().encode(value);

async function names(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of store.list(prefix, after)) found.push(name);
  return found;
}

/** What every adapter of `ObjectStore` has to do. `make` gives each test an empty store. */
export function objectStoreSuite(name: string, make: () => ObjectStoreFixture): void {
  async function withStore(test: (store: ObjectStore) => Promise<void>): Promise<void> {
    const fixture = make();
    try {
      await test(await fixture.open());
    } finally {
      await fixture.dispose?.();
    }
  }

  describe(`ObjectStore: ${name}`, () => {
    it("get() returns the bytes of the last put(), null for a name that is not there", () =>
      withStore(async (store) => {
        expect(await store.get("a/b=1/c.bin")).toBe(null);
        expect(await store.put("a/b=1/c.bin", text("first"))).toBe(true);
        expect(await store.put("a/b=1/c.bin", text("2"))).toBe(true);
        expect(await store.get("a/b=1/c.bin")).toEqual(text("2"));
        expect(await store.get("a/b=1")).toBe(null);
        expect(await store.get("a/b=1/c.bin/d")).toBe(null);
        await store.put("empty", new Uint8Array(0));
        expect((await store.get("empty"))?.length).toBe(0);
      }));

    it("put() stores a range of a larger buffer and a megabyte", () =>
      withStore(async (store) => {
        const large = new Uint8Array(1 << 20).map((_, i) => i * 31);
        await store.put("large", large);
        await store.put("range", large.subarray(5, 9));
        expect(await store.get("large")).toEqual(large);
        expect(await store.get("range")).toEqual(large.slice(5, 9));
      }));

    it("stream() gives the same bytes, null for a name that is not there, and may be left early", () =>
      withStore(async (store) => {
        const large = new Uint8Array(1 << 20).map((_, i) => i * 31);
        await store.put("a/large", large);
        expect(await new Response(await store.stream("a/large")).bytes()).toEqual(large);
        expect(await store.stream("a/none")).toBe(null);
        expect(await store.stream("a")).toBe(null);
        const reader = (await store.stream("a/large"))!.getReader();
        expect((await reader.read()).value!.length).toBeGreaterThan(0);
        await reader.cancel();
      }));

    it("put() with ifAbsent lets exactly one of many win", () =>
      withStore(async (store) => {
        const won = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            store.put("runs/1", text(`writer ${i}`), { ifAbsent: true })),
        );
        expect(won.filter(Boolean).length).toBe(1);
        expect(await store.get("runs/1")).toEqual(text(`writer ${won.indexOf(true)}`));
        expect(await store.put("runs/1", text("late"), { ifAbsent: true })).toBe(false);
        expect(await names(store, "")).toEqual(["runs/1"]);
      }));

    it("remove() removes, and is no error for a name that is not there", () =>
      withStore(async (store) => {
        await store.put("a/b", text("1"));
        await store.remove("a/b");
        await store.remove("a/b");
        await store.remove("never/there");
        expect(await store.get("a/b")).toBe(null);
        expect(await store.put("a/b", text("2"), { ifAbsent: true })).toBe(true);
      }));

    it("list() is in byte order of the full names, also where folders and files mix", () =>
      withStore(async (store) => {
        const all = ["a-b/x", "a-b.c", "a.b", "a/b", "a/b-c/d", "a/b.c", "a0", "B", "a=1/z", "_a"];
        for (const object of all) await store.put(object, text(object));
        const sorted = [...all].sort();
        expect(await names(store, "")).toEqual(sorted);
        expect(await names(store, "a")).toEqual(sorted.filter((n) => n.startsWith("a")));
        expect(await names(store, "a/")).toEqual(["a/b", "a/b-c/d", "a/b.c"].sort());
        expect(await names(store, "a/b.")).toEqual(["a/b.c"]);
        expect(await names(store, "none/such/")).toEqual([]);
        expect(await names(store, "", "a/b")).toEqual(sorted.filter((n) => n > "a/b"));
        expect(await names(store, "a", "a-")).toEqual(sorted.filter((n) => n > "a-" && n > "a"));
      }));

    it("list() tells sizes", () =>
      withStore(async (store) => {
        await store.put("x/1", text("12345"));
        for await (const object of store.list("x/")) {
          expect(object).toEqual({ name: "x/1", sizeBytes: 5 });
        }
      }));

    it("list() equals filtering and sorting all names (property)", async () => {
      const segment = fc.constantFrom("a", "a-", "a.b", "a0", "b", "a=1", "A", "_");
      const object = fc.array(segment, { minLength: 1, maxLength: 3 })
        .map((segments) => [...segments.slice(0, -1), `${segments.at(-1)}.f`].join("/"));
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(object, { maxLength: 12 }),
          fc.array(segment, { maxLength: 2 }).map((segments) => segments.join("/")),
          fc.option(object, { nil: undefined }),
          (objects, prefix, after) =>
            withStore(async (store) => {
              for (const each of objects) await store.put(each, text("1"));
              const wanted = objects.sort().filter((n) =>
                n.startsWith(prefix) && (after === undefined || n > after)
              );
              expect(await names(store, prefix, after)).toEqual(wanted);
            }),
        ),
        { numRuns: 40, seed: 11 },
      );
    });

    it("names that could leave the store are refused", () =>
      withStore(async (store) => {
        const wrong = [
          "",
          "/a",
          "a/",
          "a//b",
          "../a",
          "a/../b",
          ".",
          "a b",
          "ä",
          "a\0",
          "a\\b",
          "~a",
        ];
        for (const object of wrong) {
          await expect(store.put(object, text("1"))).rejects.toThrow(UserError);
          await expect(store.get(object)).rejects.toThrow(UserError);
          await expect(store.remove(object)).rejects.toThrow(UserError);
        }
        await expect(names(store, "../")).rejects.toThrow(UserError);
        expect(() => store.tableFunction("../*.parquet", "a Int8")).toThrow(UserError);
        expect(() => store.tableFunction("a'b/*.parquet", "a Int8")).toThrow(UserError);
      }));

    it("tableFunction() quotes its structure", () =>
      withStore((store) => {
        const call = store.tableFunction("dt={a,b}/*.parquet", "e Enum8('a\\b' = 1)");
        expect(call).toContain("e Enum8(\\'a\\\\b\\' = 1)");
        expect(call).toContain("dt={a,b}/*.parquet");
        return Promise.resolve();
      }));
  });
}
