/** What of a schema decides how records are decoded, and what a change of it means for the archive. */
import { defineSchema, type EventSchema, type Fields, type FieldType } from "../events.ts";

/** A field's name and type. */
export type FieldMeaning = FieldType & { readonly name: string };

/** What of a schema decides how records are decoded. The partition key decides where a producer writes only. */
export interface SchemaMeaning {
  readonly topic: string;
  readonly version: number;
  readonly eventId: string;
  readonly eventTime: string;
  /** In the order of their names. */
  readonly fields: readonly FieldMeaning[];
}

/** What a new schema does to records that were decoded by an old one. */
export interface SchemaChange {
  /** Nullable fields that the old schema did not declare: archived events may have them in `raw`. */
  readonly added: readonly string[];
  /** Fields that take values which the old schema refused: dead letters may become events. */
  readonly widened: readonly string[];
  /** Why archived values cannot be read as the new schema wants them, a clause each. */
  readonly conflicts: readonly string[];
}

/** The meaning of a schema. */
export function meaningOf(schema: EventSchema): SchemaMeaning {
  const { topic, version, eventId, eventTime } = schema;
  const fields = Object.entries(schema.fields).sort(([a], [b]) => a < b ? -1 : 1).map(
    ([name, { kind, nullable, maxBytes, values, scale, min, max }]) => {
      return { name, kind, nullable, maxBytes, values, scale, min, max };
    },
  );
  return { topic, version, eventId, eventTime, fields };
}

/**
 * A schema of a meaning.
 *
 * @param like gives what the meaning lacks: the summaries, and the partition key where that still can
 * be one; else the event id is.
 */
export function schemaOf({ fields, ...meaning }: SchemaMeaning, like: EventSchema): EventSchema {
  const typed: Fields = Object.fromEntries(
    fields.map(({ name, ...type }) => [
      name,
      { ...type, summary: like.fields[name]?.summary ?? "", unit: like.fields[name]?.unit },
    ]),
  );
  const key = typed[like.partitionKey];
  const isKey = !key?.nullable && (key?.kind === "uint32" || key?.kind === "string");
  return defineSchema({
    ...meaning,
    summary: like.summary,
    partitionKey: isKey ? like.partitionKey : meaning.eventId,
    fields: typed,
  });
}

/**
 * Compares what decoded the archived records with what decodes new ones.
 *
 * @param dropped fields that still earlier schemas declared: archived files may have their columns.
 * @example
 * ```ts
 * import { schemaChange } from "./schema_meaning.ts";
 * const id = { name: "id", kind: "string", nullable: false, maxBytes: 9 } as const;
 * const score = { name: "score", kind: "uint32", nullable: true } as const;
 * const before = { topic: "t", version: 1, eventId: "id", eventTime: "at", fields: [id] };
 * const { added, conflicts } = schemaChange(before, { ...before, fields: [id, score] });
 * if (added.join() !== "score" || conflicts.length > 0) throw new Error("unexpected");
 * ```
 */
export function schemaChange(
  before: SchemaMeaning,
  after: SchemaMeaning,
  dropped: readonly FieldMeaning[] = [],
): SchemaChange {
  const conflicts = (["eventId", "eventTime"] as const)
    .filter((role) => before[role] !== after[role])
    .map((role) => `${role} was "${before[role]}" and is "${after[role]}"`);
  const added: string[] = [];
  const widened: string[] = [];
  for (const field of after.fields) {
    const { name } = field;
    const old = before.fields.find((of) => of.name === name);
    const archived = old ?? dropped.find((of) => of.name === name);
    if (archived !== undefined) conflicts.push(...conflictsOf(archived, field));
    if (old === undefined) {
      added.push(name);
      if (!field.nullable) {
        conflicts.push(
          `field "${name}" is new and not nullable; archived events have no value of it`,
        );
      }
    } else if (takesMore(old, field)) widened.push(name);
  }
  return { added, widened, conflicts };
}

function conflictsOf(before: FieldMeaning, after: FieldMeaning): string[] {
  const { name } = after;
  if (before.kind !== after.kind) {
    return [`field "${name}" was of type ${before.kind} and is of type ${after.kind}`];
  }
  const conflicts: string[] = [];
  if (before.scale !== after.scale) {
    conflicts.push(`field "${name}" had scale ${before.scale} and has scale ${after.scale}`);
  }
  if (before.nullable && !after.nullable) {
    conflicts.push(`field "${name}" was nullable and is not; archived events may lack it`);
  }
  const gone = before.values?.filter((value) => !after.values!.includes(value)) ?? [];
  if (gone.length > 0) {
    conflicts.push(`field "${name}" no longer has the values ${gone.join(", ")}`);
  }
  return conflicts;
}

function takesMore(before: FieldMeaning, after: FieldMeaning): boolean {
  return !before.nullable && after.nullable ||
    (after.maxBytes ?? 0) > (before.maxBytes ?? 0) ||
    (after.min ?? 0) < (before.min ?? 0) ||
    (after.max ?? 0) > (before.max ?? 0) ||
    (after.values ?? []).some((value) => !before.values?.includes(value));
}
