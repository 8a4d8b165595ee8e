/** The text of a schema's file, from fields as the command line names them. */
import {
  boolean,
  decimal,
  defineSchema,
  enumeration,
  type Field,
  instant,
  integer,
  string,
  uint32,
} from "../events.ts";
import { messageOf, UserError } from "../std/errors.ts";

/** A schema to be written. */
export interface SchemaRequest {
  /** snake_case. */
  readonly name: string;
  readonly topic: string;
  readonly summary: string;
  /** Such as `status:integer`, `seconds:decimal?` (nullable) and `method:GET|POST`. */
  readonly fields: readonly string[];
}

/** A field type of the command line: its declaration, and the same as text. */
interface FieldText {
  readonly name: string;
  readonly field: Field;
  readonly text: string;
}

/** Edited by the author; a bound of a decimal times 10^scale stays within ±2³⁷. */
const DECIMAL = { scale: 2, min: 0, max: 1_000_000 };

/** The types by their names. */
const types: Readonly<
  Record<string, (nullable: boolean) => { readonly field: Field; readonly options: string[] }>
> = {
  string: (nullable) => ({ field: string({ nullable }), options: [] }),
  uint32: (nullable) => ({ field: uint32({ nullable }), options: [] }),
  integer: (nullable) => ({ field: integer({ nullable }), options: [] }),
  decimal: (nullable) => ({
    field: decimal({ ...DECIMAL, nullable }),
    options: ["scale: 2", "min: 0", "max: 1_000_000"],
  }),
  boolean: (nullable) => ({ field: boolean({ nullable }), options: [] }),
  instant: () => ({ field: instant(), options: [] }),
};

/** How a field is given on the command line, for help and errors. */
export const FIELD_FORM = `NAME:TYPE with ${Object.keys(types).join(", ")} or A|B|C, and ? after ` +
  "the type where the value may be null";

function fieldText(given: string): FieldText {
  const [, name, type, mark] = /^([^:]+):(.+?)(\?)?$/.exec(given) ?? [];
  const nullable = mark === "?";
  const write = (kind: string, values: string, options: readonly string[]) => {
    const all = [...options, ...nullable ? ["nullable: true"] : []];
    const object = all.length === 0 ? "" : `{ ${all.join(", ")} }`;
    return `${kind}(${[values, object].filter((part) => part !== "").join(", ")})`;
  };
  if (type?.includes("|")) {
    const values = type.split("|");
    const text = write("enumeration", `[${values.map((v) => JSON.stringify(v)).join(", ")}]`, []);
    return { name, field: enumeration(values, { nullable }), text };
  }
  if (type === undefined || !Object.hasOwn(types, type)) {
    throw new UserError(`Cannot write a schema: a field is ${FIELD_FORM}; got "${given}"`);
  }
  const { field, options } = types[type](nullable);
  return { name, field, text: write(type, "", options) };
}

/**
 * The text of `NAME.schema.ts`. The field `id` and the event time `at` are added where no field is
 * called `id` and none is an instant. Records are keyed by the first text or uint32 of the others.
 *
 * @throws UserError naming the field at fault.
 */
export function schemaText({ name, topic, summary, fields: given }: SchemaRequest): string {
  const fields = given.map(fieldText);
  const time = fields.find(({ field }) => field.kind === "instant")?.name ?? "at";
  const added = [
    ...fields.some((field) => field.name === "id") ? [] : ["id:string"],
    ...fields.some((field) => field.name === time) ? [] : ["at:instant"],
  ];
  const all = [...added.map(fieldText), ...fields];
  const keyed = all.find(({ name, field: { kind, nullable } }) =>
    name !== "id" && !nullable && (kind === "string" || kind === "uint32")
  );
  const roles = { eventId: "id", eventTime: time, partitionKey: keyed?.name ?? "id" };
  const declared = Object.fromEntries(all.map(({ name, field }) => [name, field]));
  try {
    defineSchema({ topic, version: 1, summary, ...roles, fields: declared });
  } catch (error) {
    throw new UserError(`Cannot write schema "${name}": ${messageOf(error)}`);
  }
  const used = [...new Set(all.map(({ text }) => text.slice(0, text.indexOf("("))))];
  const imports = ["defineSchema", ...used].sort();
  return `import { ${imports.join(", ")} } from "twofold";

export const ${camelCase(name)}Schema = defineSchema({
  topic: ${JSON.stringify(topic)},
  version: 1,
  summary: ${JSON.stringify(summary)},
${Object.entries(roles).map(([role, field]) => `  ${role}: "${field}",`).join("\n")}
  fields: {
${all.map(({ name, text }) => `    ${name}: ${text},`).join("\n")}
  },
});
`;
}

/** `movieViewing` of `movie_viewing`. */
const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
