import type { RecordPage, RecordQuery, RecordView } from "../ports/services.ts";
import type { Invocation } from "./invocation.ts";
import { openTarget } from "./open_target.ts";
import { Table } from "./table.ts";
import type { Target } from "./target.ts";
import type { World } from "./world.ts";

const POLL_MS = 500;
/** How many are asked for at once beyond the newest: the maximum. */
const FOLLOW_LIMIT = 1000;
const HEADINGS = ["appended", "partition", "offset", "kind", "record"];

/** Shows the newest records, oldest first, and with `follow` what comes in; returns the exit code. */
export async function eventsTailCommand({ flags, config, world }: Invocation): Promise<number> {
  await using target = await openTarget(config, world, { start: false });
  const { limit, topic, partition } = flags as Record<string, string | undefined>;
  const which = { topic, partition };
  const page = await target.records.list({ ...which, limit }, world.stop);
  const show = flags.json === true ? jsonLines(world) : tableLines(world);
  show(page.items.toReversed());
  if (flags.follow === true) await follow(target, page, which, show, world);
  return 0;
}

async function follow(
  target: Target,
  { newest }: RecordPage,
  which: Pick<RecordQuery, "topic" | "partition">,
  show: (records: readonly RecordView[]) => void,
  world: World,
): Promise<void> {
  const { clock, stop, out, err } = world;
  if (target.own) return err.write("No process runs, so nothing more can come in.\n");
  let after = newest;
  while (!stop.aborted && !out.closed) {
    const query = { ...which, after, limit: String(FOLLOW_LIMIT) };
    const page = await target.records.list(query, stop).catch((error) => {
      // Ctrl-C is how following ends.
      if (stop.aborted) return null;
      throw error;
    });
    if (page === null) return;
    show(page.items);
    after = page.newest;
    if (page.items.length < FOLLOW_LIMIT) await clock.sleep(POLL_MS, stop);
  }
}

function jsonLines({ out }: World): (records: readonly RecordView[]) => void {
  return (records) => {
    if (records.length === 0) return;
    out.write(records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  };
}

function tableLines({ out }: World): (records: readonly RecordView[]) => void {
  const right = [false, true, true, false, false];
  const table = new Table({ headings: HEADINGS, right, terminal: out });
  return (records) => {
    if (records.length === 0) return;
    out.write(table.text(records.map(({ append_time, partition, offset, kind, text }) => [
      append_time,
      String(partition),
      offset,
      kind,
      text,
    ])));
  };
}
