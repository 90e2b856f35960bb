import { describe, expect, test } from "vitest";
import { compileStructural } from "../crd/compile.ts";
import { CelCompileError, CelError } from "./cel-error.ts";
import { DYN, typeOfSchema } from "./checker.ts";
import { estimateCost } from "./cost.ts";
import { DEVICE_ENVIRONMENT } from "./device-environment.ts";
import { compileCel } from "./program.ts";
import { adapt, toJson } from "./values.ts";

const OBJECT = {
  metadata: { name: "a", labels: { app: "x" }, "b.c": 1 },
  spec: { replicas: 3, ratio: 1.5, items: [{ n: 1 }, { n: 2 }], flag: true, none: null },
};

function evaluate(source: string): unknown {
  const program = compileCel(source, { variables: { object: DYN, x: DYN } });
  const values: Readonly<Record<string, unknown>> = { object: adapt(OBJECT), x: adapt([1, 2, 3]) };
  return program.evaluate((name) => values[name]);
}

describe("an expression has a value", () => {
  test.each([
    ["1 + 2 * 3 - 4 / 2", 5],
    ["['1', 't', 'T', 'true', 'True', 'TRUE'].all(t, bool(t)) && !['0', 'f', 'F', 'false'].exists(f, bool(f))", true],
    ["7 % 4 == 3 && -7 / 2 == -3", true],
    ["dyn(1) == 1.0 && dyn(1u) == 1 && 2 > 1.5", true],
    ["'a' + \"b\" + r'\\n' + '''c'''", "ab\\nc"],
    ["'\\x41\\u00e9\\101\\n'", "AéA\n"],
    ["size('héllo') == 5 && size([1, 2]) == 2 && {'a': 1}.size() == 1", true],
    ["object.spec.replicas > 1 ? 'many' : 'one'", "many"],
    ["object.metadata.name == 'a' && object.metadata['b.c'] == 1", true],
    ["has(object.spec.replicas) && !has(object.spec.missing)", true],
    ["object.spec.none == null", true],
    ["has(object.spec.none.missing) || has(object.spec.replicas.missing) || has(dyn('a').missing)", false],
    ["'app' in object.metadata.labels && 2 in x && !('b' in object.metadata.labels)", true],
    ["object.spec.items.all(i, i.n > 0) && object.spec.items.exists(i, i.n == 2)", true],
    ["x.exists_one(i, i == 2) && !x.exists_one(i, i > 1)", true],
    ["x.map(i, i * 2)", [2, 4, 6]],
    ["x.map(i, i > 1, i * 2)", [4, 6]],
    ["x.filter(i, i != 2)", [1, 3]],
    ["object.metadata.labels.all(k, k == 'app')", true],
    ["x.all(i, v, i + 1 == v)", true],
    ["object.metadata.labels.transformMap(k, v, v + k)", { app: "xapp" }],
    ["x.transformList(i, v, i * v)", [0, 2, 6]],
    ["['a', 'b'].transformMap(i, v, v) == {0: 'a', 1: 'b'}", true],
    ["object.metadata.labels.transformMapEntry(k, v, {v: k})", { x: "app" }],
    ["x.transformMapEntry(i, v, v > 1, {v: i, v * 10: i}) == {2: 1, 20: 1, 3: 2, 30: 2}", true],
    ["matches('v1.2', '^v[0-9]') && !matches('x', '^v')", true],
    [
      "{'a': dyn([dyn(1), dyn('b'), dyn(null), dyn(true)]), 'c': {'d': 1.5}}",
      { a: [1, "b", null, true], c: { d: 1.5 } },
    ],
    [
      "Object{spec: Object.spec{replicas: 1337, l: [Object.spec.l{a: 'b'}]}}",
      { spec: { replicas: 1337, l: [{ a: "b" }] } },
    ],
    ["object.?spec.?missing.?deep.orValue('none')", "none"],
    ["object.?spec.?replicas.orValue(0)", 3],
    ["{?'a': object.?spec.?missing, ?'b': object.?spec.?replicas}", { b: 3 }],
    ["[?x[?5], ?x[?0]]", [1]],
    ["object.?spec.?replicas.optMap(r, r + 1).orValue(0)", 4],
    ["'a,b,c'.split(',').join('-')", "a-b-c"],
    ["'Hello'.lowerAscii() + 'x'.upperAscii() + '  y '.trim()", "helloXy"],
    ["'abcabc'.replace('b', 'X', 1) + 'abc'.substring(1, 2) + 'abc'.charAt(0)", "aXcabcba"],
    ["'v1.2.3'.matches('^v[0-9]+') && 'a1b22'.findAll('[0-9]+') == ['1', '22']", true],
    ["'abc'.indexOf('c') + 'aba'.lastIndexOf('a')", 4],
    ["[3, 1, 2].max() + [3, 1, 2].min() + [1, 2].sum()", 7],
    ["[1, 2].isSorted() && ![2, 1].isSorted()", true],
    ["int('12') + int(1.9) + int(3u)", 16],
    ["double('1.5') + double(1)", 2.5],
    ["string(1) + string(1.5) + string(true)", "11.5true"],
    ["type(1) == int && type('') == string && type(null) == null_type", true],
    ["duration('1h30m') > duration('89m') && duration('90m').getHours() == 1", true],
    ["timestamp('2025-01-01T00:00:00Z') + duration('1h') == timestamp('2025-01-01T02:00:00+01:00')", true],
    ["timestamp('2025-03-01T00:00:00Z').getMonth()", 2],
    [
      "quantity('1Gi').isGreaterThan(quantity('1000Mi')) && quantity('500m').add(quantity('1')) == quantity('1500m')",
      true,
    ],
    ["isQuantity('1Gi') && !isQuantity('1Xi')", true],
    ["url('https://a.example:8080/p?q=1').getHost() == 'a.example:8080' && !isURL('nope')", true],
    ["sets.contains([1, 2, 3], [2]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])", true],
    ["jsonpatch.escapeKey('a/b~c')", "a~1b~0c"],
    ["true || 1 / 0 == 1", true],
    ["1 / 0 == 1 || true", true],
    ["false && 1 / 0 == 1", false],
    ["[1, 0].exists(i, 1 / i == 1)", true],
    ["b'abc' == bytes('abc') // a comment", true],
    ["-9223372036854775808 < 0", true],
    ["[1, 2] + [3] == [1, 2, 3] && {'a': dyn(1)} == {'a': dyn(1.0)}", true],
  ])("%s", (source, expected) => {
    expect(toJson(evaluate(source))).toEqual(expected);
  });
});

describe("an expression has no value", () => {
  test.each([
    ["1 / 0", "division by zero"],
    ["9223372036854775807 + 1", "integer overflow"],
    ["object.spec.missing", "no such key: missing"],
    ["x[7]", "index out of bounds: 7"],
    ["object.spec.replicas > object.metadata.name", "no such overload: _>_(int, string)"],
    ["'a' + object.spec.replicas", "no such overload: _+_(string, int)"],
    ["object.spec.none.deep", "no such key: deep"],
    ["object.spec.replicas && true", "no such overload: _&&_"],
    ["timestamp(string(object.metadata.name))", "invalid timestamp"],
    ["x.all(i, i)", "no such overload"],
  ])("%s", (source, message) => {
    expect(() => evaluate(source)).toThrow(CelError);
    expect(() => evaluate(source)).toThrow(message);
  });

  test.each([
    "x.all(a, !text.contains(word))",
    "x.all(a, text + text != word)",
    "x.all(a, text == text)",
    "x.all(a, text.replace('a', 'b') != '')",
    "x.all(a, text.matches('(a+)+b') || true)",
    "x.all(a, !(500001 in y))",
    "y.distinct().size() > 0",
    "sets.contains(y, y)",
  ])("when what it does with much is too much: %s", (source) => {
    const program = compileCel(source, { variables: { x: DYN, y: DYN, text: DYN, word: DYN } });
    const text = "a".repeat(100_000);
    const list = (length: number): unknown => adapt(Array.from({ length }, (_, i) => i));
    const values = new Map([
      ["x", list(1000)],
      ["y", list(20_000)],
      ["text", adapt(text)],
      ["word", adapt("ab".repeat(50))],
    ]);
    expect(() => program.evaluate((name) => values.get(name))).toThrow("cost limit exceeded");
    const few = new Map([...values, ["x", list(1)], ["y", list(10)]]);
    expect(program.evaluate((name) => few.get(name))).toBe(true);
  });

  test("when it would take too long", () => {
    const big = `${Array.from({ length: 7 }, (_, i) => `x.all(a${i}, `).join("")}true${")".repeat(7)}`;
    expect(evaluate(big)).toBe(true);
    const program = compileCel(big, { variables: { x: DYN } });
    const wide = adapt(Array.from({ length: 20 }, (_, i) => i));
    expect(() => program.evaluate(() => wide)).toThrow("cost limit exceeded");
  });
});

describe("a selector of devices", () => {
  const device = adapt({ driver: "d.example.com", attributes: { "a.example.com": { cores: 8, kind: "x" } } });

  test("knows the device, and names for parts of it", () => {
    const source = "cel.bind(a, device.attributes['a.example.com'], a.cores > 4 && a.kind == 'x')";
    const program = compileCel(source, DEVICE_ENVIRONMENT);
    expect(program.evaluate(() => device)).toBe(true);
  });

  test.each([
    ["device.nope", "undefined field 'nope'"],
    ["device.constructor == device.driver", "undefined field 'constructor'"],
    ["valueOf() == 1", "undeclared reference to 'valueOf'"],
    ["device.driver.toString() == ''", "undeclared reference to 'toString'"],
    ["device.driver == 1", "found no matching overload for '_==_' applied to '(string, int)'"],
    ["object.x", "undeclared reference to 'object' (in container '')"],
    ["", "ERROR: <input>:1:0: Syntax error: mismatched input '<EOF>' expecting"],
  ])("cannot be %j", (source, message) => {
    expect(() => compileCel(source, DEVICE_ENVIRONMENT)).toThrow(message);
  });

  test("costs as much as its loops over all attributes could", () => {
    const nested = (depth: number): string =>
      depth === 0 ? "true" : `device.attributes.all(a${depth}, ${nested(depth - 1)})`;
    const cost = (depth: number) =>
      estimateCost(compileCel(nested(depth), DEVICE_ENVIRONMENT).expression, DEVICE_ENVIRONMENT);
    expect(cost(2)).toBeLessThan(10_000);
    expect(cost(5)).toBeGreaterThan(1_000_000);
  });
});

describe("an expression cannot be compiled", () => {
  test.each([
    ["... [] bad expression", "Syntax error"],
    ["1 +", "Syntax error: mismatched input '<EOF>'"],
    ["1 2", "Syntax error: extraneous input '2' expecting <EOF>"],
    ["(1", "<input>:1:3: Syntax error: missing ')' at '<EOF>'"],
    ["nope(1)", "<input>:1:5: undeclared reference to 'nope' (in container '')"],
    ["1 == 1.0", "found no matching overload for '_==_' applied to '(int, double)'"],
    ["'a' == null", "found no matching overload for '_==_' applied to '(string, null)'"],
    ["[1] != null", "found no matching overload for '_!=_' applied to '(list(int), null)'"],
    ["[1] == ['a']", "found no matching overload for '_==_' applied to '(list(int), list(string))'"],
    ["1 in ['a']", "found no matching overload for '@in' applied to '(int, list(string))'"],
    ["1 in {'a': 2}", "found no matching overload for '@in' applied to '(int, map(string, int))'"],
    ["[1]['a']", "found no matching overload for '_[_]' applied to '(list(int), string)'"],
    ["{1: 'a'}['b']", "found no matching overload for '_[_]' applied to '(map(int, string), string)'"],
    ["true && 'a'", "<input>:1:9: expected type 'bool' but found 'string'"],
    ["[1].all(x, x)", "<input>:1:12: expected type 'bool' but found 'int'"],
    ["{'a': 1}.exists(k, k)", "<input>:1:20: expected type 'bool' but found 'string'"],
    ["['a'].exists_one(x, x)", "found no matching overload for '_?_:_' applied to '(string, int, int)'"],
    ["['a'].filter(x, x)", "found no matching overload for '_?_:_' applied to '(string, list(string), list(string))'"],
    ["true ? 1 : 'x'", "found no matching overload for '_?_:_' applied to '(bool, int, string)'"],
    ["-'x'", "found no matching overload for '-_' applied to '(string)'"],
    ["'x'[0]", "found no matching overload for '_[_]' applied to '(string, int)'"],
    ["'x'.matches('(')", "<input>:1:13: invalid matches argument"],
    ["timestamp('x')", "invalid timestamp argument"],
    ["duration('1s') == 'x'", "found no matching overload for '_==_' applied to '(duration, string)'"],
    ["cel.bind(a, 1, a == 1)", "undeclared reference to 'cel' (in container '')"],
    ["1 2 3", "Syntax error: mismatched input '2' expecting <EOF>"],
    ["nope == 1", "undeclared reference to 'nope' (in container '')"],
    ["nope(1)", "undeclared reference to 'nope'"],
    ["object.foo()", "undeclared reference to 'foo'"],
    ["'abc'.reverse()", "<input>:1:14: found no matching overload for 'reverse' applied to 'string.()'"],
    ["[1, 2].flatten()", "found no matching overload for 'flatten' applied to 'list(int).()'"],
    ["quantity('1').sign()", "found no matching overload for 'sign' applied to 'kubernetes.Quantity.()'"],
    ["1.contains('a')", "found no matching overload for 'contains' applied to 'int.(string)'"],
    ["[1, [2]]", "<input>:1:5: expected type 'int' but found 'list(int)'"],
    ["[[1], ['a']]", "expected type 'list(int)' but found 'list(string)'"],
    ["[1, null]", "expected type 'int' but found 'null'"],
    ["{'a': 1, 'b': 'x'}", "<input>:1:15: expected type 'int' but found 'string'"],
    ["{'a': 1, 2: 1}", "expected type 'string' but found 'int'"],
    ["1 > 'a'", "found no matching overload for '_>_' applied to '(int, string)'"],
    ["'a' - 'b' == 1 + 'c'", "found no matching overload for '_+_'"],
    ["!1", "found no matching overload for '!_' applied to '(int)'"],
    ["x.all(1, true)", "undeclared reference"],
    ["'unclosed", "Syntax error: token recognition error"],
    ["9223372036854775808", "invalid int literal"],
    ["has(object)", "invalid argument to has() macro"],
  ])("%s", (source, message) => {
    expect(() => evaluate(source)).toThrow(CelCompileError);
    expect(() => evaluate(source)).toThrow(message);
  });

  test("the place is shown", () => {
    expect(() => evaluate("true &&\n  nope")).toThrow("ERROR: <input>:2:3: undeclared reference");
  });
});

describe("with a schema", () => {
  const schema = compileStructural({
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          ratio: { type: "number" },
          at: { type: "string", format: "date-time" },
          size: { "x-kubernetes-int-or-string": true },
          if: { type: "string" },
          tags: { type: "array", items: { type: "string" } as never },
          free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    },
  });
  const compile = (source: string) => compileCel(source, { variables: { self: typeOfSchema(schema) } });

  test("fields that are not there and operands that do not fit are found before there is a value", () => {
    expect(() => compile("self.nope == 1")).toThrow("undefined field 'nope'");
    expect(() => compile("self.spec.tags.all(t, t > 1)")).toThrow(
      "found no matching overload for '_>_' applied to '(string, int)'",
    );
    expect(() => compile("self.spec.ratio + 1 > 2.0")).toThrow("applied to '(double, int)'");
    expect(() => compile("self.spec.free.anything.goes == 1")).not.toThrow();
  });

  test("values have the types of their fields", () => {
    const self = adapt(
      { metadata: { name: "n" }, spec: { ratio: 1, at: "2025-01-01T00:00:00Z", size: "50%", if: "x", tags: [] } },
      schema,
    );
    const value = (source: string) => compile(source).evaluate(() => self);
    expect(value("self.spec.ratio * 2.0 == 2.0")).toBe(true);
    expect(value("self.spec.at < timestamp('2026-01-01T00:00:00Z')")).toBe(true);
    expect(value("self.spec.__if__ == 'x' && self.metadata.name == 'n'")).toBe(true);
    expect(value("self.spec.size == '50%'")).toBe(true);
  });
});
