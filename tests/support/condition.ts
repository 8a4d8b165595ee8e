import { Expression } from "../../runtime/expressions/expression.ts";

/** A function of the event as a plugin's `where`. */
export const condition = (of: () => boolean): Expression =>
  Expression.compute({ kind: "boolean", nullable: false }, of, "true");
