import { UserError } from "../std/errors.ts";
import type { Invocation } from "./invocation.ts";
import { openTarget } from "./open_target.ts";
import { rowFormat, RowWriter } from "./rows.ts";

/** Runs one SELECT and shows its rows; returns the exit code. */
export async function sqlCommand(
  { positionals: [statement], flags, config, world }: Invocation,
): Promise<number> {
  const format = rowFormat(flags);
  const limit = readLimit(flags.limit as string | undefined);
  const sql = statement === "-" ? await new Response(world.input()).text() : statement;
  await using target = await openTarget(config, world, { start: false });
  const { columns, blocks } = await target.sql.open(sql, { limit, signal: world.stop });
  const writer = new RowWriter({ columns, format, world, beside: { columns } });
  while (true) {
    const block = await blocks.next();
    if (block.done) {
      writer.end(block.value.truncated ? "--limit shows more of them" : null, block.value);
      return 0;
    }
    writer.write(block.value);
    if (world.out.closed) await blocks.return({ truncated: true, next: null, seconds: 0 });
  }
}

/** @throws {UserError} where it is no whole number; its range is the console's to check. */
function readLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UserError(`Cannot run the SQL: --limit must be a whole number, got "${text}"`, {
    field: "limit",
  });
}
