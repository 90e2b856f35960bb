import { expect, test } from "vitest";
import { columnPath } from "./column-path.ts";

const OBJECT = {
  metadata: { name: "x", annotations: { "example.com/a": "b" } },
  spec: { ports: [{ port: 1 }, { port: 2, name: "b" }], zero: 0, none: null, "a.b": 5, deep: { port: 9 } },
  status: {
    conditions: [
      { type: "Ready", status: "True", count: 1 },
      { type: "Live", status: "False", count: 2.5 },
    ],
  },
};

test.each([
  [".metadata.name", "x"],
  [".metadata.annotations.example\\.com/a", "b"],
  [".metadata.annotations['example\\.com/a']", "b"],
  [".spec.a\\.b", 5],
  [".spec.zero", 0],
  [".spec.none", null],
  [".spec.none.deeper", undefined],
  [".spec.nope", undefined],
  [".spec.ports.port", undefined],
  [".spec.ports[0].port", 1],
  [".spec.ports[-1].port", 2],
  [".spec.ports[-1:].port", 2],
  [".spec.ports[1:].port", 2],
  [".spec.ports[5].port", undefined],
  [".spec.ports[*].name", "b"],
  [".spec.ports[1,0].port", 2],
  [".spec.deep[0]", undefined],
  [".spec.deep.*", 9],
  [".spec..name", "b"],
  [".spec.ports[?(@.name)].port", 2],
  ['.status.conditions[?(@.type=="Ready")].status', "True"],
  [".status.conditions[?(@.type == 'Live')].status", "False"],
  ['.status.conditions[?(@.type!="Ready")].status', "False"],
  [".status.conditions[?(@.count>2)].status", undefined],
  [".status.conditions[?(@.count>=1)].status", undefined],
  [".spec.ports[?(@.port>1)].port", 2],
  [".spec.ports[?(@.port<=1)].port", 1],
  ['.spec.ports[?(@.port=="1")].port', undefined],
])("%s finds %j", (path, found) => {
  expect(columnPath(path)(OBJECT)).toEqual(found);
});

test.each(['.spec["a"]', ".spec[x]", ".spec[0", ".spec}", ".a[?(@.b)"])("%s is no path", (path) => {
  expect(() => columnPath(path)).toThrow();
});
