import { afterAll, beforeAll, describe, expect, fc, test } from "testing";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { clickHouseType } from "../../runtime/events.ts";
import * as arithmetic from "../../runtime/expressions/arithmetic.ts";
import * as comparison from "../../runtime/expressions/comparison.ts";
import type { Expression } from "../../runtime/expressions/expression.ts";
import * as logic from "../../runtime/expressions/logic.ts";
import { type Operator, type Vector } from "../../runtime/expressions/operator.ts";
import { sqlText } from "../../runtime/std/sql_text.ts";
import { rangeOf } from "../../runtime/expressions/ranges.ts";
import * as texts from "../../runtime/expressions/text.ts";
import * as time from "../../runtime/expressions/time.ts";
import { allocateColumns } from "../../runtime/model/columns.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { Evaluation } from "../../runtime/speed/evaluation.ts";
import { chunkOf } from "../../runtime/testing/chunk.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { reading, readings } from "../support/archive_world.ts";
import { operatorMutants } from "../support/operator_mutants.ts";
import { makeMutant, type Patch } from "../support/parity/engine_modules.ts";
import { randomExpressions } from "../support/random_expressions.ts";
import { byTier } from "../support/tier.ts";

const RUNS = byTier({ quick: 40, full: 160, long: 800 });
/** The most cases before a mutant counts as having survived. */
const MUTANT_RUNS = 200;
const ROWS = 24;
/** Expressions that one statement computes. */
const TOGETHER = 24;

const dir = Deno.makeTempDirSync({ prefix: "expressions-" });
let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "expressions", memoryLimitBytes: 1e9 });
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

const numbers = (least: number, most: number, scale = 0) =>
  fc.oneof(
    fc.constantFrom(least, most, 0),
    fc.integer({ min: -40, max: 40 }).map((steps) => steps / 10 ** scale),
    fc.integer({ min: -9, max: 9 }),
  ).map((value) => Math.min(most, Math.max(least, value)));
const text = fc.oneof(
  fc.constantFrom("", "a/b/c", "it's", "Größe/😀/x", "\\", "ABC", "a", "//"),
  fc.string({ unit: "binary", maxLength: 8 }).filter((value) => value.isWellFormed()),
);
const events = fc.array(
  fc.record({
    id: text.filter((id) => id !== ""),
    at: fc.constantFrom(
      "1970-01-01T00:00:00Z",
      "2026-03-29T00:59:59.999999999Z",
      "2026-03-29T01:00:00Z",
      "2011-12-30T09:59:59.999Z",
      "2026-02-28T23:59:59.999999999Z",
      "2024-02-29T12:30:00Z",
      "2105-12-31T23:59:59Z",
    ),
    meter: numbers(0, 2 ** 32 - 1),
    count: numbers(-1e11, 1e11),
    count_or_null: fc.option(numbers(-1e11, 1e11)),
    level: numbers(-1e6, 1e6, 3),
    level_or_null: fc.option(numbers(-1e6, 1e6, 2)),
    state: fc.constantFrom("it's on", "off", "unknown"),
    state_or_null: fc.constantFrom("a", "b", null),
    good: fc.boolean(),
    good_or_null: fc.option(fc.boolean()),
    note: fc.option(text),
    other_or_null: fc.option(numbers(0, 2 ** 32 - 1)),
  }),
  { minLength: ROWS, maxLength: ROWS },
);

/** The values that the loops compute, by expression and row. */
function byLoops(expressions: readonly Expression[], given: readonly object[]): unknown[][] {
  const columns = allocateColumns(readings, given.length);
  const values = given.map((event) => JSON.stringify(reading(event as Record<string, unknown>)));
  createDecoder(readings).decode(chunkOf(values), columns);
  const evaluation = new Evaluation(columns);
  const vectors = expressions.map((expression) => evaluation.vectorOf(expression));
  evaluation.run(Uint32Array.from(given, (_, row) => row), given.length);
  return vectors.map((vector) => given.map((_, row) => valueOf(vector, row)));
}

function valueOf({ type, values, nulls, texts }: Vector, row: number): unknown {
  if (nulls?.[row] === 1) return null;
  if (type.kind === "string") return texts[row];
  if (type.kind === "enumeration") return type.values![values[row]];
  return String(values[row]);
}

/** The same by the engine: numbers as their scaled whole numbers. */
async function bySql(expressions: readonly Expression[], given: readonly object[]) {
  const structure = Object.entries(readings.fields).map(([name, field]) =>
    `${name} ${clickHouseType(field)}`
  );
  const selected = expressions.map((expression, i) => {
    const { type } = expression;
    const sql = expression.sql((field) => field);
    const scale = rangeOf(type)?.scale;
    const shown = scale !== undefined && scale > 0
      ? `toInt128(CAST(${sql}, 'Nullable(Decimal(38, ${scale}))') * ${10 ** scale})`
      : type.kind === "boolean"
      ? `toUInt8(${sql})`
      : sql;
    return `toString(${shown}) AS e${i}`;
  });
  const data = given.map((event, n) => JSON.stringify({ ...reading(event as never), n }));
  const rows = await warehouse.query<Record<string, string | null>>(
    `SELECT ${selected.join(", ")} FROM format(JSONEachRow, ${
      sqlText(["n UInt32", ...structure].join(", "))
    }, {data:String}) ORDER BY n`,
    { params: { data: data.join("\n") } },
  );
  return expressions.map((_, i) => rows.map((row) => row[`e${i}`]));
}

function operatorsOf({ node }: Expression): Operator[] {
  return node.kind === "call" ? [node.operator, ...node.operands.flatMap(operatorsOf)] : [];
}

const operators = [arithmetic, comparison, logic, texts, time].flatMap((group) =>
  Object.values(group).filter((value): value is Operator => typeof value === "object")
);

/** Both layers agree on expressions that have one of the operators. */
function law(among: readonly Operator[], seen = new Set<Operator>()) {
  const some = fc.array(
    randomExpressions(readings).filter((each) =>
      operatorsOf(each).some((operator) => among.includes(operator))
    ),
    { minLength: TOGETHER, maxLength: TOGETHER },
  );
  return fc.asyncProperty(some, events, async (expressions, given) => {
    for (const each of expressions) for (const op of operatorsOf(each)) seen.add(op);
    const texts = expressions.map((each) => each.sql((field) => field));
    const [loops, sql] = [byLoops(expressions, given), await bySql(expressions, given)];
    for (const [i, values] of loops.entries()) {
      expect([texts[i], values]).toEqual([texts[i], sql[i]]);
    }
  });
}

describe("laws of expressions", () => {
  const seen = new Set<Operator>();

  test("the loops of the speed layer give what the SQL gives", async () => {
    await fc.assert(law(operators, seen), { numRuns: RUNS });
  });

  test("all operators were tried", () => {
    expect(operators.filter((operator) => !seen.has(operator)).map(({ name }) => name)).toEqual([]);
    expect(operators.length).toBeGreaterThan(25);
  });
});

describe("the law of expressions fails on a wrong", () => {
  /** The operators of a copy of the runtime in which each is wrong. */
  let wrong: readonly Operator[];
  beforeAll(async () => {
    // Two operators may share the line that is wrong.
    const patches = new Map<string, Patch>();
    for (const [name, find, replace] of Object.values(operatorMutants)) {
      patches.set(find, { file: `runtime/expressions/${name}`, find, replace });
    }
    const base = await makeMutant("operators", [...patches.values()]);
    const files = new Set(patches.values().map(({ file }) => file));
    const groups = await Promise.all([...files].map((file) => import(new URL(file, base).href)));
    wrong = groups.flatMap((group) => Object.values<Operator>(group));
  });

  test.each(operators.map((operator) => [operator.name, operator] as const))(
    "%s",
    async (name, operator) => {
      const { loop } = operator;
      const mutant = wrong.find((each) => each.name === name && each.loop !== undefined)!;
      try {
        Object.assign(operator, { loop: mutant.loop });
        const found = await fc.check(law([operator]), {
          numRuns: MUTANT_RUNS,
          endOnFailure: true,
        });
        // It failed because an answer was wrong, not because the mutant broke down.
        expect(String(found.errorInstance).slice(0, 100)).toContain("toEqual");
      } finally {
        Object.assign(operator, { loop });
      }
    },
  );

  test("operator, for each one", () => {
    expect(Object.keys(operatorMutants).sort()).toEqual(operators.map(({ name }) => name).sort());
  });
});
