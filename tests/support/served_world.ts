import { createApi } from "../../routes/api/api.ts";
import { type FakeWorld, fakeWorld } from "./fake_world.ts";

/** A world in which a process owns the data folder and serves the real API over fakes. */
export interface ServedWorld extends FakeWorld, AsyncDisposable {
  readonly url: string;
}

/** @param services the world whose engine the process has. Default: a new one. */
export function servedWorld(services: FakeWorld = fakeWorld()): ServedWorld {
  const { fetch } = createApi(services.engine);
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, fetch);
  const url = `http://127.0.0.1:${server.addr.port}`;
  return {
    ...fakeWorld({ owner: () => ({ pid: 4711, url }) }),
    url,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
