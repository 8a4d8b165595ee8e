/** Rows as a table for people, as JSON or as CSV. */
import { csvLine, moreRowsLine } from "../std/csv.ts";
import { UserError } from "../std/errors.ts";
import type { AnswerColumn } from "../ports/services.ts";
import { Table } from "./table.ts";
import { grouped } from "./text.ts";
import type { World } from "./world.ts";

/** How rows are written. */
export type RowFormat = "table" | "json" | "csv";

/** The flags that show more rows, where a command has both. */
export const MORE_BY_FLAGS = "--all shows them, --limit more of them";

/** A row by column. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * What `--format` and `--json` ask for.
 *
 * @throws {UserError} when they contradict each other.
 */
export function rowFormat(flags: Readonly<Record<string, string | boolean>>): RowFormat {
  const { format, json } = flags;
  if (json === true && format !== undefined && format !== "json") {
    throw new UserError(`Cannot write: --json and --format ${format} exclude each other`, {
      field: "format",
    });
  }
  return json === true ? "json" : (format as RowFormat | undefined) ?? "table";
}

/** Options of {@link RowWriter}. */
export interface RowWriterOptions {
  readonly columns: readonly AnswerColumn[];
  readonly format: RowFormat;
  /** Takes the rows on `out`, and on `err` a notice where there are more rows. */
  readonly world: Pick<World, "out" | "err">;
  /** json only: what stands beside the rows. */
  readonly beside?: Row;
  /** json only: what the rows are called. Default `rows`. */
  readonly name?: string;
}

/** Writes rows part by part, so that no more than a part is in memory. */
export class RowWriter {
  readonly #options: RowWriterOptions;
  readonly #table: Table;
  #rows = 0;
  #begun = false;

  constructor(options: RowWriterOptions) {
    this.#options = options;
    this.#table = new Table({
      headings: options.columns.map(({ name }) => name),
      right: options.columns.map(({ type }) => isNumber(type)),
      terminal: options.world.out,
    });
  }

  write(rows: readonly Row[]): void {
    const { columns, format, world: { out } } = this.#options;
    if (rows.length === 0) return;
    if (format === "json") {
      const texts = rows.map((row) => JSON.stringify(row));
      out.write(`${this.#opening()}${this.#rows === 0 ? "" : ","}\n${texts.join(",\n")}`);
    } else if (format === "csv") {
      const names = columns.map(({ name }) => name);
      const lines = rows.map((row) => csvLine(names.map((name) => row[name])));
      out.write(this.#opening() + lines.join(""));
    } else {
      const cells = rows.map((row) => columns.map(({ name, type }) => cellText(type, row[name])));
      out.write(this.#table.text(cells));
    }
    this.#begun = true;
    this.#rows += rows.length;
  }

  /**
   * Ends the document; for a table without rows that is all it says.
   *
   * @param more where there are more rows: which flags show them. A table and CSV say so.
   * @param after json only: what follows the rows.
   */
  end(more: string | null = null, after: object = {}): void {
    const { format, world: { out, err } } = this.#options;
    if (format === "json") {
      const fields = Object.entries(after).map(([key, value]) =>
        `,\n${JSON.stringify(key)}:${JSON.stringify(value)}`
      );
      const newline = this.#rows === 0 ? "" : "\n";
      out.write(`${this.#opening()}${newline}]${fields.join("")}}\n`);
    } else if (this.#rows === 0) {
      out.write(format === "csv" ? this.#opening() : "Nothing is there.\n");
    }
    if (more === null || format === "json") return;
    if (format === "csv") out.write(moreRowsLine(more));
    err.write(`There are more rows: ${more}.\n`);
  }

  /** What stands before the first row. */
  #opening(): string {
    const { columns, format, beside = {}, name = "rows" } = this.#options;
    if (this.#begun) return "";
    if (format === "csv") return csvLine(columns.map(({ name }) => name));
    const fields = Object.entries(beside).map(([key, value]) =>
      `${JSON.stringify(key)}:${JSON.stringify(value ?? null)},\n`
    );
    return `{${fields.join("")}${JSON.stringify(name)}:[`;
  }
}

/** Whether a column of this type, of the API or of ClickHouse, holds numbers. */
function isNumber(type: string): boolean {
  return /^(integer|decimal|number|uint32|(Nullable\()?(U?Int\d|Float|Decimal))/.test(type);
}

const DECIMALS = 4;

/** A value for people: counts with commas, keys as they are, fractions to four places. */
function cellText(type: string, value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (type === "integer") return grouped(value as number);
  if (typeof value === "number" && !Number.isInteger(value)) {
    return String(Number(value.toFixed(DECIMALS)));
  }
  if (Array.isArray(value)) return value.map(String).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
