/**
 * The form that statements take on a ClickHouse cluster. Every table becomes two: `<name>_local`,
 * Replicated, on each server, and `<name>`, Distributed over them, which queries and inserts name as
 * before.
 *
 * No cluster has run this yet: it is held by golden tests, and ClickHouse's parser takes it.
 */
import { TwofoldError } from "../std/errors.ts";

/** Where the tables are. */
export interface ClusterTarget {
  /** The cluster's name in the servers' configuration. */
  readonly cluster: string;
  readonly database: string;
}

/**
 * Settings that a cluster needs beside the others: an insert is on a majority before it counts, a
 * query sees all that counts, and a subquery is asked of all servers.
 */
export const clusterSettings: Readonly<Record<string, string>> = {
  insert_quorum: "auto",
  insert_quorum_parallel: "0",
  select_sequential_consistency: "1",
  insert_distributed_sync: "1",
  distributed_product_mode: "global",
};

const CREATE_TABLE =
  /^(CREATE TABLE(?: IF NOT EXISTS)?) (\w+)\s*(\([\s\S]*\))\s*ENGINE = (\w*MergeTree)\b/;
const ENGINE_ARGUMENTS = /^\s*\(([^()]*)\)/;
const CREATE_VIEW = /^CREATE OR REPLACE VIEW (\w+) AS\b/;
const DROP_TABLE = /^DROP TABLE IF EXISTS (\w+)( SYNC)?$/;
const ON_LOCAL = /^(DELETE FROM|TRUNCATE TABLE) (\w+)/;
const ADD_COLUMN =
  /^ALTER TABLE (\w+)\s+(ADD COLUMN IF NOT EXISTS [\s\S]*?)(,\s+MODIFY ORDER BY \([^()]*\))?$/;
const OTHER_DDL = /^(CREATE|ALTER|DROP|RENAME|EXCHANGE|DELETE|TRUNCATE|OPTIMIZE)\b/i;

/**
 * A statement as a cluster runs it.
 *
 * Rows are placed by their `partition` where the table has one, so that a flush is one insert on one
 * server and all versions of a row meet there; all rows of other tables are on the first shard,
 * because a run's pointer and its markers have to appear together.
 *
 * @returns the statements to run one after the other; one that is no DDL comes back as it is.
 * @throws TwofoldError for DDL that has no such form.
 */
export function clusterStatements(sql: string, target: ClusterTarget): string[] {
  const text = sql.trim();
  const on = `ON CLUSTER ${target.cluster}`;
  const table = CREATE_TABLE.exec(text);
  if (table !== null) return tableStatements(text, table, target);
  const view = CREATE_VIEW.exec(text);
  if (view !== null) {
    return [`CREATE OR REPLACE VIEW ${view[1]} ${on} AS${text.slice(view[0].length)}`];
  }
  const drop = DROP_TABLE.exec(text);
  if (drop !== null) {
    const [, name, sync = ""] = drop;
    return [name, localName(name)].map((each) => `DROP TABLE IF EXISTS ${each} ${on}${sync}`);
  }
  const column = ADD_COLUMN.exec(text);
  if (column !== null) {
    // The local table first: the other one only passes on what the local one has, and has no order.
    const [, name, added, ordered = ""] = column;
    return [
      `ALTER TABLE ${localName(name)} ${on} ${added}${ordered}`,
      `ALTER TABLE ${name} ${on} ${added}`,
    ];
  }
  const local = ON_LOCAL.exec(text);
  if (local !== null) {
    return [`${local[1]} ${localName(local[2])} ${on}${text.slice(local[0].length)}`];
  }
  if (!OTHER_DDL.test(text)) return [sql];
  throw new TwofoldError(`Cannot run on a cluster: no form is known for "${text.slice(0, 60)}"`);
}

function tableStatements(
  text: string,
  [head, create, name, columns, engine]: RegExpExecArray,
  { cluster, database }: ClusterTarget,
): string[] {
  const on = `ON CLUSTER ${cluster}`;
  const tail = text.slice(head.length);
  const engineArguments = ENGINE_ARGUMENTS.exec(tail);
  const path = `'/clickhouse/tables/{uuid}/{shard}', '{replica}'`;
  const replicated = engineArguments === null || engineArguments[1].trim() === ""
    ? path
    : `${path}, ${engineArguments[1]}`;
  const rest = tail.slice(engineArguments?.[0].length ?? 0);
  const shard = /[(,]\s*partition\s/.test(columns) ? "partition" : "toUInt8(0)";
  const local = localName(name);
  return [
    `${create} ${local} ${on} ${columns}\n` +
    `ENGINE = Replicated${engine}(${replicated})${rest}`,
    `${create} ${name} ${on} AS ${local}\n` +
    `ENGINE = Distributed(${cluster}, ${database}, ${local}, ${shard})`,
  ];
}

function localName(name: string): string {
  return `${name}_local`;
}
