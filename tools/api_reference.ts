/** The reference of the HTTP interface as Markdown, from the same document that the process serves. */
import { openApi } from "../routes/api/openapi.ts";
import { routesOf } from "../routes/api/routes.ts";
import { formatsOf } from "../runtime/row_format.ts";
import type { Services } from "../runtime/ports/services.ts";

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description: string;
  readonly schema: Schema;
}

interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
  readonly description?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly $ref?: string;
}

interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly Readonly<Record<string, unknown>>[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly description: string; readonly content: object };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema: Schema }>> }>
  >;
}

/** No metrics and no catalogs: names differ by installation, so the reference has none. */
const noServices = {
  serving: { metrics: () => [] },
  catalogs: { list: () => Promise.resolve([]) },
  formats: formatsOf([]),
  batch: new Map(),
  plugins: new Map(),
} as unknown as Services;

/** The page. */
export async function apiReference(): Promise<string> {
  const routes = routesOf(noServices, { maxEventBytes: 0 });
  const document = await openApi({ routes, version: "" });
  const { paths, components } = document as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, Schema> };
  };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      title: `${method.toUpperCase()} ${path}`,
      ...operation,
    }))
  );
  const tags = [...new Set(operations.flatMap((operation) => operation.tags))];
  const sections = tags.flatMap((tag) => [
    `## ${tag}`,
    ...operations.filter((operation) => operation.tags.includes(tag)).map(section),
  ]);
  const shapes = Object.entries(components.schemas).sort().map(([name, schema]) =>
    `### ${name}\n\n${fields(schema)}`
  );
  return [
    "# API reference",
    "Every route, from the OpenAPI 3.1 document that a process serves at `/api/v1/openapi.json`. " +
    "How to use them is told in [the API](api.md). A key column's name is a parameter of its " +
    "metric's routes, too, and a row format's name a value of `format`. Faults are [problem details](#problem).",
    ...sections,
    "## Shapes",
    ...shapes,
  ].join("\n\n") + "\n";
}

function section(operation: Operation & { readonly title: string }): string {
  const { title, summary, description, security, parameters, requestBody, responses } = operation;
  const rows = parameters.map((parameter) =>
    `| \`${parameter.name}\` | ${parameter.in} | ${
      kind(parameter.schema)
    } | ${parameter.description} |`
  );
  const answers = Object.entries(responses["200"].content ?? {}).map(([type, { schema }]) =>
    schema.$ref === undefined
      ? `\`${type}\``
      : `\`${type}\` ([${shape(schema)}](${anchor(schema)}))`
  );
  const faults = Object.keys(responses).filter((status) => Number(status) >= 400);
  const body = requestBody === undefined ? [] : [
    `Body: ${requestBody.description}; ${
      Object.keys(requestBody.content).map((type) => `\`${type}\``).join(", ")
    }.`,
  ];
  return [
    `### \`${title}\``,
    [
      `${summary}.`,
      ...(description === undefined ? [] : [description]),
      ...tokenText(security),
    ].join(" "),
    ...(rows.length === 0 ? [] : [
      ["| parameter | in | values | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n"),
    ]),
    ...body,
    `Answers: ${answers.join(", ")}. Faults: ${faults.join(", ")}.`,
  ].join("\n\n");
}

const shape = (schema: Schema) => schema.$ref!.split("/").at(-1)!;
const anchor = (schema: Schema) => `#${shape(schema).toLowerCase()}`;

function kind(schema: Schema): string {
  if (schema.$ref !== undefined) return `[${shape(schema)}](${anchor(schema)})`;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(kind).join(" or ");
  if (schema.minimum !== undefined && schema.minimum > -1e15 && schema.maximum! < 1e15) {
    return `${schema.minimum} to ${schema.maximum}`;
  }
  if (schema.type === "array") return `list of ${kind(schema.items ?? {})}`;
  const type = String(schema.type ?? "anything");
  return schema.format === undefined ? type : `${type}, ${schema.format}`;
}

function fields({ properties = {} }: Schema): string {
  const rows = Object.entries(properties).map(([name, schema]) =>
    `| \`${name}\` | ${kind(schema)} | ${schema.description ?? schema.items?.description ?? ""} |`
  );
  return ["| field | is | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** Which token an operation needs; every one that reads needs the read token, where one is set. */
function tokenText(security: readonly Readonly<Record<string, unknown>>[]): string[] {
  const takes = (token: string) => security.some((each) => Object.hasOwn(each, token));
  if (!takes("writeToken")) return [];
  return [
    takes("readToken")
      ? "Needs a read or a write token, where one is set."
      : "Needs a write token, where one is set.",
  ];
}
