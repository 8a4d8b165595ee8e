/** Random expressions over the fields of a schema, of every operator. */
import { fc } from "testing";
import type { EventSchema } from "../../runtime/events.ts";
import { Expression, fieldsOf } from "../../runtime/expressions/expression.ts";
import { cases, onlyWhere } from "../../runtime/expressions/logic.ts";
import { rangeOf } from "../../runtime/expressions/ranges.ts";

type Maker = fc.Arbitrary<Expression>;

const number = fc.oneof(
  fc.integer({ min: -20, max: 20 }),
  fc.integer({ min: -2000, max: 2000 }).map((hundredths) => hundredths / 100),
  fc.constantFrom(0, 0.5, -0.5, 4_294_967_295, 1e11, -1e11),
);
const text = fc.constantFrom("", "a", "/", "a/b", "it's", "Größe", "ß", "😀", "\\", "A");
const width = fc.constantFrom(1, 5, 0.5, 0.25, 7, 1000, 0.003);
const separator = fc.constantFrom("/", "a", "ö", "😀", "//", "'", "\\");

const constant = (value: string | number | boolean) => Expression.constant(value);

/** With half an hour more or less, to both sides of UTC, without summer time, and UTC itself. */
const zone = fc.constantFrom(
  undefined,
  "Europe/Berlin",
  "America/St_Johns",
  "Australia/Lord_Howe",
  "Africa/Monrovia",
  "Asia/Kolkata",
  "Pacific/Apia",
);

/** Whether an expression holds together: what could overflow is refused, and is tried no further. */
const valid = (maker: Maker): Maker => maker.filter(({ fault }) => fault === null);

/** Expressions by the kind of their values, nested up to a depth. */
export function randomExpressions(schema: EventSchema): fc.Arbitrary<Expression> {
  const fields = Object.values(schema.fields).map((_, i) => fieldsOf(schema)[schema.fieldNames[i]]);
  const ofKind = (wanted: (field: Expression) => boolean) =>
    fc.constantFrom(...fields.filter(wanted));
  const at = ofKind(({ type }) => type.kind === "instant");
  const enumerations = ofKind(({ type }) => type.kind === "enumeration");
  const method = (name: keyof Expression, of: Maker, ...rest: fc.Arbitrary<unknown>[]) =>
    valid(
      fc.tuple(of, ...rest).map(([first, ...given]) =>
        (first[name] as (...given: unknown[]) => Expression)(...given)
      ),
    );
  return fc.letrec<Record<"any" | "number" | "text" | "boolean" | "enumeration", Expression>>(
    (tie) => {
      const choice = (of: Maker) =>
        valid(
          fc.tuple(tie("boolean"), of, tie("boolean"), of, of).map((operands) =>
            Expression.call(cases, operands)
          ),
        );
      const only = (of: Maker) =>
        valid(
          fc.tuple(of, tie("boolean")).map((operands) => Expression.call(onlyWhere, operands)),
        );
      const depth = { maxDepth: 3, depthSize: "small" } as const;
      const numbers = fc.oneof(tie("number"), number.map(constant));
      const listed = (of: fc.Arbitrary<unknown>) => fc.array(of, { minLength: 1, maxLength: 4 });
      return {
        any: fc.oneof(tie("number"), tie("text"), tie("boolean"), tie("enumeration")),
        number: fc.oneof(
          depth,
          ofKind(({ type }) => rangeOf(type) !== null),
          ...(["plus", "minus", "times"] as const).map((name) =>
            method(name, tie("number"), numbers)
          ),
          ...(["floor", "ceil", "round"] as const).map((name) => method(name, tie("number"))),
          method("bucket", tie("number"), width),
          method("coalesce", tie("number"), numbers),
          method("length", tie("text")),
          ...(["hour", "weekday"] as const).map((name) => method(name, at, zone)),
          choice(numbers),
          only(tie("number")),
        ),
        text: fc.oneof(
          depth,
          ofKind(({ type }) => type.kind === "string"),
          ...(["lower", "upper"] as const).map((name) =>
            method(name, fc.oneof(tie("text"), enumerations))
          ),
          ...(["before", "after"] as const).map((name) => method(name, tie("text"), separator)),
          method("substring", tie("text"), fc.integer({ min: 1, max: 5 }), fc.nat({ max: 4 })),
          method("coalesce", tie("text"), fc.oneof(tie("text"), text)),
          method("date", at, zone),
          choice(fc.oneof(tie("text"), text.map(constant))),
          only(tie("text")),
        ),
        enumeration: fc.oneof(
          depth,
          enumerations,
          only(enumerations),
          valid(
            enumerations.chain((field) =>
              fc.constantFrom(...field.type.values!).map((value) => field.coalesce(value))
            ),
          ),
        ),
        boolean: fc.oneof(
          depth,
          ofKind(({ type }) => type.kind === "boolean"),
          ...(["eq", "ne", "lt", "lte", "gt", "gte"] as const).map((name) =>
            method(name, tie("number"), numbers)
          ),
          ...(["eq", "ne"] as const).flatMap((name) => [
            method(name, fc.oneof(tie("text"), enumerations), fc.oneof(tie("text"), text)),
            method(name, tie("boolean"), fc.oneof(tie("boolean"), fc.boolean())),
          ]),
          method("in", tie("number"), listed(fc.integer({ min: -3, max: 9 }))),
          method("in", tie("text"), listed(text)),
          valid(enumerations.map((field) => field.in(field.type.values!.slice(1)))),
          method("startsWith", tie("text"), text),
          ...(["and", "or"] as const).map((name) => method(name, tie("boolean"), tie("boolean"))),
          method("not", tie("boolean")),
          ...(["isNull", "isNotNull"] as const).map((name) => method(name, tie("any"))),
          method("coalesce", tie("boolean"), fc.oneof(tie("boolean"), fc.boolean())),
          choice(tie("boolean")),
          only(tie("boolean")),
        ),
      };
    },
  ).any.map((expression) =>
    Object.assign(expression, { [fc.toStringMethod]: () => expression.sql((field) => field) })
  );
}
