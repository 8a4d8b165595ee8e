/** The embedded engine and `@clickhouse/client` over HTTP, on one folder in one process. */
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { openServerWarehouse } from "../../runtime/warehouse/server_warehouse.ts";
import { openFront } from "./clickhouse_front.ts";

/** The ways to reach ClickHouse. */
export const ways = ["embedded", "over HTTP"] as const;

/** One database, reached both ways. */
export interface BothWarehouses extends Readonly<Record<typeof ways[number], Warehouse>> {
  /** A folder of its own, beside the engine's. */
  readonly dir: string;
  close(): Promise<void>;
}

/** Opens a database in a folder of its own. */
export async function openBoth(database: string): Promise<BothWarehouses> {
  const root = await Deno.makeTempDir({ prefix: `${database}-` });
  const dir = `${root}/engine`;
  const embedded = await openEmbeddedWarehouse({ dir, database, memoryLimitBytes: 3e9 });
  const account = { user: "twofold", password: "secret" };
  const front = await openFront({ dir, port: 0, ...account });
  const url = `http://127.0.0.1:${front.port}`;
  const server = await openServerWarehouse({ url, database, ...account });
  return {
    dir: root,
    embedded,
    "over HTTP": server,
    close: async () => {
      await server.close();
      await front.close();
      await embedded.close();
      await Deno.remove(root, { recursive: true });
    },
  };
}
