/**
 * ClickHouse's HTTP interface over libchdb. No package registry has a ClickHouse server;
 * `tests/support/clickhouse_front.ts` says what this stands for and what not.
 */
import { resolve } from "node:path";
import type { Service } from "./service.ts";

const FRONT = resolve(import.meta.dirname!, "../../tests/support/clickhouse_front.ts");

/** The engine is ClickHouse's own; the HTTP server in front of it is not. */
export const clickhouse: Service = {
  name: "clickhouse",
  title: "ClickHouse's HTTP interface over libchdb (no real server)",
  needs: [],
  innerPortCount: 0,
  hasPassword: true,
  install: () => Promise.resolve(),
  launch: (_cache, data, { port, user, password }) =>
    Promise.resolve({
      program: Deno.execPath(),
      args: ["run", "-A", FRONT, "--port", String(port), "--data", data],
      env: { FRONT_USER: user, FRONT_PASSWORD: password },
    }),
  async isReady({ port }) {
    const answer = await fetch(`http://127.0.0.1:${port}/ping`);
    return (await answer.text()) === "Ok.\n";
  },
  settings: ({ port, user, password }) => ({
    TWOFOLD_CLICKHOUSE_URL: `http://127.0.0.1:${port}`,
    TWOFOLD_CLICKHOUSE_USER: user,
    TWOFOLD_CLICKHOUSE_PASSWORD: password,
  }),
};
