import { describe, expect, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { createApp } from "../../routes/app.ts";
import { createRecords } from "../../runtime/engine/records.ts";
import { fakeServices } from "../support/fake_services.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { loadSite } from "../support/site.ts";

const { topic } = movieViewing;
const RECORDS = 30_000;

/** The pages over a log of one partition; user 7 has the first and the last event. */
async function openSite() {
  const log = new MemoryLog({ partitions: 1, nowMs: Date.UTC(2024, 0, 2) });
  for (let i = 0; i < RECORDS; i++) {
    log.nowMs += 1000;
    log.place(0, {
      value: JSON.stringify({
        event_id: `<b>${i}</b>`,
        user_id: i % (RECORDS - 1) === 0 ? 7 : 8,
        movie_id: 2,
        event_type: "view",
        timestamp: "2024-01-01T00:00:00Z",
        duration: 1.5,
        rating: null,
      }),
    });
  }
  const records = createRecords([{ schema: movieViewing, log }]);
  const app = createApp(fakeServices({ records }), await loadSite(), { report: () => {} });
  return async (path: string) => {
    const response = await app.fetch(new Request(`http://localhost${path}`));
    return { status: response.status, text: await response.text() };
  };
}

const offsetsIn = (text: string) =>
  [...text.matchAll(/href="\/log\/[^/"]+\/0\/(\d+)"/g)].map(([, offset]) => Number(offset));

describe("the page of the log", () => {
  it("lists records up to an offset or a time, with older ones behind a link", async () => {
    const get = await openSite();
    const { text } = await get(`/log?topic=${topic}&partition=0&offset=1000`);
    expect([offsetsIn(text)[0], offsetsIn(text).at(-1)]).toEqual([1000, 951]);
    const older = /href="(\?[^"]*before=[^"]+)" rel="next"/.exec(text)![1].replaceAll("&amp;", "&");
    expect(offsetsIn((await get(`/log${older}`)).text)[0]).toBe(950);
    const timed = await get(`/log?topic=${topic}&time=2024-01-02T00:01:40`);
    expect(offsetsIn(timed.text)[0]).toBe(99);
  });

  it("searches for a value and says how far it got, without scripts too", async () => {
    const get = await openSite();
    const { text } = await get(`/log?topic=${topic}&field=user_id&value=7`);
    expect(offsetsIn(text)).toEqual([RECORDS - 1]);
    expect(text).toContain(
      "1 found. Scanned 20,000 of 30,000 records back to 2024-01-02 02:46:41.",
    );
    const more = /href="(\?[^"]*)">Search further back/.exec(text)![1].replaceAll("&amp;", "&");
    expect(offsetsIn((await get(`/log${more}`)).text)).toEqual([0]);
  });

  it("says which field or time is not one", async () => {
    const get = await openSite();
    expect((await get(`/log?topic=${topic}&time=noon`)).text).toContain("time must be an instant");
    expect((await get(`/log?topic=${topic}&field=user&value=7`)).text)
      .toContain("field must be one of event_id");
  });

  it("shows one record, or that the log holds none there", async () => {
    const get = await openSite();
    const { text } = await get(`/log/${topic}/0/12`);
    expect(text).toContain("&lt;b>12&lt;/b>");
    expect(text).toContain(`/log?topic=${topic}&amp;field=user_id&amp;value=8`);
    const gone = await get(`/log/${topic}/0/${RECORDS}`);
    expect([gone.status, gone.text.includes("the log holds none there")]).toEqual([404, true]);
  });
});
