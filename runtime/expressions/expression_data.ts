/** Expressions as plain data, as they go from the isolate that declares them to other threads. */
import type { FieldType } from "../events.ts";
import * as arithmetic from "./arithmetic.ts";
import * as comparison from "./comparison.ts";
import { Expression } from "./expression.ts";
import * as logic from "./logic.ts";
import type { Operator, Parameter } from "./operator.ts";
import * as texts from "./text.ts";
import * as time from "./time.ts";

/** An expression without functions. */
export interface ExpressionData {
  readonly node:
    | { readonly kind: "field"; readonly name: string }
    | { readonly kind: "constant"; readonly value: Parameter }
    | { readonly kind: "compute"; readonly sql: string }
    | {
      readonly kind: "call";
      readonly operator: string;
      readonly operands: readonly ExpressionData[];
      readonly parameters: readonly Parameter[];
    };
  readonly type: FieldType;
  readonly text: string;
}

/** @param expression without a fault. */
export function dataOfExpression({ node, type, text }: Expression): ExpressionData {
  switch (node.kind) {
    case "compute":
      return { node: { kind: node.kind, sql: node.sql }, type, text };
    case "call": {
      const operands = node.operands.map(dataOfExpression);
      return { node: { ...node, operator: node.operator.name, operands }, type, text };
    }
    default:
      return { node, type, text };
  }
}

/**
 * The expression of such data. Its own functions are not there: the values of an expression that has
 * some come from an isolate.
 *
 * @throws {TypeError} naming an operator that is not known.
 */
export function expressionOf({ node, type, text }: ExpressionData): Expression {
  switch (node.kind) {
    case "compute":
      return Expression.restored({ ...node, of: notHere }, type, text);
    case "call": {
      const operands = node.operands.map(expressionOf);
      return Expression.restored(
        { ...node, operator: operatorOf(node.operator), operands },
        type,
        text,
      );
    }
    default:
      return Expression.restored(node, type, text);
  }
}

function notHere(): never {
  throw new Error("Cannot call a plugin's function: it exists in the plugin's isolate only");
}

const operators: ReadonlyMap<string, Operator> = new Map(
  [arithmetic, comparison, logic, texts, time].flatMap((group) =>
    Object.values<unknown>(group).flatMap((value) =>
      value instanceof Object && "loop" in value
        ? [[(value as Operator).name, value as Operator] as const]
        : []
    )
  ),
);

function operatorOf(name: string): Operator {
  const operator = operators.get(name);
  if (operator === undefined) {
    throw new TypeError(`Cannot restore expression: no operator "${name}"`);
  }
  return operator;
}
