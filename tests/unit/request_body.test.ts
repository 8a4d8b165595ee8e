import { describe, expect, it, vi } from "testing";
import { limitedBody } from "../../routes/api/request_body.ts";
import { api } from "../support/asked_api.ts";
import { fakeServices } from "../support/fake_services.ts";

const post = (body: BodyInit) => new Request("http://localhost/", { method: "POST", body });
const bytes = (count: number) => new Uint8Array(count);

/** A body whose first bytes come at once and whose others never do. */
const stalled = (first: number) => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes(first)),
    cancel: () => void (cancelled = true),
  });
  return { body, isCancelled: () => cancelled };
};

describe("limitedBody()", () => {
  it("gives a body as it is", async () => {
    const { stream, fault } = limitedBody(post("one\ntwo"), 100);
    expect(await new Response(stream).text()).toBe("one\ntwo");
    expect(fault()).toBe(null);
  });

  it("ends a body that stalls, and lets its connection go", async () => {
    const { body, isCancelled } = stalled(10);
    const { stream, fault } = limitedBody(post(body), 100, 5);
    await expect(new Response(stream).bytes()).rejects.toThrow("The body must come faster");
    expect(fault()?.kind).toBe("request-timeout");
    expect(isCancelled()).toBe(true);
  });

  it("does not count the time that the server takes", async () => {
    let left = 4;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => left-- > 0 ? controller.enqueue(bytes(1)) : controller.close(),
    });
    let nowMs = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    const { stream, fault } = limitedBody(post(body), 100, 10_000);
    let seen = 0;
    for await (const piece of stream) {
      seen += piece.length;
      nowMs += 10_000;
    }
    clock.mockRestore();
    expect([seen, fault()]).toEqual([4, null]);
  });
});

describe("requests with a body", () => {
  it("beyond the most that are answered at once are told to come back", async () => {
    const first = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const answer = { accepted: 0, rejected: [], rejected_total: 0, frontier: "f" };
    const ingest = async () => {
      begun.resolve();
      await first.promise;
      return answer;
    };
    const { ask } = api({ ...fakeServices(), ingest: { ingest } }, { maxBodies: 1 });
    const headers = { "content-type": "application/x-ndjson" };
    const send = () => ask("/api/v1/events", { method: "POST", body: "", headers });
    const held = send();
    await begun.promise;
    const refused = await send();
    expect([refused.status, refused.response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await ask("/api/v1/metrics")).status).toBe(200);
    first.resolve();
    expect((await held).status).toBe(200);
    expect((await send()).status).toBe(200);
  });
});
