/** The OpenAPI document, read for people. */
import type { TryItProps, TryParameter } from "../../islands/TryIt.tsx";

/** An operation of the API. */
export interface Operation extends TryItProps {
  readonly summary: string;
  readonly description: string;
  readonly tag: string;
  readonly fields: readonly {
    readonly name: string;
    readonly where: string;
    readonly description: string;
    readonly type: string;
  }[];
  readonly answers: readonly { readonly status: string; readonly description: string }[];
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly description?: string;
  readonly example?: string;
  readonly schema: {
    readonly type?: string;
    readonly enum?: readonly string[];
    readonly minimum?: number;
    readonly maximum?: number;
    readonly format?: string;
  };
}

interface DocumentOperation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security?: unknown;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

/** The part of the document that is shown. */
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentOperation>>>>;
}

/** What can be sent as it stands, by operation. */
const examples: Readonly<Record<string, string>> = {
  sendEvents: '{"event_id":"try-1","user_id":1,"movie_id":7,"event_type":"view",' +
    '"timestamp":"2024-01-01T00:00:00Z"}',
  runSql: "SELECT *\nFROM batch_popular_movies\nORDER BY view_count DESC\nLIMIT 3",
};

/** Every operation, in the document's order. */
export function operationsOf({ paths }: Document): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationOf(path, method, operation))
  );
}

function operationOf(path: string, method: string, of: DocumentOperation): Operation {
  const shown = of.parameters.filter((each) => each.in !== "header");
  return {
    id: of.operationId,
    method: method.toUpperCase(),
    path,
    tag: of.tags[0],
    summary: of.summary,
    description: of.description ?? "",
    writes: of.security !== undefined,
    bodyExample: examples[of.operationId] ?? "",
    bodyTypes: Object.keys(of.requestBody?.content ?? {}),
    parameters: shown.map((each): TryParameter => ({
      name: each.name,
      in: each.in as "path" | "query",
      required: each.required,
      values: each.schema.enum ?? [],
      example: each.example ?? "",
    })),
    fields: of.parameters.map((each) => ({
      name: each.name,
      where: each.in,
      description: each.description ?? "",
      type: typeOf(each.schema),
    })),
    answers: Object.entries(of.responses)
      .map(([status, { description }]) => ({ status, description })),
  };
}

function typeOf({ type, enum: values, minimum, maximum, format }: Parameter["schema"]): string {
  if (values !== undefined) return values.join(" | ");
  const bounds = minimum === undefined ? "" : ` ${minimum} to ${maximum}`;
  return `${format ?? type ?? "any"}${bounds}`;
}
