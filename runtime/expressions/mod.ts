/** What plugins import of expressions. */
import type { FieldOf, FieldType } from "../events.ts";
import { Expression } from "./expression.ts";
import { cases } from "./logic.ts";
import type {
  BooleanExpression,
  BooleanOperand,
  Cases,
  ExpressionOf,
  NumberExpression,
  NumberOperand,
  TextExpression,
  TextOperand,
} from "./typed.ts";

export type * from "./typed.ts";

/**
 * A choice between values: that of the first condition that is true.
 *
 * @example
 * ```ts
 * import { when } from "./mod.ts";
 * import { Expression } from "./expression.ts";
 * const status = Expression.field("status", { kind: "uint32", nullable: false });
 * const size = when(status.gte(500) as never, "failed").otherwise("served") as unknown as Expression;
 * const sql = size.sql((field) => field);
 * if (sql !== "multiIf(status >= 500, 'failed', 'served')") throw new Error(sql);
 * ```
 */
export function when(
  condition: BooleanExpression,
  value: NumberOperand,
): Cases<NumberOperand, NumberExpression>;
export function when(
  condition: BooleanExpression,
  value: TextOperand,
): Cases<TextOperand, TextExpression>;
export function when(
  condition: BooleanExpression,
  value: BooleanOperand,
): Cases<BooleanOperand, BooleanExpression>;
export function when(condition: unknown, value: unknown): Cases<never, never> {
  return casesOf([condition, value]);
}

function casesOf(given: readonly unknown[]): Cases<never, never> {
  return {
    when: (condition, value) => casesOf([...given, condition, value]),
    otherwise: (value) => {
      const operands = [...given, value].map((each) =>
        Expression.constant(each as string).asText()
      );
      return Expression.call(cases, operands) as never;
    },
  };
}

/**
 * What expressions cannot say: a pure function of the event, called in a thread of the plugin's own,
 * together with the same as ClickHouse SQL over `events`.
 *
 * @param type of its values; the function must give such values, null only where it is nullable.
 * @param of the function. The event is a cursor that moves from row to row: never keep it.
 * @example
 * ```ts
 * import { compute } from "./mod.ts";
 * import { string } from "../events.ts";
 * const tail = compute(string(), (event: { id: string }) => event.id.slice(-2), {
 *   sql: "substringUTF8(id, -2)",
 * });
 * if (tail.lower === undefined) throw new Error("unexpected");
 * ```
 */
export function compute<F extends FieldOf<Exclude<FieldType["kind"], "instant">, boolean>, E>(
  type: F,
  of: (event: E) => string | number | boolean | null,
  options: { readonly sql: string },
): ExpressionOf<F> {
  return Expression.compute(type, of, options.sql) as unknown as ExpressionOf<F>;
}
