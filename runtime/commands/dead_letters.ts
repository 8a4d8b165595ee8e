import type { Config } from "../settings/config.ts";
import { UserError } from "../std/errors.ts";
import type { AnswerColumn, DeadLetter } from "../ports/services.ts";
import { openTarget } from "./open_target.ts";
import { rowFormat, RowWriter } from "./rows.ts";
import { plain } from "./table.ts";
import { counted, paint } from "./text.ts";
import type { World } from "./world.ts";

type Flags = Readonly<Record<string, string | boolean>>;

/** A table has the address that `dead-letters show` takes; JSON and CSV have every field. */
const TABLE_COLUMNS = columnsOf("address", "appended", "field", "reason", "preview");
const ALL_COLUMNS = columnsOf(
  ...["topic", "log", "partition", "offset", "append_time", "field", "reason", "size_bytes"],
  "preview",
);

function columnsOf(...names: string[]): AnswerColumn[] {
  return names.map((name) => ({ name, type: "string" }));
}

/** Lists dead letters, the newest first; returns the exit code. */
export async function deadLettersCommand(
  flags: Flags,
  config: Config,
  world: World,
): Promise<number> {
  const format = rowFormat(flags);
  const target = await openTarget(config, world, { start: false });
  try {
    const { topic, partition, field, reason, from, to, limit } = flags as Record<string, string>;
    const query = { topic, partition, field, reason, from, to, limit };
    const { items, next } = await target.deadLetters.list(query, world.stop);
    const columns = format === "table" ? TABLE_COLUMNS : ALL_COLUMNS;
    const writer = new RowWriter({
      ...{ columns, format, terminal: world.out, notices: world.err },
      ...{ beside: { next }, name: "dead_letters" },
    });
    writer.write(format === "table" ? items.map(tableRow) : items.map((item) => ({ ...item })));
    writer.end(next === null ? null : "--limit shows more of them");
    return 0;
  } finally {
    await target.close();
  }
}

const addressOf = ({ topic, partition, offset }: DeadLetter) => `${topic}/${partition}/${offset}`;

const tableRow = (letter: DeadLetter) => ({
  address: addressOf(letter),
  appended: letter.append_time,
  field: letter.field === "" ? null : letter.field,
  reason: letter.reason,
  preview: letter.preview,
});

/** Shows one dead letter with its bytes; returns the exit code. */
export async function deadLetterCommand(
  address: string,
  { raw, json }: Flags,
  config: Config,
  world: World,
): Promise<number> {
  const at = readAddress(address);
  const target = await openTarget(config, world, { start: false });
  try {
    const { bytes, ...letter } = await target.deadLetters.one(at, world.stop);
    if (raw === true) world.out.write(bytes);
    else if (json === true) {
      world.out.write(`${JSON.stringify({ ...letter, base64: bytes.toBase64() }, null, 2)}\n`);
    } else world.out.write(letterText(letter, bytes, world));
    return 0;
  } finally {
    await target.close();
  }
}

/** @throws {UserError} where it is no `TOPIC/PARTITION/OFFSET`. */
function readAddress(address: string): { topic: string; partition: string; offset: string } {
  const [, topic, partition, offset] = /^(.+)\/(\d+)\/(\d+)$/.exec(address) ?? [];
  if (topic !== undefined) return { topic, partition, offset };
  throw new UserError(
    `Cannot show a dead letter: expected TOPIC/PARTITION/OFFSET, as dead-letters lists it, got ` +
      `"${address}"`,
    { field: "offset" },
  );
}

function letterText(letter: DeadLetter, bytes: Uint8Array, { out }: World): string {
  const text = new TextDecoder().decode(bytes);
  return [
    paint(out, "bold", addressOf(letter)),
    `  appended  ${letter.append_time}`,
    `  field     ${letter.field === "" ? "–" : letter.field}`,
    `  reason    ${plain(letter.reason)}`,
    `  size      ${counted(letter.size_bytes, "byte")}`,
    "",
    // Line by line: a record may hold several, and none may steer the terminal.
    ...text.split("\n").map(plain),
    "",
  ].join("\n");
}
