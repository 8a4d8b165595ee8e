import { type Measure, measureOf, type MeasureOptions } from "./measure.ts";
import { type OrderedExpression, orderedKind } from "./ordered_column.ts";

/**
 * The value of the last event, by event time in nanoseconds and then by the bytes of the event id;
 * null where no event has a value. Events whose value is null are left out.
 */
export const last = (input: OrderedExpression, options?: MeasureOptions): Measure =>
  measureOf("last", input, options);

export const lastKind = orderedKind("last", "max");
