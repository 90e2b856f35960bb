import { describe, expect, test } from "vitest";
import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import { fieldErrorMessage } from "../status/field-error.ts";
import { compileStructural, ruleErrors, validateRules } from "./index.ts";

const spec = (more: object) => ({ type: "object", properties: { spec: more } }) as unknown as JSONSchemaProps;
const compiled = (schema: JSONSchemaProps) => ruleErrors(schema, "s").map(fieldErrorMessage);
const run = (schema: JSONSchemaProps, object: object, old?: object) =>
  validateRules(object, old, compileStructural(schema)).map(fieldErrorMessage);
const ints = (maxItems: number) => ({ type: "array", maxItems, items: { type: "integer" } });
const rule = (text: string, more: object = {}) => ({ "x-kubernetes-validations": [{ rule: text, ...more }] });

/** So many lists whose items are compared each with each. */
const pairwise = (many: number): object =>
  Object.fromEntries(
    Array.from({ length: many }, (_, index) => [
      `p${index}`,
      { ...ints(725), ...rule("self.all(x, self.all(y, y == x))") },
    ]),
  );

/** Of upstream's end-to-end tests. */
const EXPENSIVE = spec({
  type: "object",
  "x-kubernetes-validations": [
    { rule: "self.x + self.y > 0" },
    {
      rule:
        "self.firstArray.isSorted() && self.secondArray.isSorted() && " +
        "((self.firstArray.sum() + self.secondArray.sum()) % 2 == 0)",
    },
    { rule: "self.largeArray.all(x, self.largeArray.all(y, y == x))" },
  ],
  properties: {
    x: { type: "integer" },
    y: { type: "integer" },
    firstArray: ints(1000),
    secondArray: ints(1000),
    largeArray: ints(725),
  },
});

describe("rules of a schema", () => {
  test("compile, and may not cost too much", () => {
    expect(compiled(EXPENSIVE)).toEqual([]);
    const items = { type: "array", items: { type: "string" }, ...rule("self.all(s, s == 'string constant')") };
    const [error] = compiled(spec({ type: "object", properties: { x: { type: "array", items } } }));
    expect(error).toMatch(
      /^s\.properties\[spec\]\.properties\[x\]\.items\.x-kubernetes-validations\[0\]\.rule: Forbidden: est/,
    );
    expect(error).toMatch(/exceeds budget by factor of more than 100x/);
  });

  test("of many rules the estimates add up", () => {
    expect(compiled(spec({ type: "object", properties: pairwise(10) }))).toEqual([]);
    expect(compiled(spec({ type: "object", properties: pairwise(100) })).at(-1)).toMatch(
      /^s: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of /,
    );
  });

  test.each([
    [rule("self.z == 100"), /compilation failed: ERROR: <input>:1:5: undefined field 'z'/],
    [rule("self = 42"), /compilation failed: ERROR: <input>:1:6: Syntax error/],
    [rule("self.x"), /cel expression must evaluate to a bool/],
    [rule(" "), /rule: Required value: rule is not specified/],
    [rule("self.x > 1", { message: "a\nb" }), /must not contain line breaks/],
    [rule("self.x > 1", { messageExpression: "1" }), /messageExpression must evaluate to a string/],
    [rule("self.x > 1", { reason: "Bad" }), /reason: Unsupported value: "Bad"/],
    [rule("self.x > 1", { fieldPath: ".y" }), /fieldPath: Invalid value: ".y": must be a valid path/],
    [rule("self.x > 1", { optionalOldSelf: true }), /may not be set if oldSelf is not used in rule/],
  ])("%j is refused", (more, message) => {
    const errors = compiled(spec({ type: "object", properties: { x: { type: "integer" } }, ...more }));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(message);
  });

  test("of parts of what has no type hold where it is an object", () => {
    const x = {
      "x-kubernetes-preserve-unknown-fields": true,
      properties: { a: { type: "string", ...rule("self == 'a'") } },
    };
    const schema = spec({ type: "object", properties: { x } });
    expect(compiled(schema)).toEqual([]);
    expect(run(schema, { spec: { x: { a: "b" } } })).toEqual([
      "spec.x.a: Invalid value: \"b\": failed rule: self == 'a'",
    ]);
    expect(run(schema, { spec: { x: "text" } })).toEqual([]);
  });

  test("of metadata, names are all that rules know", () => {
    const root = (text: string) => ({ type: "object", properties: {}, ...rule(text) }) as unknown as JSONSchemaProps;
    expect(compiled(root("self.metadata.name.startsWith('a')"))).toEqual([]);
    expect(compiled(root("has(self.metadata.labels)"))[0]).toMatch(/undefined field 'labels'/);
  });

  test("items without keys have no old values", () => {
    const items = { type: "integer", ...rule("self > oldSelf") };
    expect(compiled(spec({ type: "array", maxItems: 5, items }))[0]).toMatch(
      /oldSelf cannot be used on the uncorrelatable portion of the schema within s\.properties\[spec\]/,
    );
  });
});

describe("custom resources", () => {
  test("are held to the rules of their schema", () => {
    const fits = { x: 1, y: 0, firstArray: [3, 4], secondArray: [5, 10], largeArray: [2, 2] };
    expect(run(EXPENSIVE, { spec: fits })).toEqual([]);
    expect(run(EXPENSIVE, { spec: { ...fits, x: 0 } })).toEqual([
      "spec: Invalid value: failed rule: self.x + self.y > 0",
    ]);
    expect(run(EXPENSIVE, { spec: { x: 1, y: 1 } })[0]).toMatch(
      /^spec: Invalid value: "object": no such key: firstArray/,
    );
  });

  test("may not make a rule cost too much", () => {
    const largeArray = Array.from({ length: 725 }, () => 20);
    const errors = run(EXPENSIVE, { spec: { x: 1, y: 1, firstArray: [], secondArray: [], largeArray } });
    expect(errors.at(-1)).toMatch(/no further validation rules will be run due to call cost exceeds limit for rule/);
  });

  test("may cost so much as a whole, however little each rule does", () => {
    const schema = spec({ type: "object", properties: pairwise(30) });
    const list = (many: number) => Array.from({ length: many }, () => 20);
    const lists = (many: number) =>
      Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`p${index}`, list(many)]));
    expect(run(schema, { spec: lists(100) })).toEqual([]);
    expect(run(schema, { spec: lists(400) }).at(-1)).toMatch(
      /running out of cost budget, no further validation rules will be run/,
    );
  });

  test("change as transition rules allow", () => {
    const schema = spec({ type: "object", properties: { num: { type: "integer", ...rule("self > oldSelf") } } });
    expect(compiled(schema)).toEqual([]);
    expect(run(schema, { spec: { num: 10 } })).toEqual([]);
    expect(run(schema, { spec: { num: 11 } }, { spec: { num: 10 } })).toEqual([]);
    expect(run(schema, { spec: { num: 9 } }, { spec: { num: 10 } })).toEqual([
      "spec.num: Invalid value: 9: failed rule: self > oldSelf",
    ]);
  });

  test("an optional old value is there on creation too", () => {
    const schema = spec({
      type: "integer",
      ...rule("oldSelf.hasValue() || self == 0", { optionalOldSelf: true, message: "starts at 0" }),
    });
    expect(compiled(schema)).toEqual([]);
    expect(run(schema, { spec: 1 })).toEqual(["spec: Invalid value: 1: starts at 0"]);
    expect(run(schema, { spec: 1 }, { spec: 0 })).toEqual([]);
  });

  test("what did not change is not held against an update", () => {
    const schema = spec({ type: "object", properties: { a: { type: "string", ...rule("self != 'bad'") } } });
    expect(run(schema, { spec: { a: "bad", b: 1 } }, { spec: { a: "bad" } })).toEqual([]);
    expect(run(schema, { spec: { a: "bad" } }, { spec: { a: "good" } })).toHaveLength(1);
  });

  test("items with keys are compared with the ones of the same keys", () => {
    const items = {
      type: "object",
      properties: { name: { type: "string" }, n: { type: "integer" } },
      ...rule("self.n >= oldSelf.n", { messageExpression: "'was ' + string(oldSelf.n)" }),
    };
    const list = { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] };
    const schema = spec({ type: "array", maxItems: 9, items, ...list });
    expect(compiled(schema)).toEqual([]);
    const old = {
      spec: [
        { name: "a", n: 1 },
        { name: "b", n: 5 },
      ],
    };
    expect(
      run(
        schema,
        {
          spec: [
            { name: "b", n: 4 },
            { name: "a", n: 2 },
          ],
        },
        old,
      ),
    ).toEqual(["spec[0]: Invalid value: was 5"]);
  });

  test("the field and the reason are the rule's", () => {
    const schema = spec({
      type: "object",
      properties: { a: { type: "string" } },
      ...rule("has(self.a)", { reason: "FieldValueRequired", fieldPath: ".a", message: "say which" }),
    });
    expect(run(schema, { spec: {} })).toEqual(["spec.a: Required value: say which"]);
  });
});
