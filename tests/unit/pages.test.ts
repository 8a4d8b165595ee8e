import { describe, expect, it } from "testing";
import { createApp } from "../../routes/app.ts";
import { NotReadyError } from "../../runtime/errors.ts";
import type { Services } from "../../runtime/services.ts";
import { fakeServices, someStatus } from "../support/fake_services.ts";

async function page(over: Partial<Services> = {}): Promise<{ text: string; headers: Headers }> {
  const app = createApp(fakeServices(over), { report: () => {} });
  const response = await app.request("/");
  expect(response.status).toBe(200);
  return { text: await response.text(), headers: response.headers };
}

const emptyStatus = {
  ...someStatus,
  topics: [{ topic: "movies", log: "local-1", partitions: [] }],
  plugins: [],
};

describe("the first page", () => {
  it("shows the figures and the top rows without a script", async () => {
    const { text } = await page();
    expect(text).toContain('<html lang="en">');
    expect(text).toContain('data-live="lag">10<');
    expect(text).toContain("12,345");
    expect(text).toContain('href="/api/v1/metrics/popular_movies?layer=merged&amp;limit=10"');
  });

  it("has a strict policy and nothing inline that it would forbid", async () => {
    const { text, headers } = await page();
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'self';/);
    expect(text).not.toMatch(/<style| style=|<script(?![^>]* src=)| on[a-z]+=/);
  });

  it("shows problems plainly and escapes what it is told", async () => {
    const problems = ["the disk is full <script>"];
    const { text } = await page({
      status: () => Promise.resolve({ ...someStatus, ready: false, problems }),
    });
    expect(text).toContain("the disk is full &lt;script");
    expect(text).toContain("Not ready");
  });

  it("says what to do next where the log is empty or no run was made", async () => {
    const { text } = await page({ status: () => Promise.resolve(emptyStatus) });
    expect(text).toContain("deno task dev");
    const plugins = someStatus.plugins.map((plugin) => ({ ...plugin, run: null }));
    const unrun = await page({ status: () => Promise.resolve({ ...someStatus, plugins }) });
    expect(unrun.text).toContain("deno task batch");
  });

  it("stands when the status and the metrics cannot be read", async () => {
    const { serving } = fakeServices();
    const fault = new NotReadyError("a batch run is due");
    const { text } = await page({
      status: () => Promise.reject(new Error("secret")),
      serving: { ...serving, query: () => Promise.reject(fault) },
    });
    expect(text).toContain("The status could not be read.");
    expect(text).toContain("a batch run is due");
    expect(text).not.toContain("secret");
  });
});

describe("createApp()", () => {
  const app = createApp(fakeServices(), { report: () => {} });

  it("serves the static files with their types", async () => {
    for (
      const [name, type] of [
        ["style.css", "text/css"],
        ["parts.css", "text/css"],
        ["live.js", "text/javascript"],
        ["icon.svg", "image/svg+xml"],
      ]
    ) {
      const response = await app.request(`/static/${name}`);
      expect([response.status, response.headers.get("content-type")])
        .toEqual([200, expect.stringContaining(type)]);
      await response.body?.cancel();
      const headers = { "if-none-match": response.headers.get("etag")! };
      expect((await app.request(`/static/${name}`, { headers })).status).toBe(304);
    }
  });

  it("serves nothing else from the folder or above it", async () => {
    for (const path of ["/static/none.css", "/static/..%2fdeno.json", "/static/%2e%2e/deno.json"]) {
      const response = await app.request(path);
      expect(response.status).toBe(404);
      await response.body?.cancel();
    }
  });

  it("serves the API with its own policy, and problem details for what there is not", async () => {
    const api = await app.request("/api/v1/status");
    expect(api.headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
    await api.body?.cancel();
    const nothing = await app.request("/nothing");
    expect([nothing.status, nothing.headers.get("content-type")])
      .toEqual([404, "application/problem+json"]);
    await nothing.body?.cancel();
  });
});
