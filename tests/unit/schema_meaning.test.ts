import { describe, expect, it } from "testing";
import {
  boolean,
  decimal,
  defineSchema,
  enumeration,
  type Field,
  instant,
  string,
  uint32,
} from "../../runtime/events.ts";
import { meaningOf, schemaChange, schemaOf } from "../../runtime/model/schema_meaning.ts";

const base = {
  id: string({ maxBytes: 40 }),
  at: instant(),
  state: enumeration(["on", "off"]),
  level: decimal({ scale: 2, min: 0, max: 10 }),
  good: boolean({ nullable: true }),
};
const meaning = (fields: Record<string, Field>) =>
  meaningOf(defineSchema({
    topic: "t",
    version: 1,
    summary: "",
    eventId: "id",
    eventTime: "at",
    partitionKey: "id",
    fields: { ...base, ...fields } as never,
  }));
const change = (fields: Record<string, Field>) => schemaChange(meaning({}), meaning(fields));
const nothing = { added: [], widened: [], conflicts: [] };

describe("schemaChange()", () => {
  it("finds the fields that take more than before", () => {
    expect(change({})).toEqual(nothing);
    const widened: Record<string, Field>[] = [
      { state: enumeration(["off", "new", "on"]) },
      { level: decimal({ scale: 2, min: 0, max: 11 }) },
      { level: decimal({ scale: 2, min: -1, max: 10 }) },
      { level: decimal({ scale: 2, min: 0, max: 10, nullable: true }) },
      { id: string({ maxBytes: 41 }) },
    ];
    for (const field of widened) {
      expect(change(field)).toEqual({ ...nothing, widened: Object.keys(field) });
    }
    expect(change({ score: uint32({ nullable: true }) })).toEqual({ ...nothing, added: ["score"] });
  });

  it("lets a change pass that archived values fit, though they are not decoded again", () => {
    expect(change({ level: decimal({ scale: 2, min: 1, max: 9 }) })).toEqual(nothing);
    expect(change({ state: enumeration(["off", "on"]) })).toEqual(nothing);
    expect(change({ id: string({ maxBytes: 20 }) })).toEqual(nothing);
    const { good: _, ...without } = base;
    const fields = meaning({}).fields.filter(({ name }) => name in without);
    expect(schemaChange(meaning({}), { ...meaning({}), fields })).toEqual(nothing);
  });

  it("names each reason for which archived values do not fit", () => {
    const conflict = (fields: Record<string, Field>) => change(fields).conflicts.join("; ");
    expect(conflict({ level: uint32() })).toMatch(
      /"level" was of type decimal and is of type uint32/,
    );
    expect(conflict({ level: decimal({ scale: 3, min: 0, max: 10 }) })).toMatch(
      /scale 2 and has sc/,
    );
    expect(conflict({ good: boolean() })).toMatch(/"good" was nullable and is not/);
    expect(conflict({ state: enumeration(["on"]) })).toMatch(/no longer has the values off/);
    expect(conflict({ score: uint32() })).toMatch(/"score" is new and not nullable/);
    const other = { ...meaning({}), eventId: "state" };
    expect(schemaChange(meaning({}), other).conflicts).toEqual(['eventId was "id" and is "state"']);
  });

  it("holds a field that comes back to its earlier type, and decodes it again", () => {
    const dropped = meaning({ score: uint32({ nullable: true }) }).fields
      .filter(({ name }) => name === "score");
    const back = (score: Field) => schemaChange(meaning({}), meaning({ score }), dropped);
    expect(back(uint32({ nullable: true }))).toEqual({ ...nothing, added: ["score"] });
    expect(back(string({ nullable: true })).conflicts.length).toBe(1);
  });
});

describe("schemaOf()", () => {
  const declared = (partitionKey: string, fields: Record<string, Field> = {}) =>
    defineSchema({
      topic: "t",
      version: 1,
      summary: "Things",
      eventId: "id",
      eventTime: "at",
      partitionKey,
      fields: { ...base, ...fields } as never,
    });
  const stored = JSON.parse(JSON.stringify(meaning({})));

  it("has the meaning that was stored, and the summaries of what is declared", () => {
    const schema = schemaOf(stored, declared("id", { state: string({ summary: "State" }) }));
    expect(meaningOf(schema)).toEqual(meaning({}));
    expect([schema.summary, schema.fields.state.summary]).toEqual(["Things", "State"]);
  });

  it("has the declared partition key where that can be one", () => {
    const keyOf = (key: string, fields?: Record<string, Field>) =>
      schemaOf(stored, declared(key, fields)).partitionKey;
    expect(keyOf("good", { good: uint32() })).toBe("id");
    expect(keyOf("state", { state: string() })).toBe("id");
    expect(keyOf("later", { later: uint32() })).toBe("id");
    const user = JSON.parse(JSON.stringify(meaning({ user: uint32() })));
    expect(schemaOf(user, declared("user", { user: uint32() })).partitionKey).toBe("user");
  });
});
