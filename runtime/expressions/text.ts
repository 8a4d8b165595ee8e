/** Texts, in code points where positions and lengths count. */
import type { FieldType } from "../events.ts";
import { type Operator, type Parameter, textLoop, type Vector } from "./operator.ts";
import { sqlText } from "../std/sql_text.ts";
import { numberType, typeName } from "./ranges.ts";

/** The most code points that a text can have: as many as bytes. */
const mostLetters = ({ maxBytes, values }: FieldType) =>
  maxBytes ?? Math.max(...values!.map((value) => value.length * 3));

function textOnly([{ kind, ...type }]: readonly FieldType[]): FieldType {
  if (kind !== "string") throw new TypeError(`expected a text, got ${typeName({ kind, ...type })}`);
  return { ...type, kind };
}

/** An operator that makes a text of a text. */
function textual(
  name: string,
  of: (text: string, parameters: readonly Parameter[]) => string,
  sql: (text: string, parameters: readonly Parameter[]) => string,
): Operator {
  return {
    name,
    type: textOnly,
    loop([{ texts }]: readonly Vector[], out, parameters) {
      return (rows, count) => {
        for (let i = 0; i < count; i++) out.texts[rows[i]] = of(texts[rows[i]], parameters);
      };
    },
    sql: ([a], _type, parameters) => sql(a.sql, parameters),
  };
}

export const lower = textual(
  "lower",
  (text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
  (text) => `lower(${text})`,
);

export const upper = textual(
  "upper",
  (text) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
  (text) => `upper(${text})`,
);

export const substring = textual(
  "substring",
  (text, [start, length]) => {
    const from = Number(start) - 1;
    return [...text].slice(from, from + Number(length)).join("");
  },
  (text, [start, length]) => `substringUTF8(${text}, ${start}, ${length})`,
);

export const before = textual(
  "before",
  (text, [separator]) => {
    const at = text.indexOf(String(separator));
    return at < 0 ? text : text.slice(0, at);
  },
  (text, [separator]) => {
    const at = `position(${text}, ${sqlText(String(separator))})`;
    return `if(${at} = 0, ${text}, substring(${text}, 1, ${at} - 1))`;
  },
);

export const after = textual(
  "after",
  (text, [separator]) => {
    const at = text.indexOf(String(separator));
    return at < 0 ? "" : text.slice(at + String(separator).length);
  },
  (text, [separator]) => {
    const at = `position(${text}, ${sqlText(String(separator))})`;
    const bytes = new TextEncoder().encode(String(separator)).length;
    return `if(${at} = 0, '', substring(${text}, ${at} + ${bytes}))`;
  },
);

export const startsWith: Operator = {
  name: "startsWith",
  type(operands) {
    textOnly(operands);
    return { kind: "boolean", nullable: false };
  },
  loop(operands, out, [prefix]) {
    return textLoop(operands, out, (text) => text.startsWith(String(prefix)) ? 1 : 0);
  },
  sql: ([a], _type, [prefix]) => `startsWith(${a.sql}, ${sqlText(String(prefix))})`,
};

export const length: Operator = {
  name: "length",
  type(operands) {
    return numberType({ scale: 0, least: 0, most: mostLetters(textOnly(operands)) });
  },
  loop: (operands, out) => textLoop(operands, out, codePoints),
  sql: ([a]) => `lengthUTF8(${a.sql})`,
};

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** The text of an enumeration's value. */
export const text: Operator = {
  name: "text",
  type([type]) {
    if (type.kind !== "enumeration") {
      throw new TypeError(`expected an enumeration, got ${typeName(type)}`);
    }
    return { kind: "string", nullable: false, maxBytes: mostLetters(type) };
  },
  loop([{ type, values }], { texts }) {
    const names = type.values!;
    return (rows, count) => {
      for (let i = 0; i < count; i++) texts[rows[i]] = names[values[rows[i]]];
    };
  },
  sql: ([a]) => `toString(${a.sql})`,
};
