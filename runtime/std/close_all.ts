/**
 * Closes things one after the other, each whether or not those before it could be closed.
 *
 * @param closings called in their order; each is awaited before the next.
 * @throws the error of the one that failed, or an AggregateError with all of them, once all are done.
 * @example
 * ```ts
 * import { closeAll } from "./close_all.ts";
 * const closed: string[] = [];
 * const failure = await closeAll([
 *   () => Promise.reject(new Error("the server is gone")),
 *   () => closed.push("file"),
 * ]).catch((error) => error.message);
 * if (closed.length !== 1 || failure !== "the server is gone") throw new Error("unexpected");
 * ```
 */
export async function closeAll(closings: Iterable<() => unknown>): Promise<void> {
  const errors: unknown[] = [];
  for (const close of closings) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) {
    const words = errors.map((error) => error instanceof Error ? error.message : String(error));
    throw new AggregateError(errors, `Cannot close everything: ${words.join("; ")}`);
  }
}
