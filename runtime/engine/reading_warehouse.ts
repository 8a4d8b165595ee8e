import type { ReadableWarehouse } from "../ports/ports.ts";

/**
 * A warehouse for readers of speed rows and dead letters, whose statements find the tables up to date.
 *
 * @param fresh brings them up to date.
 */
export function readingWarehouse(
  warehouse: ReadableWarehouse,
  fresh: () => Promise<unknown>,
): ReadableWarehouse {
  return {
    database: warehouse.database,
    async query(...statement) {
      await fresh();
      return await warehouse.query(...statement);
    },
    async stream(...statement) {
      await fresh();
      return await warehouse.stream(...statement);
    },
  };
}
