/** The texts of a plugin's file and of its test. */
import { definePlugin } from "../define_plugin.ts";
import type { EventSchema, Field } from "../events.ts";
import { avg, count, max, type Measure, min, sum, uniq } from "../plugin.ts";
import { messageOf, UserError } from "../std/errors.ts";

/** A plugin to be written. */
export interface PluginRequest {
  /** snake_case. */
  readonly name: string;
  readonly summary: string;
  /** The schema, the name of its export and of its file without `.schema.ts`. */
  readonly schema: {
    readonly value: EventSchema;
    readonly exported: string;
    readonly file: string;
  };
  readonly keys: readonly string[];
  /** Such as `count` and `avg:seconds`. */
  readonly measures: readonly string[];
}

/** The measures whose value of one event is known: the event's own value, or 1. */
const kinds = { count, sum, min, max, avg, uniq } as const;

/** How a measure is given on the command line, for help and errors. */
export const MEASURE_FORM = "count, sum:FIELD, min:FIELD, max:FIELD, avg:FIELD or uniq:FIELD";

interface NamedMeasure {
  readonly name: string;
  readonly kind: keyof typeof kinds;
  readonly field: string;
}

function namedMeasure(given: string): NamedMeasure {
  const [kind, field = "", ...rest] = given.split(":");
  const isKind = Object.hasOwn(kinds, kind) && rest.length === 0;
  if (!isKind || (kind === "count") !== (field === "")) {
    throw new UserError(`Cannot write a plugin: a measure is ${MEASURE_FORM}; got "${given}"`);
  }
  const name = kind === "count" ? "event_count" : `${kind}_${field}`;
  return { name, kind: kind as NamedMeasure["kind"], field };
}

/**
 * The texts of `NAME.ts` and `NAME.test.ts`.
 *
 * @throws UserError with all faults of the declaration.
 */
export function pluginTexts(request: PluginRequest): { plugin: string; test: string } {
  const measures = request.measures.map(namedMeasure);
  check(request, measures);
  return { plugin: pluginText(request, measures), test: testText(request, measures) };
}

/** Declares the plugin as its file will. */
function check({ name, summary, schema, keys }: PluginRequest, measures: readonly NamedMeasure[]) {
  type Make = (field?: unknown) => Measure;
  try {
    definePlugin(schema.value, {
      name,
      summary,
      key: (fields) =>
        Object.fromEntries(keys.map((key) => [key, (fields as Record<string, never>)[key]])),
      measures: (fields) =>
        Object.fromEntries(measures.map(({ name, kind, field }) => [
          name,
          kind === "count" ? count() : (kinds[kind] as Make)(fields[field]),
        ])),
    });
  } catch (error) {
    throw new UserError(messageOf(error), { cause: error });
  }
}

function pluginText(
  { name, summary, schema, keys }: PluginRequest,
  measures: readonly NamedMeasure[],
): string {
  const imports = ["definePlugin", ...measures.map(({ kind }) => kind)];
  const fields = [...new Set(measures.flatMap(({ field }) => field === "" ? [] : [field]))];
  const taken = (names: readonly string[]) => names.length === 0 ? "" : `{ ${names.join(", ")} }`;
  const key = keys.length === 0 ? "" : `\n  key: (${taken(keys)}) => (${taken(keys)}),`;
  const calls = measures.map(({ name, kind, field }) => `    ${name}: ${kind}(${field}),`);
  return `import { ${[...new Set(imports)].sort().join(", ")} } from "twofold";
import { ${schema.exported} } from "./${schema.file}.schema.ts";

export default definePlugin(${schema.exported}, {
  name: ${JSON.stringify(name)},
  summary: ${JSON.stringify(summary)},${key}
  measures: (${taken(fields)}) => ({
${calls.join("\n")}
  }),
});
`;
}

const AT = "2026-01-05T10:00:00Z";

/** A value of a field, none of which is null. */
function sampleOf({ kind, values, min = 1, max = 1 }: Field): unknown {
  switch (kind) {
    case "string":
      return "a";
    case "enumeration":
      return values![0];
    case "boolean":
      return true;
    case "instant":
      return AT;
    default:
      return Math.min(Math.max(1, min), Math.max(1, max));
  }
}

function testText(
  { name, schema, keys }: PluginRequest,
  measures: readonly NamedMeasure[],
): string {
  const { fields } = schema.value;
  const member = (name: string, value: unknown) => `    ${name}: ${JSON.stringify(value)},`;
  const row = [
    member("bucket", AT),
    ...keys.map((key) => member(key, sampleOf(fields[key]))),
    ...measures.map(({ name, kind, field }) =>
      member(name, kind === "count" || kind === "uniq" ? 1 : sampleOf(fields[field]))
    ),
  ];
  return [
    'import assert from "node:assert/strict";',
    'import { test } from "node:test";',
    'import { rowsOf } from "twofold/testing";',
    `import plugin from "./${name}.ts";`,
    "",
    `test("${name}: an event counts once", async () => {`,
    "  const event = {",
    ...Object.entries(fields).map(([name, field]) => member(name, sampleOf(field))),
    "  };",
    "  const { speed, batch } = await rowsOf(plugin, [event, event]);",
    "  assert.deepEqual(batch, [{",
    ...row,
    "  }]);",
    "  assert.deepEqual(speed, batch);",
    "});",
    "",
  ].join("\n");
}
