import { UserError } from "../std/errors.ts";
import type {
  AnswerColumn,
  DeadLetter,
  Redrive,
  RedriveAnswer,
  RedriveRequest,
} from "../ports/services.ts";
import { wholeNumber } from "../std/whole_number.ts";
import { ask, type Invocation } from "./invocation.ts";
import { operatorOf } from "./operator.ts";
import { openTarget } from "./open_target.ts";
import { rowFormat, RowWriter } from "./rows.ts";
import { plain } from "./table.ts";
import { counted, grouped, paint } from "./text.ts";
import type { World } from "./world.ts";

type Flags = Invocation["flags"];

/** A table has the address that `dead-letters show` takes; JSON and CSV have every field. */
const TABLE_COLUMNS = columnsOf("address", "appended", "field", "reason", "redriven", "preview");
const ALL_COLUMNS = columnsOf(
  "topic",
  "log",
  "partition",
  "offset",
  "append_time",
  "field",
  "reason",
  "size_bytes",
  "preview",
  "redriven",
);

function columnsOf(...names: string[]): AnswerColumn[] {
  return names.map((name) => ({ name, type: "string" }));
}

/** Lists dead letters, the newest first; returns the exit code. */
export async function deadLettersCommand({ flags, config, world }: Invocation): Promise<number> {
  const format = rowFormat(flags);
  await using target = await openTarget(config, world, { start: false });
  const query = { ...filterOf(flags), limit: flags.limit as string | undefined };
  const { items, next } = await target.deadLetters.list(query, world.stop);
  const columns = format === "table" ? TABLE_COLUMNS : ALL_COLUMNS;
  const writer = new RowWriter({ columns, format, world, beside: { next }, name: "dead_letters" });
  writer.write(format === "table" ? items.map(tableRow) : items.map((item) => ({ ...item })));
  writer.end(next === null ? null : "--limit shows more of them");
  return 0;
}

const filterOf = (flags: Flags) => {
  const { topic, partition, field, reason, from, to } = flags as Record<string, string | undefined>;
  const { "from-offset": from_offset, "to-offset": to_offset } = flags as Record<string, string>;
  return { topic, partition, field, reason, from, to, from_offset, to_offset };
};

const addressOf = ({ topic, partition, offset }: DeadLetter) => `${topic}/${partition}/${offset}`;

const tableRow = (letter: DeadLetter) => ({
  address: addressOf(letter),
  appended: letter.append_time,
  field: letter.field === "" ? null : letter.field,
  reason: letter.reason,
  redriven: letter.redriven,
  preview: letter.preview,
});

/** Shows one dead letter with its bytes; returns the exit code. */
export async function deadLetterCommand(
  { positionals: [address], flags: { raw, json }, config, world }: Invocation,
): Promise<number> {
  const at = readAddress(address);
  await using target = await openTarget(config, world, { start: false });
  const { bytes, ...letter } = await target.deadLetters.one(at, world.stop);
  if (raw === true) world.out.write(bytes);
  else if (json === true) {
    world.out.write(`${JSON.stringify({ ...letter, base64: bytes.toBase64() }, null, 2)}\n`);
  } else world.out.write(letterText(letter, bytes, world));
  return 0;
}

/** @throws {UserError} where it is no `TOPIC/PARTITION/OFFSET`. */
function readAddress(address: string): { topic: string; partition: string; offset: string } {
  const [, topic, partition, offset] = /^(.+)\/(\d+)\/(\d+)$/.exec(address) ?? [];
  if (topic !== undefined) return { topic, partition, offset };
  throw new UserError(
    `Cannot find a dead letter: expected TOPIC/PARTITION/OFFSET, as dead-letters lists it, got ` +
      `"${address}"`,
    { field: "offset" },
  );
}

type LetterWithRedrives = DeadLetter & { readonly redrives: readonly Redrive[] };

const redriveLine = ({ at, by, set, event_id, event_time, sent }: Redrive) => {
  const fields = Object.keys(set).length === 0 ? "" : ` with ${JSON.stringify(set)}`;
  const event = `event ${event_id} at ${event_time}${sent ? "" : ", not known to be sent"}`;
  return `  redriven  ${at} by ${plain(by)}${plain(fields)}: ${plain(event)}`;
};

function letterText(letter: LetterWithRedrives, bytes: Uint8Array, { out }: World): string {
  const text = new TextDecoder().decode(bytes);
  return [
    paint(out, "bold", addressOf(letter)),
    `  appended  ${letter.append_time}`,
    `  field     ${letter.field === "" ? "–" : letter.field}`,
    `  reason    ${plain(letter.reason)}`,
    `  size      ${counted(letter.size_bytes, "byte")}`,
    ...letter.redrives.map(redriveLine),
    "",
    // Line by line: a record may hold several, and none may steer the terminal.
    ...text.split("\n").map(plain),
    "",
  ].join("\n");
}

/** Sends dead letters again as events; returns the exit code: 1 where some cannot be sent. */
export async function deadLettersRedriveCommand(invocation: Invocation): Promise<number> {
  const request = redriveRequest(invocation);
  const { refused_total } = await ask(
    invocation,
    (target) => target.deadLetters.redrive(request, invocation.world.stop),
    redriveText,
    { create: false },
  );
  return refused_total > 0 ? 1 : 0;
}

const action = "Cannot redrive dead letters";

/** @throws {UserError} naming the flag, what was expected and what came. */
function redriveRequest(
  { positionals, flags, lists: { set = [] }, world }: Invocation,
): RedriveRequest {
  const address: string | undefined = positionals[0];
  const wrong = (field: string, expected: string, got: string) =>
    new UserError(`${action}: ${field} must be ${expected}, got ${got}`, { field });
  const filter = Object.entries(filterOf(flags)).filter(([, value]) => value !== undefined);
  for (const field of ["partition", "from-offset", "to-offset"]) {
    const given = flags[field];
    const most = field === "partition" ? 2 ** 32 - 1 : Number.MAX_SAFE_INTEGER;
    if (given !== undefined) wholeNumber(String(given), { action, field: `--${field}`, most });
  }
  const all = flags.all === true;
  const dry_run = flags["dry-run"] === true;
  const chosen = [address !== undefined, all, filter.length > 0].filter(Boolean).length;
  if (chosen === 0) {
    const message = `${action}: give TOPIC/PARTITION/OFFSET, a filter such as --field, or --all`;
    throw new UserError(message, { field: "--all" });
  }
  if (address !== undefined && chosen > 1) {
    throw wrong("TOPIC/PARTITION/OFFSET", "left out where a filter or --all is given", "both");
  }
  if (address !== undefined) readAddress(address);
  const by = dry_run ? undefined : operatorOf(flags.by as string | undefined, world, action);
  return {
    ...Object.fromEntries(filter),
    ...(address === undefined ? {} : { letters: [address] }),
    ...(all ? { all } : {}),
    set: Object.fromEntries(set.map((text) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
      if (name === undefined) throw wrong("--set", "FIELD=VALUE", `"${text}"`);
      return [name, value === "" ? null : value];
    })),
    ...(by === undefined ? { dry_run } : { by }),
  };
}

function redriveText(answer: RedriveAnswer): string {
  const { letters, decodable, repeated, sent, refused, refused_total } = answer;
  const before = repeated === 0
    ? ""
    : `; ${grouped(repeated)} redriven before with the same values, whose events count once`;
  const did = answer.dry_run ? "Dry run, nothing sent" : `Sent ${counted(sent, "event")}`;
  const more = refused_total - refused.length;
  return [
    `${did}: ${grouped(decodable)} of ${counted(letters, "dead letter")} can be decoded${before}.`,
    ...refused.map(({ letter, reason }) => `  ${letter}: ${plain(reason)}`),
    ...(more > 0 ? [`  and ${grouped(more)} more`] : []),
    "",
  ].join("\n");
}
