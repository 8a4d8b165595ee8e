import { type Columns, textAt } from "../model/columns.ts";

/** An event as plugin functions see it, moved from row to row. */
export interface Cursor {
  /** The row that `event` shows. */
  row: number;
  /** One reader per field; the event time in milliseconds since 1970 UTC. */
  readonly event: Readonly<Record<string, unknown>>;
}

/** A cursor over one set of columns. Its getters read the arrays: nothing is copied or kept. */
export function createCursor(columns: Columns): Cursor {
  const cursor = { row: 0, event: {} };
  for (const name of columns.schema.fieldNames) {
    Object.defineProperty(cursor.event, name, {
      enumerable: true,
      get: reader(columns, name, cursor),
    });
  }
  return cursor;
}

function reader(columns: Columns, name: string, cursor: { row: number }): () => unknown {
  if (name === columns.schema.eventTime) return () => columns.eventMs[cursor.row];
  const { field, values, nulls } = columns.fields[name];
  const bare = bareReader(columns, name, cursor);
  if (nulls === undefined) return bare;
  // Numbers are the common case: one closure less per read.
  if (field.kind === "decimal") {
    const unit = 10 ** field.scale!;
    return () => nulls[cursor.row] === 1 ? null : values[cursor.row] / unit;
  }
  return () => nulls[cursor.row] === 1 ? null : bare();
}

function bareReader(columns: Columns, name: string, cursor: { row: number }): () => unknown {
  const { field, values } = columns.fields[name];
  switch (field.kind) {
    case "string":
      return () => textAt(columns, name, cursor.row);
    case "enumeration": {
      const texts = field.values!;
      return () => texts[values[cursor.row]];
    }
    case "boolean":
      return () => values[cursor.row] === 1;
    case "decimal": {
      const unit = 10 ** field.scale!;
      return () => values[cursor.row] / unit;
    }
    default:
      return () => values[cursor.row];
  }
}
