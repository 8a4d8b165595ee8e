/**
 * The law of measures: any split of events into blocks, merged in any order, gives the same as SQL
 * over all events, and as SQL that merges the SQL states.
 */
import { expect, fc } from "testing";
import { allocateColumns, type Columns } from "../../runtime/model/columns.ts";
import {
  boolean,
  clickHouseType,
  decimal,
  defineSchema,
  enumeration,
  type Field,
  instant,
  integer,
  string,
  uint32,
} from "../../runtime/events.ts";
import type {
  CellStates,
  Measure,
  MeasureColumn,
  ShownValue,
  StateOf,
} from "../../runtime/measures/measure.ts";
import { INSTANT_END_MS } from "../../runtime/std/instant.ts";
import type { columnsOfMeasures } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { RowBinaryWriter } from "../../runtime/std/row_binary.ts";
import { instantText } from "../../runtime/testing/random_stream.ts";

const source = defineSchema({
  topic: "things",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "id",
  fields: {
    id: string(),
    at: instant(),
    guest: uint32({ nullable: true }),
    height: integer({ min: -(2 ** 37), max: 2 ** 37, nullable: true }),
    stars: integer({ min: -3, max: 10 }),
    size: decimal({ scale: 3, min: -1e8, max: 1e8, nullable: true }),
    rating: decimal({ scale: 2, min: -1, max: 10, nullable: true }),
    kind: enumeration(["a", "it's", "zoë"], { nullable: true }),
    page: string({ nullable: true }),
    good: boolean({ nullable: true }),
  },
});

type FieldName = keyof typeof source.fields;

/** The columns of `events` that the law fills. */
const STRUCTURE = "block UInt8, key UInt8, event_time DateTime64(9, 'UTC'), " +
  Object.entries(source.fields).filter(([, { kind }]) => kind !== "instant")
    .map(([name, field]) => `${name} ${clickHouseType(field)}`).join(", ");

/** By kind of measure, the declarations to try on a field. A kind that is missing fails the law. */
const declared: Readonly<Record<string, (field: string) => readonly Measure[]>> = {
  approxUniq: (field) => [{ kind: "approxUniq", field }],
  avg: (field) => [{ kind: "avg", field }],
  count: () => [{ kind: "count" }],
  countIf: (field) => [{ kind: "countIf", field }],
  first: (field) => [{ kind: "first", field }],
  histogram: (field) => [{ kind: "histogram", field, bounds: [-1, 0, 2.5, 10] }],
  last: (field) => [{ kind: "last", field }],
  max: (field) => [{ kind: "max", field }],
  min: (field) => [{ kind: "min", field }],
  quantile: (field) => [
    ...[0, 0.5, 1].map((q) => ({ kind: "quantile", field, q })),
    { kind: "quantile", field, q: [0.25, 0.999] },
  ],
  sessions: () => [{ kind: "sessions", gapSeconds: 2 }],
  sessionsIf: (field) => [{ kind: "sessionsIf", field, gapSeconds: 1 }],
  stddev: (field) => [{ kind: "stddev", field }],
  sum: (field) => [{ kind: "sum", field }],
  uniq: (field) => [{ kind: "uniq", field }],
  variance: (field) => [{ kind: "variance", field }],
};

/** The modules that the law is about: the project's, or a mutant's. */
export interface MeasureModules {
  readonly measureKinds: Readonly<Record<string, { readonly takes: readonly string[] }>>;
  readonly columnsOfMeasures: typeof columnsOfMeasures;
}

/** Kinds of measure on every field that they take. */
function everyMeasure(
  { measureKinds }: MeasureModules,
  kinds: readonly string[],
): Record<string, Measure> {
  const all: Record<string, Measure> = {};
  const counts: Record<string, number> = {};
  for (const kind of kinds) {
    const { takes } = measureKinds[kind];
    const fields = Object.entries(source.fields).filter(([, field]) => takes.includes(field.kind));
    for (const [field] of takes.length === 0 ? [["none"]] : fields) {
      for (const measure of declared[kind](field)) {
        const name = `${kind}_${field}`;
        const serial = counts[name] = (counts[name] ?? 0) + 1;
        all[`${name}_${serial}`] = measure;
      }
    }
  }
  return all;
}

/** An event: scaled integers, positions of enumerations, texts, or null. */
interface Event {
  readonly block: number;
  readonly key: number;
  /** Event time, in milliseconds since 1970 UTC and nanoseconds within. */
  readonly ms: number;
  readonly ns: number;
  readonly values: Readonly<Partial<Record<FieldName, number | string | null>>>;
}

const KEYS = 3;
const BLOCKS = 4;

const oneOf = <T>(edges: readonly T[], any: fc.Arbitrary<T>) =>
  fc.oneof(fc.constantFrom(...edges), any);
const nullable = <T>(any: fc.Arbitrary<T>) => fc.option(any, { freq: 4, nil: null });
const uint = oneOf([0, 1, 2 ** 32 - 1], fc.integer({ min: 0, max: 40 }));

const events: fc.Arbitrary<readonly Event[]> = fc.array(
  fc.record({
    block: fc.nat(BLOCKS - 1),
    key: fc.nat(KEYS - 1),
    // Few, so that only the id tells some events apart, and only the value some repeats.
    ms: fc.oneof(
      fc.constantFrom(0, INSTANT_END_MS - 1),
      // At most a gap of sessions apart, or more.
      fc.tuple(fc.nat(20), fc.constantFrom(0, 1)).map(([halves, ms]) => 500 * halves + ms),
    ),
    ns: fc.constantFrom(0, 999_999),
    values: fc.record({
      // The last two have one order in UTF-8 and the other one in UTF-16.
      id: fc.constantFrom("", "\u{ff5e}", "\u{1f600}"),
      guest: nullable(uint),
      height: nullable(oneOf([-(2 ** 37), 2 ** 37, 0], fc.integer({ min: -1e10, max: 1e10 }))),
      stars: fc.integer({ min: -3, max: 10 }),
      size: nullable(oneOf([-1e11, 1e11, 0, -1], fc.integer({ min: -1e11, max: 1e11 }))),
      rating: nullable(fc.integer({ min: -100, max: 1000 })),
      kind: nullable(fc.nat(2)),
      page: nullable(oneOf(["", "naïve/☃", "it's"], fc.string({ maxLength: 40 }))),
      good: nullable(fc.nat(1)),
    }),
  }),
  { minLength: 1, maxLength: 60 },
).map((all) => all.toSorted((a, b) => a.block - b.block));

/** The events as the decoder leaves them. */
function columnsOf(all: readonly Event[]): Columns {
  const columns = allocateColumns(source, Math.max(1, all.length));
  const bytes: number[] = [];
  for (const [row, { ms, ns, values }] of all.entries()) {
    columns.eventMs[row] = ms;
    columns.eventNs[row] = ns;
    for (const [name, value] of Object.entries(values)) {
      const { values: to, ends, nulls } = columns.fields[name];
      if (value === null) nulls![row] = 1;
      else if (typeof value === "number") to[row] = value;
      else {
        to[row] = bytes.length;
        bytes.push(...new TextEncoder().encode(value));
        ends![row] = bytes.length;
      }
    }
  }
  columns.bytes = Uint8Array.from(bytes);
  return columns;
}

/** The events as the archive has them, as `JSONEachRow`. */
function jsonOf({ block, key, ms, ns, values }: Event): string {
  const texts = Object.entries(values).map(([name, value]) => {
    const { kind, scale = 0, values: choices }: Field = source.fields[name as FieldName];
    if (kind === "decimal" && value !== null) {
      return [name, (Number(value) / 10 ** scale).toFixed(scale)];
    }
    return [name, kind === "enumeration" && value !== null ? choices![Number(value)] : value];
  });
  const event_time = instantText(ms, ns, "");
  return JSON.stringify({ block, key, event_time, ...Object.fromEntries(texts) });
}

/** The states of all cells, `block * KEYS + key`, as the speed layer makes them. */
function speedStates(measures: readonly MeasureColumn[], all: readonly Event[]): CellStates[] {
  const columns = columnsOf(all);
  const cellOf = Int32Array.from(all, ({ block, key }) => block * KEYS + key);
  return measures.map((column) => {
    const states = column.allocate(1);
    states.grow(KEYS * BLOCKS);
    const adder = column.adder(columns);
    const middle = all.length >> 1;
    adder.add(states, cellOf, 0, middle);
    adder.add(states, cellOf, middle, all.length);
    return states;
  });
}

/** The law over one warehouse and the modules of one engine. */
export class MeasureLaw {
  /** Names of the measures that are checked. */
  readonly measures: readonly string[];
  readonly #warehouse: Warehouse;
  readonly #columns: readonly MeasureColumn[];
  readonly #shown: ReturnType<typeof columnsOfMeasures>["shownColumns"];

  /** @param kinds of measure to check. Default: all. */
  constructor(
    warehouse: Warehouse,
    modules: MeasureModules,
    kinds: readonly string[] = Object.keys(modules.measureKinds),
  ) {
    const measures = everyMeasure(modules, kinds);
    const made = modules.columnsOfMeasures({ source, measures });
    this.measures = Object.keys(measures);
    this.#warehouse = warehouse;
    this.#columns = made.measureColumns;
    this.#shown = made.shownColumns;
  }

  /** The functions that generated batch SQL calls. */
  functions(): ReadonlySet<string> {
    const sql = this.#columns.map((column) => column.buildSql("block < 2")).join(" ");
    return new Set(sql.match(/\w+(?=\()/g));
  }

  /** Checks the law. @throws what fast-check found. */
  async check(parameters: fc.Parameters<[readonly Event[], readonly number[]]> = {}) {
    const stored = this.#columns.map(({ name, sqlType }) => `${name} ${sqlType}`);
    await this.#warehouse.command(`CREATE OR REPLACE TABLE events (${STRUCTURE}) ENGINE = Memory`);
    await this.#warehouse.command(
      `CREATE OR REPLACE TABLE states (block UInt8, key UInt8, ${
        stored.join(", ")
      }) ENGINE = Memory`,
    );
    const order = fc.array(fc.nat(), { minLength: BLOCKS, maxLength: BLOCKS });
    await fc.assert(
      fc.asyncProperty(events, order, async (all, by) => {
        const speed = await this.#write(all);
        for (const condition of [undefined, "block < 2"]) await this.#compareSql(all, condition);
        await this.#compareHere(speed, by);
        await this.#compareDifferences(speed);
      }),
      parameters,
    );
  }

  /** Writes the events and the speed layer's states into the tables. */
  async #write(all: readonly Event[]): Promise<CellStates[]> {
    for (const table of ["events", "states"]) {
      await this.#warehouse.command(`TRUNCATE TABLE ${table}`);
    }
    await this.#warehouse.command(
      "INSERT INTO events SELECT * FROM format(JSONEachRow, {structure:String}, {data:String})"
        .replace("{structure:String}", `'${STRUCTURE.replace(/[\\']/g, "\\$&")}'`),
      { params: { data: all.map(jsonOf).join("\n") } },
    );
    const speed = speedStates(this.#columns, all);
    const writer = new RowBinaryWriter();
    for (let cell = 0; cell < KEYS * BLOCKS; cell++) {
      writer.u8(Math.floor(cell / KEYS));
      writer.u8(cell % KEYS);
      for (const states of speed) states.write(writer, cell);
    }
    await this.#warehouse.insert("states", writer.finish());
    return speed;
  }

  /** Merged states of the speed layer = SQL over the events = merged states of that SQL. */
  async #compareSql(all: readonly Event[], condition?: string): Promise<void> {
    const built = (by: string, where?: string) =>
      `SELECT ${by}, ${
        this.#columns.map((c) =>
          `CAST(${c.storedSql(`r.${c.name}`)}, ${text(c.sqlType)}) AS ${c.name}`
        )
      } FROM (SELECT ${by}, ${
        this.#columns.map((c) => `${c.buildSql(where)} AS ${c.name}`)
      } FROM events GROUP BY ${by}) AS r`;
    const merged = (from: string) =>
      `SELECT key, ${
        this.#columns.map((c) => `${c.mergeSql(`t.${c.name}`, condition)} AS ${c.name}`)
      } FROM (${from}) AS t GROUP BY key`;
    const difference = (other: string) => (c: MeasureColumn) =>
      `${c.differenceSql(`speed.${c.name}`, `${other}.${c.name}`)} AS ${other}_${c.name}`;
    const rows = await this.#warehouse.query(
      `SELECT ${[
        ...this.#columns.map(difference("whole")),
        ...this.#columns.map(difference("batch")),
      ]} FROM (${merged("SELECT * FROM states")}) AS speed
    JOIN (${built("key", condition)}) AS whole USING (key)
    JOIN (${merged(built("block, key"))}) AS batch USING (key)`,
    );
    expect(rows.length).toBe(new Set(all.map(({ key }) => key)).size);
    for (const row of rows) {
      expect(Object.entries(row).filter(([, difference]) => difference !== 0)).toEqual([]);
    }
  }

  /** States merged and shown here, from memory and from the table's rows, as SQL shows them. */
  async #compareHere(
    speed: readonly CellStates[],
    by: readonly number[],
  ): Promise<void> {
    const blocks = [...by.keys()].sort((a, b) => by[a] - by[b]);
    const rows = await this.#warehouse.query(
      "SELECT * FROM states SETTINGS output_format_json_quote_64bit_integers = 1, " +
        "output_format_json_quote_decimals = 1",
    );
    const wanted = await this.#warehouse.query(
      `SELECT key, ${
        this.#shown.map(({ name, sql }) => sql === name ? name : `${sql} AS ${name}`)
      } FROM (SELECT key, ${
        this.#columns.map((c) => `${c.mergeSql(c.name)} AS ${c.name}`)
      } FROM states GROUP BY key) AS merged ORDER BY key`,
    );
    const found = (stateOf: (i: number, key: number, block: number) => unknown) =>
      wanted.map((_, key) => ({
        key,
        ...this.#show((column, i) => {
          const [first, ...rest] = blocks.map((block) => stateOf(i, key, block));
          return column.merge([column.merge([first]), column.merge(rest), column.merge([])]);
        }),
      }));
    expect(found((i, key, block) => speed[i].of(block * KEYS + key))).toEqual(wanted);
    const byCell = new Map(rows.map((row) => [Number(row.block) * KEYS + Number(row.key), row]));
    expect(found((i, key, block) => {
      const column = this.#columns[i];
      return column.read(byCell.get(block * KEYS + key)![column.name]);
    })).toEqual(wanted);
    // What is kept for readers is the same.
    for (const states of speed) states.seal(KEYS * BLOCKS);
    expect(found((i, key, block) => speed[i].of(block * KEYS + key))).toEqual(wanted);
  }

  #show(merged: (column: MeasureColumn, i: number) => unknown): Record<string, ShownValue> {
    const states = new Map(this.#columns.map((column, i) => [column.name, merged(column, i)]));
    const stateOf: StateOf = <State>({ name }: MeasureColumn<State>) => states.get(name) as State;
    return Object.fromEntries(this.#shown.map(({ name, of }) => [name, of!(stateOf)]));
  }

  /** Two states differ in SQL exactly where they differ here. */
  async #compareDifferences(speed: readonly CellStates[]): Promise<void> {
    const rows = await this.#warehouse.query(
      `SELECT a.block * ${KEYS} + a.key AS _a, b.block * ${KEYS} + b.key AS _b, ${
        this.#columns.map((c) => `${c.differenceSql(`a.${c.name}`, `b.${c.name}`)} AS ${c.name}`)
      } FROM states AS a CROSS JOIN states AS b WHERE a.key = 0`,
    );
    for (const { _a, _b, ...differences } of rows) {
      for (const [i, { name }] of this.#columns.entries()) {
        const [a, b] = [_a, _b].map((cell) => canonical(speed[i].of(Number(cell))));
        expect([name, Number(differences[name]) > 0]).toEqual([name, a !== b]);
      }
    }
  }
}

/** A state as a text; the order of a set does not count. */
function canonical(state: unknown): string {
  const plain = Array.isArray(state) ? state.map(String).sort() : state;
  return JSON.stringify(plain, (_, value) => typeof value === "bigint" ? `${value}n` : value);
}

const text = (value: string) => `'${value.replace(/[\\']/g, "\\$&")}'`;
