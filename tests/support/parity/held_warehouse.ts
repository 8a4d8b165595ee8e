import { ExternalError } from "../../../runtime/std/errors.ts";
import type { StatementOptions, Warehouse } from "../../../runtime/ports/ports.ts";

/** An insert that a process has sent and that has not arrived. */
export interface HeldInsert {
  /** Lets it arrive, and its sender know. */
  deliver(): Promise<void>;
  /** Lets it arrive, but its sender is told that the connection broke: the result stays unknown. */
  deliverUnknown(): Promise<void>;
  /** It never arrives, and its sender knows. */
  refuse(): void;
}

/** A warehouse whose inserts wait until the test lets them arrive: late, twice known, or never. */
export class HeldWarehouse implements Warehouse {
  readonly held: HeldInsert[] = [];
  readonly database: string;
  readonly cluster: string | null;

  constructor(readonly warehouse: Warehouse) {
    this.database = warehouse.database;
    this.cluster = warehouse.cluster;
  }

  query<Row>(sql: string, options?: StatementOptions): Promise<Row[]> {
    return this.warehouse.query<Row>(sql, options);
  }
  stream(sql: string, format: string, options?: StatementOptions) {
    return this.warehouse.stream(sql, format, options);
  }
  command(sql: string, options?: StatementOptions): Promise<void> {
    return this.warehouse.command(sql, options);
  }
  apart(connections: number): Warehouse {
    return this.warehouse.apart(connections);
  }
  close(): Promise<void> {
    return Promise.resolve();
  }

  insert(into: string, rows: Uint8Array): Promise<void> {
    const bytes = rows.slice();
    return new Promise((resolve, reject) => {
      const fault = () => reject(new ExternalError("Cannot insert: the connection broke"));
      const arrive = () => this.warehouse.insert(into, bytes);
      this.held.push({
        deliver: () => arrive().then(resolve),
        deliverUnknown: () => arrive().then(fault),
        refuse: fault,
      });
    });
  }
}
