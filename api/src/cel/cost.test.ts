import { describe, expect, test } from "vitest";
import { compileNode } from "../crd/compile.ts";
import { typeOfSchema } from "./checker.ts";
import { estimateCost } from "./cost.ts";
import { compileCel } from "./program.ts";

const text = (maxLength: number) => ({ type: "string", maxLength });
const texts = { type: "array", maxItems: 7, items: text(13) };
const SELF = typeOfSchema(
  compileNode({
    type: "object",
    properties: {
      endless: { type: "string" },
      name: text(20),
      other: text(40),
      mode: { type: "string", enum: ["on", "auto"] },
      count: { type: "integer" },
      flag: { type: "boolean" },
      since: { type: "string", format: "date-time" },
      port: { "x-kubernetes-int-or-string": true, maxLength: 20 },
      data: { type: "string", format: "byte", maxLength: 100 },
      list: texts,
      set: texts,
      numbers: { type: "array", maxItems: 7, items: { type: "integer" } },
      objects: {
        type: "array",
        maxItems: 5,
        items: { type: "object", properties: { n: text(11), v: { type: "integer" } } },
      },
      map: { type: "object", maxProperties: 6, additionalProperties: text(17) },
      nested: { type: "object", properties: { x: text(9) } },
      many: { type: "array", items: { type: "string" } },
    },
  } as never),
);
const ENVIRONMENT = { variables: { self: SELF } };

/** What kube-apiserver v1.37 reckons for the same rules: its refusals say by how much a rule is over the budget. */
describe("a rule costs at most", () => {
  test.each([
    ["has(self.name)", 1],
    ["!has(self.endless) || has(self.nested.x)", 4],
    ["self.name == ''", 2],
    ["self.name == 'abc'", 3],
    ["self.name == self.other", 12],
    ["self.endless == self.other", 20],
    ["self.mode == 'on'", 3],
    ["self.count == 3", 2],
    ["self.flag ? self.count > 2 : self.count < 1", 5],
    ["self.name < self.other", 12],
    ["self.name.startsWith(self.other)", 20],
    ["self.many.all(x, x.startsWith('a'))", 5242878],
    ["self.name.contains(self.other)", 132],
    ["self.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')", 74],
    ["matches(self.name, '^[a-z]+$')", 20],
    ["self.since == self.since", 8],
    ["self.data == b'abcdefghijklmnopqrstuvwxyz'", 5],
    ["string(self.data) == 'abcdefghijklmnopqrstuvwxyz'", 15],
    ["string(self.port) == 'abc'", 11],
    ["string(self.count) == 'abcdefghijklmnopqrstuv'", 6],
    ["type(self.name) == string", 4],
    ["'a' in self.list", 9],
    ["'a' in self.map", 3],
    ["self.list == self.set", 5],
    ["self.map.a == 'abcdefghijklmnopqrstuv'", 6],
    ["self.list.all(x, x == 'a')", 38],
    ["self.list.exists(x, x == 'a')", 45],
    ["self.list.exists_one(x, x == 'a')", 32],
    ["self.list.existsOne(i, x, x == 'a' && i < 3)", 46],
    ["self.map.all(k, k == 'a')", 27],
    ["self.map.all(k, v, v == 'a')", 33],
    ["self.list.map(x, x + 'a').size() > 3", 148],
    ["self.list.filter(x, x == 'a').all(y, y == 'b')", 147],
    ["self.map.transformMap(k, v, v + 'a').size() > 1", 101],
    ["self.objects.all(x, x.n == 'a' || x.v > 1)", 48],
    ["self.objects.filter(x, x.v > 1).all(y, y.n.startsWith('abc'))", 124],
    ["self.objects.sortBy(x, x.n).size() > 1", 161],
    ["(self.name + self.other + 'abc').size() > 3", 55],
    ["self.name.lowerAscii() == 'abcdefghijklmnopqrstuvwxyz'", 13],
    ["self.name.replace('a', 'bcd') == self.endless", 44],
    ["self.name.split(',', 2).all(x, x == 'abc')", 27],
    ["self.list.join(',') == 'a'", 40],
    ["self.name.find('[0-9]+') == 'abc'", 21],
    ["self.list.isSorted()", 51],
    ["self.numbers.sum() > 3", 10],
    ["self.name.indexOf('a') > 3", 11],
    ["quantity(self.other) == quantity('3')", 20],
    ["cidr(self.other).containsIP('10.0.0.1')", 23],
    ["ip.isCanonical(self.other)", 34],
    ["semver(self.other).major() > 1", 20],
    ["format.dns1123Label().validate(self.name).hasValue()", 260],
    ["self.?name.orValue('abc') == 'abcdefghijklmnopqrstuvwxyz'", 6],
    ["optional.none().hasValue()", 2],
    ["sets.equivalent(self.list, self.set)", 103],
    ["self.list.slice(0, 2).size() > 1", 17],
    ["self.list.distinct().size() > 1", 113],
    ["[self.name, self.other].all(x, x == 'abcdefghijklmnopqrstuvwxyz')", 23],
    ["(self.flag ? self.list : self.set).all(x, x == 'abcdefghijklmnopqrstuvwxyz')", 33],
    ["self == self", 2],
  ])("%s: %i", (rule, cost) => {
    expect(estimateCost(compileCel(rule, ENVIRONMENT).expression, ENVIRONMENT)).toBe(cost);
  });
});
