/** Brings the warehouse's tables to the form that this version knows. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { UserError } from "../std/errors.ts";
import type { Warehouse } from "../ports/ports.ts";
import { splitStatements } from "./sql_statements.ts";

/** A file of `sql/migrations/`. */
export interface Migration {
  /** Its place in the order, from 1. */
  readonly number: number;
  /** `0001_create_dead_letters`. */
  readonly name: string;
  readonly sql: string;
}

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

const CREATE_RECORD = `
  CREATE TABLE IF NOT EXISTS schema_migrations (
    number UInt32, name String, checksum String, applied DateTime64(3, 'UTC')
  ) ENGINE = ReplacingMergeTree ORDER BY number`;

/**
 * Reads the migrations of a folder.
 *
 * @returns them in their order.
 * @throws UserError for a file that is not named `NNNN_verb_noun.sql`, and for a number that is
 * missing or given twice.
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) if (entry.isFile) names.push(entry.name);
  const migrations: Migration[] = [];
  for (const file of names.sort()) {
    const number = Number(FILE_NAME.exec(file)?.[1]);
    if (number !== migrations.length + 1) {
      throw new UserError(
        `Cannot read migrations: expected ${String(migrations.length + 1).padStart(4, "0")}` +
          `_verb_noun.sql next, got "${file}"`,
      );
    }
    const sql = await Deno.readTextFile(join(folder, file));
    migrations.push({ number, name: file.slice(0, -".sql".length), sql });
  }
  return migrations;
}

/**
 * Applies what has not been applied, in order, and records each with a checksum. Processes may do
 * so at once: ClickHouse has no lock for it, so every statement must be harmless when repeated
 * (`CREATE TABLE IF NOT EXISTS`, `ALTER … ADD COLUMN IF NOT EXISTS`), and a migration is recorded
 * after it has run.
 *
 * @returns the names of those applied now.
 * @throws UserError when an applied migration has another text, or is not known: the data are of a
 * newer version.
 */
export async function migrate(
  warehouse: Warehouse,
  migrations: readonly Migration[],
): Promise<string[]> {
  await warehouse.command(CREATE_RECORD);
  const applied = await readApplied(warehouse);
  const checksums = migrations.map(({ sql }) => checksum(sql));
  refuseUnknown(applied, migrations, checksums);
  const names: string[] = [];
  for (const [index, { number, name, sql }] of migrations.entries()) {
    if (applied.has(number)) continue;
    for (const statement of splitStatements(sql)) await warehouse.command(statement);
    await warehouse.command(
      `INSERT INTO schema_migrations
       SELECT {number:UInt32}, {name:String}, {checksum:String}, now64(3)`,
      { params: { number, name, checksum: checksums[index] } },
    );
    names.push(name);
  }
  return names;
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

async function readApplied(warehouse: Warehouse): Promise<Map<number, Applied>> {
  const rows = await warehouse.query<Applied>(
    "SELECT number, name, checksum FROM schema_migrations FINAL ORDER BY number",
  );
  return new Map(rows.map((row) => [row.number, row]));
}

function refuseUnknown(
  applied: ReadonlyMap<number, Applied>,
  migrations: readonly Migration[],
  checksums: readonly string[],
): void {
  for (const { number, name, checksum } of applied.values()) {
    const known = migrations[number - 1];
    if (!known) {
      throw new UserError(
        `Cannot migrate the warehouse: it has migration "${name}", the newest known here is ` +
          `${migrations.length}; use a newer version of Twofold`,
      );
    }
    if (checksum !== checksums[number - 1]) {
      throw new UserError(
        `Cannot migrate the warehouse: migration "${known.name}" was changed after it had been ` +
          "applied; put its text back and add a new migration",
      );
    }
  }
}

/** SHA-256 of a migration's statements, in hex: a comment may still be mended. */
function checksum(sql: string): string {
  const text = splitStatements(sql).join(";\n").replace(/\r\n/g, "\n");
  return createHash("sha256").update(text).digest("hex");
}
