import { type Measure, measureOf, type MeasureOptions } from "./measure.ts";
import { type OrderedExpression, orderedKind } from "./ordered_column.ts";

/**
 * The value of the first event, by event time in nanoseconds and then by the bytes of the event id;
 * null where no event has a value. Events whose value is null are left out.
 */
export const first = (input: OrderedExpression, options?: MeasureOptions): Measure =>
  measureOf("first", input, options);

export const firstKind = orderedKind("first", "min");
