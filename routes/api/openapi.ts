/** The OpenAPI document of the table of routes. */
import { z } from "zod";
import { FORMAT_PARAMETER } from "./answer.ts";
import { kinds } from "./problem.ts";
import type { PathParam, Route } from "./route.ts";
import * as named from "./schemas.ts";

/** What the document is made of. */
export interface OpenApiInput {
  readonly routes: readonly Route[];
  readonly version: string;
}

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document. Schemas are zod's own JSON Schema (2020-12). */
export async function openApi({ routes, version }: OpenApiInput): Promise<Json> {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = await operation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Twofold",
      version,
      description: "Fresh and exact metrics. Errors are RFC 9457 problem details.",
    },
    servers: [{ url: "/" }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: components(),
      securitySchemes: {
        writeToken: {
          type: "http",
          scheme: "bearer",
          description: "TWOFOLD_WRITE_TOKEN, where it is set",
        },
        readToken: {
          type: "http",
          scheme: "bearer",
          description: "TWOFOLD_READ_TOKEN or TWOFOLD_WRITE_TOKEN, where a read token is set",
        },
      },
    },
  };
}

const reference = (id: string) => `#/components/schemas/${id}`;

/** Every schema that has a name. */
function components(): Json {
  const registry = z.registry<{ id: string }>();
  for (const schema of Object.values(named)) {
    const id = schema instanceof z.ZodType ? z.globalRegistry.get(schema)?.id : undefined;
    if (typeof id === "string") registry.add(schema as z.ZodType, { id });
  }
  const { schemas } = z.toJSONSchema(registry, { uri: reference, io: "output" });
  return Object.fromEntries(
    Object.entries(schemas as Record<string, Json>).map(([id, schema]) => {
      const { $id: _id, $schema: _schema, id: _name, ...rest } = schema;
      return [id, rest];
    }),
  );
}

function schemaOf(schema: z.ZodType): Json {
  const id = z.globalRegistry.get(schema)?.id;
  if (typeof id === "string") return { $ref: reference(id) };
  const { $schema: _schema, ...rest } = z.toJSONSchema(schema) as Json;
  return rest;
}

async function operation(route: Route): Promise<Json> {
  const { id, tag, summary, description, body, access } = route;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: [
      {},
      ...(access === "write" ? [] : [{ readToken: [] }]),
      ...(access === "read" ? [] : [{ writeToken: [] }]),
    ],
    parameters: [...await pathParameters(route), ...parameters(route)],
    ...(body === null ? {} : { requestBody: requestBody(route) }),
    responses: responses(route),
  };
}

function pathParameters({ pathParams }: Route): Promise<Json[]> {
  return Promise.all(
    Object.entries(pathParams).map(async ([name, param]) => ({
      name,
      in: "path",
      required: true,
      description: param.description,
      schema: await pathSchema(param),
    })),
  );
}

async function pathSchema({ names, max }: PathParam): Promise<Json> {
  if (max !== undefined) return { type: "integer", minimum: 0, maximum: max };
  const there = await names?.() ?? [];
  return { type: "string", ...(there.length === 0 ? {} : { enum: there }) };
}

function parameters({ query, table, keyParams, cache }: Route): Json[] {
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, example, ...rest } = schemaOf(schema as z.ZodType);
    return {
      name,
      in: "query",
      required: false,
      description,
      ...(example === undefined ? {} : { example }),
      schema: rest,
    };
  });
  const format = {
    name: FORMAT_PARAMETER,
    in: "query",
    required: false,
    description: "Wins over the Accept header",
    schema: { type: "string", enum: ["json", "csv"] },
  };
  const keys = (keyParams?.() ?? []).map((name) => ({
    name,
    in: "query",
    required: false,
    schema: { type: "string" },
    description: "Only this key, of metrics that have it",
  }));
  const known = {
    name: "If-None-Match",
    in: "header",
    required: false,
    description: "The ETag of an earlier answer: 304 when it still stands",
    schema: { type: "string" },
  };
  return [
    ...inQuery,
    ...(table === null ? [] : [format]),
    ...keys,
    ...(cache === "no-cache" ? [known] : []),
  ];
}

function requestBody({ body }: Route): Json {
  const { types, required, summary, schema } = body!;
  return {
    required,
    description: summary,
    content: Object.fromEntries(
      types.map((type) => [type, {
        schema: schema && type !== "text/plain" ? schemaOf(schema) : { type: "string" },
      }]),
    ),
  };
}

function responses(route: Route): Json {
  const content: Json = {};
  if (route.answer !== null) content["application/json"] = { schema: schemaOf(route.answer) };
  if (route.table !== null) content["text/csv"] = { schema: { type: "string" } };
  for (const type of route.otherAnswers) content[type] = { schema: { type: "string" } };
  return {
    200: { description: "Done", content },
    ...(route.cache === "no-cache"
      ? { 304: { description: "The answer that is known stands" } }
      : {}),
    ...Object.fromEntries(faultsOf(route).map((status) => [status, faultResponse(status)])),
  };
}

function faultsOf(route: Route): number[] {
  const { body, faults } = route;
  return [
    ...new Set([
      400,
      405,
      500,
      503,
      ...(body === null ? [] : [408, 413, 415]),
      401,
      403,
      ...faults,
    ]),
  ].sort();
}

function faultResponse(status: number): Json {
  const titles = Object.values(kinds).filter((kind) => kind.status === status);
  return {
    description: titles.map(({ title }) => title).join("; or: "),
    content: { "application/problem+json": { schema: { $ref: reference("Problem") } } },
  };
}
