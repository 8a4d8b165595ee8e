import { describe, expect, it } from "testing";
import { searchFor } from "../../routes/(_shared)/search.ts";
import type { CatalogQuery, Services } from "../../runtime/ports/services.ts";
import { api } from "../support/asked_api.ts";
import { fakeServices } from "../support/fake_services.ts";
import { moviesInfo } from "../support/sample_answers.ts";

const entries = [
  { movie_id: 7, title: "The Steel Trap", genres: ["Drama"] },
  { movie_id: 9, title: "Steel", genres: ["Action"] },
  { movie_id: 12, title: "Man of Steel", genres: ["Action"] },
  { movie_id: 15, title: "Steelyard Blues", genres: [] },
];
const columns = [
  { name: "movie_id", type: "uint32" },
  { name: "title", type: "string" },
  { name: "genres", type: "list" },
];
const asked: CatalogQuery[] = [];
const services = {
  ...fakeServices({}),
  serving: { metrics: () => [moviesInfo] },
  plugins: new Map([["popular_movies", {
    relations: { batch: "batch_popular_movies", speed: "stream_views", merged: "merged_views" },
  }]]),
  catalogs: {
    list: () => Promise.resolve([{ name: "movies", summary: "", columns, rows: 4, updated: null }]),
    get: (_name: string, query: CatalogQuery) => {
      asked.push(query);
      const items = entries.filter(({ title }) => title.toLowerCase().includes(query.search!));
      return Promise.resolve({ catalog: "movies", columns, items, next: null });
    },
  },
} as unknown as Services;
const find = (text: string, limit = 20) =>
  searchFor(services, text, limit, new AbortController().signal);

describe("the search", () => {
  it("lists the best matches first: a title, its beginning, its words, anything else", async () => {
    const { items, more } = await find("STEEL");
    expect(items.map(({ title }) => title)).toEqual([
      "Steel",
      "Steelyard Blues",
      "The Steel Trap",
      "Man of Steel",
    ]);
    expect(more).toBe(false);
    expect(items[0]).toEqual({
      kind: "entry",
      title: "Steel",
      detail: "Action · movie_id 9",
      url: "/plugins/popular_movies?q=9",
    });
  });

  it("finds metrics, measures and relations by title, name and summary", async () => {
    const { items } = await find("popular");
    expect(items.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["metric", "measure", "relation"]),
    );
    const relation = items.find(({ kind }) => kind === "relation")!;
    expect(new URL(relation.url, "http://x").searchParams.get("sql")).toBe(
      "SELECT *\nFROM batch_popular_movies\nLIMIT 20",
    );
    expect((await find("popular nothing")).items).toEqual([]);
  });

  it("gives pages and metrics without words, and says where there is more", async () => {
    const { items } = await find("");
    expect(new Set(items.map(({ kind }) => kind))).toEqual(new Set(["page", "metric"]));
    const { items: first, more } = await find("steel", 1);
    expect([first.length, more]).toEqual([1, true]);
  });

  it("answers through the API, which refuses a limit that is none", async () => {
    const { body } = await api().ask("/api/v1/search?q=log");
    expect(body.items[0]).toEqual({ kind: "page", title: "Log", detail: "/log", url: "/log" });
    const { status, body: fault } = await api().ask("/api/v1/search?q=log&limit=0");
    expect([status, fault.field]).toEqual([400, "limit"]);
  });
});
