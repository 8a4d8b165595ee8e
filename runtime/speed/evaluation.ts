/** Expressions as loops over the columns of a chunk. */
import type { Field, FieldType } from "../events.ts";
import type { Expression, Node } from "../expressions/expression.ts";
import type { Loop, Vector } from "../expressions/operator.ts";
import { type Columns, type FieldColumn, textAt } from "../model/columns.ts";
import { computeLoop } from "./compute_loop.ts";

/** Expressions as one loop over rows. Each operator has a vector, which is filled anew per chunk. */
export class Evaluation {
  readonly #columns: Columns;
  readonly #outputs: Readonly<Record<string, FieldColumn>>;
  readonly #vectors: Map<string, Vector>;
  readonly #loops: Loop[] = [];

  /**
   * @param outputs the columns of some expressions by their texts; their values are put there.
   * @param before an evaluation that has run when this one runs. Default: none.
   */
  constructor(
    columns: Columns,
    outputs: Readonly<Record<string, FieldColumn>> = {},
    before?: Evaluation,
  ) {
    this.#columns = columns;
    this.#outputs = outputs;
    this.#vectors = new Map(before === undefined ? [] : before.#vectors);
  }

  /** Fills all vectors, for the given rows. */
  run(rows: Uint32Array, count: number): void {
    for (const loop of this.#loops) loop(rows, count);
  }

  /** The vector of an expression, which {@link run} fills. */
  vectorOf(expression: Expression): Vector {
    let vector = this.#vectors.get(expression.text);
    if (vector === undefined) {
      vector = this.#add(expression);
      this.#vectors.set(expression.text, vector);
    }
    return vector;
  }

  #add({ node, type, text }: Expression): Vector {
    if (node.kind === "field") return this.#field(node.name, type);
    const operands = node.kind === "call" ? node.operands.map((each) => this.vectorOf(each)) : [];
    const vector = this.#room(text, type);
    if (node.kind === "constant") fill(vector, node);
    else if (node.kind === "compute") {
      this.#loops.push(computeLoop(this.#columns, node.of as (event: unknown) => unknown, vector));
    } else {
      const { operator, parameters } = node;
      if (!operator.seesNulls) this.#spreadNulls(operands, vector);
      this.#loops.push(operator.loop(operands, vector, parameters));
    }
    return vector;
  }

  #field(name: string, type: FieldType): Vector {
    const columns = this.#columns;
    if (type.kind === "instant") return { type, values: columns.eventMs, texts: [] };
    const { values, nulls } = columns.fields[name];
    const texts: string[] = [];
    if (type.kind === "string") {
      this.#loops.push((rows, count) => {
        for (let i = 0; i < count; i++) {
          const row = rows[i];
          texts[row] = nulls?.[row] === 1 ? "" : textAt(columns, name, row);
        }
      });
    }
    return { type, values, nulls, texts };
  }

  #room(text: string, type: FieldType): Vector {
    const output = Object.hasOwn(this.#outputs, text) ? this.#outputs[text] : undefined;
    const { values, nulls } = output ?? allocateColumn(type, this.#columns.capacity);
    return { type, values, nulls, texts: [] };
  }

  #spreadNulls(operands: readonly Vector[], { nulls }: Vector): void {
    if (nulls === undefined) return;
    const all = operands.flatMap((operand) => operand.nulls ?? []);
    this.#loops.push((rows, count) => {
      for (let i = 0; i < count; i++) nulls[rows[i]] = 0;
      for (const some of all) {
        for (let i = 0; i < count; i++) if (some[rows[i]] === 1) nulls[rows[i]] = 1;
      }
    });
  }
}

function fill({ values, texts, type }: Vector, { value }: Extract<Node, { kind: "constant" }>) {
  if (type.kind !== "string") return void values.fill(Number(value));
  for (let row = 0; row < values.length; row++) texts[row] = String(value);
}

/** A column of computed values, in memory that threads share. Texts are positions in its `texts`. */
export function allocateColumn(type: FieldType, capacity: number): FieldColumn {
  const bytes = (each: number) => new SharedArrayBuffer(each * capacity);
  const small = type.kind === "boolean" || type.kind === "enumeration";
  const field: Field = { ...type, summary: "" };
  return {
    field,
    values: small
      ? new Uint8Array(bytes(1))
      : type.kind === "string" || type.kind === "uint32"
      ? new Uint32Array(bytes(4))
      : new Float64Array(bytes(8)),
    nulls: type.nullable ? new Uint8Array(bytes(1)) : undefined,
  };
}
