/** Notes whose schema changes, a metric of them, and what it has to come to, counted here. */
import { join } from "node:path";
import { pluginFolder } from "./plugin_folder.ts";

/** What a schema says of the fields that change. */
export interface NoteFields {
  /** The values of `kind`. */
  readonly kinds: readonly string[];
  /** The greatest `value`. */
  readonly max: number;
  /** Whether it declares `score`, a whole number that may be absent. */
  readonly scored: boolean;
}

export const narrow: NoteFields = { kinds: ["a", "b"], max: 10, scored: false };
/** A field more, an enum value more, wider bounds. */
export const wide: NoteFields = { kinds: ["a", "b", "c"], max: 20, scored: true };
/** Wider again. */
export const wider: NoteFields = { kinds: ["a", "b", "c", "d"], max: 30, scored: true };

const schemaText = ({ kinds, max, scored }: NoteFields) => `
import { decimal, defineSchema, enumeration, instant, string, uint32 } from "twofold";

void uint32;
export const notes = defineSchema({
  topic: "notes", version: 1, summary: "Notes", eventId: "id", eventTime: "at", partitionKey: "id",
  fields: {
    id: string(), at: instant(), kind: enumeration(${JSON.stringify(kinds)}),
    value: decimal({ scale: 2, min: 0, max: ${max} }),
    ${scored ? "score: uint32({ nullable: true })," : ""}
  },
});
`;

const pluginText = ({ scored }: NoteFields) => `
import { count, definePlugin, sum } from "twofold";
import { notes } from "./notes.schema.ts";

export default definePlugin(notes, {
  name: "every", summary: "Notes by kind",
  key: ({ kind }) => ({ sort: kind }),
  measures: ({ value${scored ? ", score" : ""} }) => ({
    n: count(), total: sum(value)${scored ? ", scores: sum(score)" : ""},
  }),
});
`;

/** Writes a folder with this schema and the metric `every`; `files` are further ones of `plugins/`. */
export function notesFolder(
  dir: string,
  name: string,
  fields: NoteFields,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const all = { "notes.schema.ts": schemaText(fields), "every.ts": pluginText(fields), ...files };
  return pluginFolder(join(dir, name), all);
}

/**
 * The text of a note. Of eight one each: two events, one with a score, one of kind `c`, one of kind
 * `d`, one above the first bound, one whose score is wrong, and no event at all.
 */
export function noteText(i: number): string {
  const at = new Date(Date.parse("2026-01-05") + 1000 * i).toISOString();
  const base = { id: `n${i}`, at, kind: i % 2 === 0 ? "a" : "b", value: i % 10 };
  const odd = [{}, { score: i }, { kind: "c" }, { value: 15.25 }, { score: "many" }, { kind: "d" }];
  return i % 8 === 7 ? `no event ${i}` : JSON.stringify({ ...base, ...odd[i % 8] });
}

/** A row of the metric, in the order of `sort`. */
export interface NoteRow {
  readonly sort: string;
  readonly n: number;
  readonly total: number;
  readonly scores?: number;
}

/** What records come to by a schema. */
export function countNotes(
  texts: Iterable<string>,
  { kinds, max, scored }: NoteFields,
): { rows: NoteRow[]; letters: number } {
  const rows = new Map<string, { n: number; cents: number; scores: number }>();
  const seen = new Set<string>();
  let letters = 0;
  for (const text of texts) {
    const note = text.startsWith("{") ? JSON.parse(text) : null;
    const isEvent = note !== null && kinds.includes(note.kind) && note.value <= max &&
      !(scored && typeof note.score === "string");
    if (!isEvent) {
      letters++;
      continue;
    }
    if (seen.has(note.id)) continue;
    seen.add(note.id);
    const row = rows.get(note.kind) ?? { n: 0, cents: 0, scores: 0 };
    row.n++;
    row.cents += Math.round(note.value * 100);
    row.scores += scored ? note.score ?? 0 : 0;
    rows.set(note.kind, row);
  }
  return {
    letters,
    rows: [...rows].sort(([a], [b]) => a < b ? -1 : 1).map(([sort, { n, cents, scores }]) => ({
      sort,
      n,
      total: cents / 100,
      ...scored ? { scores } : {},
    })),
  };
}
