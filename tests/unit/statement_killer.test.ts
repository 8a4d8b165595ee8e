import { describe, expect, it } from "testing";
import {
  killedOnAbort,
  NativeKillChannel,
  StatementKiller,
} from "../../runtime/warehouse/statement_killer.ts";

/** A channel whose connections do as they are told; what happened to them. */
function channelOf(opens: readonly ("refused" | "broken" | "whole")[]) {
  const events: string[] = [];
  let opened = 0;
  const channel = new NativeKillChannel(() => {
    const kind = opens[opened++];
    if (kind === "refused") return Promise.reject(new Error("no connection"));
    return Promise.resolve({
      run: (_sql, _format, params) => {
        events.push(`${kind}: kill ${params!.mark}`);
        if (kind === "broken") return Promise.reject(new Error("broken"));
        return Promise.resolve({ bytes: new Uint8Array(0), rowsRead: 0, rowsWritten: 0 } as never);
      },
      close: () => Promise.resolve(void events.push(`${kind}: closed`)),
    });
  });
  return { events, channel };
}

describe("NativeKillChannel", () => {
  it("opens another connection after one that could not be opened, or broke", async () => {
    const { events, channel } = channelOf(["refused", "broken", "whole"]);
    const killer = new StatementKiller(channel);
    for (const mark of ["a", "b", "c", "d"]) await killer.tell(mark);
    await killer.close();
    expect(events).toEqual([
      "broken: kill b",
      "broken: closed",
      "whole: kill c",
      "whole: kill d",
      "whole: closed",
    ]);
  });

  it("closes after a connection that could not be opened", async () => {
    const { channel } = channelOf(["refused"]);
    await expect(channel.send("a")).rejects.toThrow("no connection");
    await channel.close();
  });
});

describe("killedOnAbort", () => {
  it("gives nobody what a killed statement gives", async () => {
    const abort = new AbortController();
    const running = Promise.withResolvers<string>();
    const discarded: string[] = [];
    const awaited = killedOnAbort(
      running.promise,
      abort.signal,
      () => Promise.resolve(running.resolve("fewer rows")),
      (rows) => discarded.push(rows),
    );
    abort.abort(new Error("no longer wanted"));
    await expect(awaited).rejects.toThrow("no longer wanted");
    expect(discarded).toEqual(["fewer rows"]);
  });

  it("gives what a statement gave before it was to be killed", async () => {
    const abort = new AbortController();
    const kill = () => Promise.reject(new Error("killed"));
    expect(await killedOnAbort(Promise.resolve("rows"), abort.signal, kill)).toBe("rows");
    abort.abort();
  });
});
