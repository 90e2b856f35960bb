import { describe, expect, test } from "vitest";
import { decodeUnstructured } from "../codec/json-decode.ts";
import { encodeUnstructuredText } from "../codec/json-encode.ts";
import type { Json } from "../object.ts";
import type { ObjectSchema } from "../schema.ts";
import { schemaOfType } from "../schema-of.ts";
import { fromUnstructured, jsonPatch, mergePatch, strategicMergePatch } from "./index.ts";

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(frozen);
  return value;
}

describe("JSON patch (RFC 6902)", () => {
  test.each<[string, Json, Json, Json]>([
    ["adds a member", { a: 1 }, [{ op: "add", path: "/b", value: 2 }], { a: 1, b: 2 }],
    ["inserts before an index", [1, 3], [{ op: "add", path: "/1", value: 2 }], [1, 2, 3]],
    ["appends at -", { l: [1] }, [{ op: "add", path: "/l/-", value: 2 }], { l: [1, 2] }],
    ["removes", { a: { b: 1, c: 2 } }, [{ op: "remove", path: "/a/b" }], { a: { c: 2 } }],
    ["removes an element", [1, 2, 3], [{ op: "remove", path: "/1" }], [1, 3]],
    ["replaces the document", { a: 1 }, [{ op: "replace", path: "", value: [] }], []],
    ["moves", { a: { x: 1 }, b: {} }, [{ op: "move", from: "/a/x", path: "/b/y" }], { a: {}, b: { y: 1 } }],
    ["copies", { a: [1] }, [{ op: "copy", from: "/a", path: "/b" }], { a: [1], b: [1] }],
    ["tests", { a: { b: [1, 2] } }, [{ op: "test", path: "/a", value: { b: [1, 2] } }], { a: { b: [1, 2] } }],
    [
      "unescapes ~1 and ~0",
      { "a/b": 1, "m~n": 2 },
      [
        { op: "replace", path: "/a~1b", value: 3 },
        { op: "remove", path: "/m~0n" },
      ],
      { "a/b": 3 },
    ],
    ["counts from the end", { a: [1, 2] }, [{ op: "add", path: "/a/-1", value: 3 }], { a: [1, 2, 3] }],
    ["takes indexes with leading zeros", { a: [1, 2] }, [{ op: "remove", path: "/a/01" }], { a: [1] }],
    ["replaces what is not there", { a: {} }, [{ op: "replace", path: "/a/b", value: 1 }], { a: { b: 1 } }],
    ["copies null from what is not there", { a: {} }, [{ op: "copy", from: "/a/b", path: "/c" }], { a: {}, c: null }],
    ["changes nothing for null", { a: 1 }, null, { a: 1 }],
    [
      "keeps __proto__ as data",
      {},
      [{ op: "add", path: "/__proto__", value: 1 }],
      JSON.parse('{"__proto__":1}') as Json,
    ],
  ])("%s", (_name, document, patch, expected) => {
    expect(jsonPatch(frozen(document), frozen(patch))).toEqual(expected);
  });

  test.each<[string, Json]>([
    ["failed test", [{ op: "test", path: "/a", value: 2 }]],
    ["unknown op", [{ op: "nope", path: "/a" }]],
    ["missing path", [{ op: "replace", path: "/x/y", value: 1 }]],
    ["index past the end", [{ op: "add", path: "/l/5", value: 1 }]],
    ["index before the begin", [{ op: "remove", path: "/l/-2" }]],
    ["no index", [{ op: "replace", path: "/l/-", value: 1 }]],
    ["adding the document", [{ op: "add", path: "", value: {} }]],
    ["no operation", [null]],
    ["move into itself", [{ op: "move", from: "/o", path: "/o/p" }]],
    ["removing nothing", [{ op: "remove", path: "/zz" }]],
  ])("%s is 422", (_name, patch) => {
    const document = frozen({ a: 1, l: [1], o: { p: {} } });
    expect(() => jsonPatch(document, patch)).toThrow("the server rejected our request due to an error in our request");
  });

  test("a patch that is no list is 400 and one that is too long 413", () => {
    expect(() => jsonPatch({}, {})).toThrow(
      "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
    const many = Array.from({ length: 10_001 }, () => ({ op: "test", path: "", value: {} }));
    expect(() => jsonPatch({}, many)).toThrow(expect.objectContaining({ httpCode: 413 }));
  });
});

test.each<[Json, Json, Json]>([
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "foo" }, null, null],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])("RFC 7386 appendix A: %j with %j is %j", (document, patch, expected) => {
  expect(mergePatch(frozen(document), frozen(patch))).toEqual(expected);
});

test.each<[Json, Json, Json]>([
  [{}, { a: [{ b: null, c: 1 }, null, [{ d: null }]] }, { a: [{ c: 1 }, null, [{}]] }],
  [{ a: [1] }, { a: [{ b: null }] }, { a: [{}] }],
  [{ a: null }, { a: [{ b: null }] }, { a: [{}] }],
  [{ a: {} }, { a: [{ b: null }] }, { a: [{ b: null }] }],
])(
  "objects in lists lose what is null in them, unless the list replaces an object: %j with %j",
  (document, patch, expected) => {
    expect(mergePatch(frozen(document), frozen(patch))).toEqual(expected);
  },
);

describe("strategic merge patch", () => {
  const pod = schemaOfType("core/v1.PodSpec");
  const apply = (document: Json, patch: Json): Json => strategicMergePatch(frozen(document), frozen(patch), pod);

  test("merges containers by name and puts new ones first", () => {
    const live = {
      containers: [
        { name: "a", image: "1" },
        { name: "b", image: "1" },
      ],
    };
    expect(
      apply(live, {
        containers: [
          { name: "b", image: "2" },
          { name: "c", image: "3" },
        ],
      }),
    ).toEqual({
      containers: [
        { name: "a", image: "1" },
        { name: "b", image: "2" },
        { name: "c", image: "3" },
      ],
    });
  });

  test("$setElementOrder orders a merged list and keeps what only the server has", () => {
    const live = { containers: [{ name: "a" }, { name: "sidecar" }, { name: "b" }] };
    const patch = {
      "$setElementOrder/containers": [{ name: "b" }, { name: "a" }],
      containers: [{ name: "a", image: "2" }],
    };
    expect(apply(live, patch)).toEqual({ containers: [{ name: "sidecar" }, { name: "b" }, { name: "a", image: "2" }] });
  });

  test("$patch delete removes an element, $patch replace replaces the list or the object", () => {
    const live = { containers: [{ name: "a" }, { name: "b" }], securityContext: { runAsUser: 1, fsGroup: 2 } };
    expect(apply(live, { containers: [{ $patch: "delete", name: "a" }] })).toMatchObject({
      containers: [{ name: "b" }],
    });
    expect(apply(live, { containers: [{ $patch: "replace" }, { name: "z" }] })).toMatchObject({
      containers: [{ name: "z" }],
    });
    expect(apply(live, { securityContext: { $patch: "replace", runAsUser: 5 } })).toMatchObject({
      securityContext: { runAsUser: 5 },
    });
    expect(apply(live, { securityContext: { $patch: "delete" } })).toMatchObject({ securityContext: {} });
  });

  test("$retainKeys clears the other members of a union", () => {
    const live = { volumes: [{ name: "v", emptyDir: {} }] };
    const patch = { volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/" } }] };
    expect(apply(live, patch)).toEqual({ volumes: [{ name: "v", hostPath: { path: "/" } }] });
  });

  test("$deleteFromPrimitiveList removes finalizers while others are merged in", () => {
    const meta = schemaOfType("meta/v1.ObjectMeta");
    const live = { finalizers: ["a", "b", "c"] };
    expect(strategicMergePatch(live, { "$deleteFromPrimitiveList/finalizers": ["b"] }, meta)).toEqual({
      finalizers: ["a", "c"],
    });
    expect(strategicMergePatch(live, { finalizers: ["d"] }, meta)).toEqual({ finalizers: ["d", "a", "b", "c"] });
  });

  test("lists without strategy are replaced, null deletes, nulls in new values vanish", () => {
    const live = { tolerations: [{ key: "a" }], nodeName: "n" };
    expect(apply(live, { tolerations: [{ key: "b" }], nodeName: null, affinity: { podAffinity: null } })).toEqual({
      tolerations: [{ key: "b" }],
      affinity: {},
    });
  });

  test.each<[string, string, Json[], Json[], Json[]]>([
    [
      "Container",
      "env",
      [
        { name: "a", value: "1" },
        { name: "b", value: "1" },
      ],
      [{ name: "b", value: "2" }],
      [
        { name: "a", value: "1" },
        { name: "b", value: "2" },
      ],
    ],
    [
      "Container",
      "ports",
      [{ containerPort: 53, protocol: "UDP" }, { containerPort: 80 }],
      [{ containerPort: 53, protocol: "TCP" }],
      [{ containerPort: 53, protocol: "TCP" }, { containerPort: 80 }],
    ],
    [
      "ServiceSpec",
      "ports",
      [{ port: 53, protocol: "UDP" }, { port: 80 }],
      [{ port: 53, protocol: "TCP" }],
      [{ port: 53, protocol: "TCP" }, { port: 80 }],
    ],
    [
      "Container",
      "volumeMounts",
      [{ name: "a", mountPath: "/a" }],
      [{ name: "b", mountPath: "/a" }],
      [{ name: "b", mountPath: "/a" }],
    ],
    [
      "Container",
      "volumeDevices",
      [{ name: "a", devicePath: "/a" }],
      [{ name: "b", devicePath: "/a" }],
      [{ name: "b", devicePath: "/a" }],
    ],
    [
      "PodSpec",
      "initContainers",
      [{ name: "a", image: "1" }],
      [{ name: "a", image: "2" }],
      [{ name: "a", image: "2" }],
    ],
    [
      "PodSpec",
      "volumes",
      [{ name: "a", emptyDir: {} }],
      [{ name: "a", emptyDir: { medium: "Memory" } }],
      [{ name: "a", emptyDir: { medium: "Memory" } }],
    ],
    ["PodSpec", "imagePullSecrets", [{ name: "a" }], [{ name: "b" }], [{ name: "b" }, { name: "a" }]],
    [
      "PodSpec",
      "hostAliases",
      [{ ip: "10.0.0.1", hostnames: ["a"] }],
      [{ ip: "10.0.0.1", hostnames: ["b"] }],
      [{ ip: "10.0.0.1", hostnames: ["b"] }],
    ],
    [
      "PodSpec",
      "topologySpreadConstraints",
      [{ topologyKey: "zone", maxSkew: 1 }],
      [{ topologyKey: "zone", maxSkew: 2 }],
      [{ topologyKey: "zone", maxSkew: 2 }],
    ],
    ["PodSpec", "tolerations", [{ key: "a" }], [{ key: "b" }], [{ key: "b" }]],
    [
      "PodStatus",
      "conditions",
      [{ type: "Ready", status: "False" }],
      [{ type: "Ready", status: "True" }],
      [{ type: "Ready", status: "True" }],
    ],
    [
      "NodeStatus",
      "addresses",
      [{ type: "Hostname", address: "a" }],
      [{ type: "Hostname", address: "b" }],
      [{ type: "Hostname", address: "b" }],
    ],
    ["ServiceAccount", "secrets", [{ name: "a" }], [{ name: "b" }], [{ name: "b" }, { name: "a" }]],
    ["ObjectMeta", "ownerReferences", [{ uid: "1", name: "a" }], [{ uid: "1", name: "b" }], [{ uid: "1", name: "b" }]],
  ])("of %s its %s are merged by their key, or replaced where they have none", (type, field, live, patch, expected) => {
    const schema = schemaOfType(`${type === "ObjectMeta" ? "meta" : "core"}/v1.${type}`);
    expect(strategicMergePatch(frozen({ [field]: live }), frozen({ [field]: patch }), schema)).toEqual({
      [field]: expected,
    });
  });

  test("an object that is to be replaced is taken as it is, nulls and directives too", () => {
    const schema = schemaOfType("policy/v1.PodDisruptionBudgetSpec");
    const live = { selector: { matchLabels: { a: "1", b: "2" } } };
    const selector = { $patch: "replace", matchLabels: { a: null, c: "3" } };
    expect(strategicMergePatch(frozen(live), frozen({ selector }), schema)).toEqual({ selector });
  });

  test.each<readonly [Json]>([[["b"]], [[]]])("no list of a map is merged: %j", (changes) => {
    const schema = schemaOfType("certificates/v1.CertificateSigningRequestSpec");
    const merge = (extra: Json): Json =>
      strategicMergePatch(frozen({ extra: { a: ["a"] } }), frozen({ extra }), schema);
    expect(() => merge({ a: changes })).toThrow(
      "merging an object in json but data type is not struct, instead is: map",
    );
    expect(merge({ c: changes })).toEqual({ extra: { a: ["a"], c: changes } });
  });

  test.each<[string, Json, Json, string]>([
    [
      "a directive that lists have not",
      { containers: [{ name: "a" }] },
      { containers: [{ $patch: "merge" }] },
      "merging lists cannot yet be specified in the patch",
    ],
    [
      "an unknown directive",
      { nodeSelector: {} },
      { nodeSelector: { $patch: "nope" } },
      "unknown patch type: nope in map: map[$patch:nope]",
    ],
    [
      "a directive that is no text",
      { nodeSelector: {} },
      { nodeSelector: { $patch: 1 } },
      "unknown patch type: %!s(int64=1) in map: map[$patch:1]",
    ],
    [
      "an order without an element of the patch",
      { containers: [{ name: "a" }] },
      { "$setElementOrder/containers": [{ name: "b" }], containers: [{ name: "a" }] },
      "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ],
    ["an order that is no list", {}, { $setElementOrder: 1 }, "expected a []interface {}, but received a int64"],
    [
      "elements of two types",
      { containers: [{ name: "a" }] },
      { containers: ["a"] },
      "list element types are not identical: [[map[name:a]] [a]]",
    ],
  ])("%s is worded as upstream's", (_name, live, patch, message) => {
    expect(() => apply(live, patch)).toThrow(message);
  });

  test("directives in what has nothing to be applied to make it none", () => {
    expect(apply({}, { nodeSelector: { $patch: "replace", a: "b" } })).toEqual({});
    const order = { "$setElementOrder/containers": [{ name: "a" }], containers: [{ name: "b", $patch: "delete" }] };
    expect(apply({ containers: [{ name: "a" }, { name: "b" }] }, order)).toEqual({ containers: [{ name: "a" }] });
  });

  test("an empty patch returns an equal document", () => {
    const live = { containers: [{ name: "a", ports: [{ containerPort: 80 }] }] };
    expect(apply(live, {})).toEqual(live);
  });
});

test("copies of copies are counted as what they would take, and refused before they take it", () => {
  const doubling = Array.from({ length: 40 }, (_, index) => ({ op: "copy", from: "/x", path: `/x/a${index}` }));
  const patch = [{ op: "add", path: "/x", value: {} }, ...doubling];
  expect(() => jsonPatch({}, patch)).toThrow(
    expect.objectContaining({
      httpCode: 422,
      cause: expect.objectContaining({ message: expect.stringMatching(/accumulated size.*limit 3145728$/) }),
    }),
  );
});

test("what was copied stays as it was where only one of both is changed, and what is patched always does", () => {
  const document = { a: { list: [1] } };
  const patch = [
    { op: "add", path: "/a/list/-", value: 2 },
    { op: "copy", from: "/a", path: "/b" },
    { op: "add", path: "/a/list/-", value: 3 },
    { op: "remove", path: "/b/list/0" },
    { op: "move", from: "/b/list", path: "/c" },
    { op: "add", path: "/c/0", value: 4 },
  ];
  expect(jsonPatch(document, patch)).toEqual({ a: { list: [1, 2, 3] }, b: {}, c: [4, 2] });
  expect(document).toEqual({ a: { list: [1] } });
});

test("ten thousand operations on one large map, or along a path that goes nowhere, take no longer than they are", () => {
  const data = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, ""]));
  const patch = Array.from({ length: 10_000 }, (_, index) => ({ op: "add", path: `/data/n${index}`, value: "" }));
  expect(Object.keys((jsonPatch({ data }, patch) as { data: object }).data)).toHaveLength(110_000);
  let deep: Json = {};
  for (let depth = 0; depth < 1000; depth += 1) deep = { a: deep };
  expect(() => jsonPatch(deep, [{ op: "add", path: "/a".repeat(1_000_000), value: 1 }])).toThrow(
    expect.objectContaining({ httpCode: 422 }),
  );
});

test.for<[string, (names: readonly string[]) => Json, (names: readonly string[]) => Json, number]>([
  [
    "an order of them all, turned around",
    (finalizers) => ({ metadata: { finalizers } }),
    (names) => ({ metadata: { "$setElementOrder/finalizers": names.toReversed() } }),
    100_000,
  ],
  [
    "deletions of all that are there",
    (finalizers) => ({ metadata: { finalizers } }),
    (names) => ({ metadata: { "$deleteFromPrimitiveList/finalizers": names.toReversed() } }),
    100_000,
  ],
  [
    "an order of objects by their keys, turned around",
    (names) => ({ spec: { volumes: names.map((name) => ({ name })) } }),
    (names) => ({ spec: { "$setElementOrder/volumes": names.toReversed().map((name) => ({ name })) } }),
    50_000,
  ],
  [
    "changes of each object",
    (names) => ({ spec: { volumes: names.map((name) => ({ name })) } }),
    (names) => ({ spec: { volumes: names.toReversed().map((name) => ({ name, emptyDir: {} })) } }),
    50_000,
  ],
  [
    "deletions of each object",
    (names) => ({ spec: { volumes: names.map((name) => ({ name })) } }),
    (names) => ({ spec: { volumes: names.toReversed().map((name) => ({ name, $patch: "delete" })) } }),
    50_000,
  ],
])("a strategic merge patch with %s takes no longer than it is", ([, live, patch, count]) => {
  const names = Array.from({ length: count }, (_, index) => `n${index}`);
  const made = strategicMergePatch(live(names), patch(names), schemaOfType("core/v1.Pod"));
  const text = JSON.stringify(made);
  if (text.includes('"n0"')) expect(text.indexOf(`"n${count - 1}"`)).toBeLessThan(text.indexOf('"n0"'));
  else expect(made).toEqual(live([]));
});

test.for<[string, Json]>([
  ["a map", { resources: { limits: { x: "1" } } }],
  ["a list", { env: [{ name: "x" }] }],
  ["the order of a list", { "$setElementOrder/env": [] }],
  ["deletions from a list", { "$deleteFromPrimitiveList/env": [] }],
])("a strategic merge patch with changes without number of one large object is 413: %s", ([, change]) => {
  const names = Array.from({ length: 5000 }, (_, index) => `n${index}`);
  const limits = Object.fromEntries(names.map((name) => [name, "1"]));
  const large = { name: "a", env: names.map((name) => ({ name })), resources: { limits } };
  const changes = Array.from({ length: 5000 }, () => ({ name: "a", ...(change as object) }));
  const patch = { spec: { containers: [large, ...changes] } };
  expect(() => strategicMergePatch({ spec: { containers: [] } }, patch, schemaOfType("core/v1.Pod"))).toThrow(
    expect.objectContaining({ httpCode: 413 }),
  );
});

describe("numbers as they are written", () => {
  const decoded = (text: string) =>
    decodeUnstructured<Json>(new TextEncoder().encode(text), { keepsNumbers: true }).object;

  test("patches of text keep them, and hold them against those that are there as text", () => {
    const made = jsonPatch(
      { a: 80 },
      decoded('[{"op":"add","path":"/b","value":1e3},{"op":"add","path":"/c","value":0.5}]'),
    );
    expect(encodeUnstructuredText(mergePatch(made, decoded('{"d":{"e":80.0,"f":9223372036854775808}}')))).toBe(
      '{"a":80,"b":1e3,"c":0.5,"d":{"e":80.0,"f":9223372036854775808}}',
    );
    expect(jsonPatch({ a: 80 }, decoded('[{"op":"test","path":"/a","value":80}]'))).toEqual({ a: 80 });
    expect(() => jsonPatch({ a: 80 }, decoded('[{"op":"test","path":"/a","value":80.0}]'))).toThrow("rejected");
    expect(() =>
      jsonPatch({ a: 1 }, decoded('[{"op":"add","path":"/a","value":1.0},{"op":"add","path":"/a/text","value":1}]')),
    ).toThrow("rejected");
  });

  const pod = schemaOfType("core/v1.Pod") as ObjectSchema;
  const live = { metadata: { name: "p" }, spec: { containers: [] } };
  const patched = (text: string): Json => {
    const made = strategicMergePatch(live, decoded(text), pod);
    return fromUnstructured(made, pod, live);
  };

  test.for([
    ['{"metadata":5.0}', "cannot restore struct from: float64"],
    ['{"metadata":{"labels":[]}}', "cannot restore map from slice"],
    ['{"metadata":{"labels":{"a":1}}}', "cannot convert int64 to string"],
    ['{"metadata":{"finalizers":true}}', "cannot restore slice from bool"],
    ['{"spec":{"priority":1.5}}', "cannot convert float64 to int32"],
    ['{"spec":{"priority":"1"}}', "unrecognized type: int32"],
    ['{"spec":{"hostNetwork":1}}', "unrecognized type: bool"],
    ['{"spec":{"restartPolicy":1}}', "cannot convert int64 to v1.RestartPolicy"],
    ['{"spec":{"nodeName":1e3}}', "unrecognized type: string"],
    ['{"metadata":{"deletionTimestamp":{}}}', "json: cannot unmarshal object into Go value of type string"],
  ] as const)("a strategic merge patch %s: %s", ([text, why]) => {
    expect(() => patched(text)).toThrow(why);
  });

  test("strategic merge patches take whole floats, and integers that have too many bits", () => {
    expect(
      patched('{"spec":{"priority":3000000000,"activeDeadlineSeconds":1e3,"terminationGracePeriodSeconds":1e19}}'),
    ).toEqual({
      metadata: { name: "p" },
      spec: {
        containers: [],
        priority: -1294967296,
        activeDeadlineSeconds: 1000,
        terminationGracePeriodSeconds: -(2n ** 63n),
      },
    });
  });
});

describe("directives that fit nothing", () => {
  const pod = schemaOfType("core/v1.Pod");
  const live = {
    metadata: { labels: { app: "a" }, finalizers: ["a", "b"] },
    spec: { containers: [{ name: "a" }], tolerations: [{ key: "a" }], hostAliases: [{ ip: "::1" }] },
  };

  test.for<[object, string]>([
    [{ "$setElementOrder/containers": [] }, 'unable to find api field in struct Pod for the json field "containers"'],
    [{ spec: { "$setElementOrder/containers": null } }, "expected a []interface {}, but received a %!s(<nil>)"],
    [{ spec: { "$setElementOrder/containers": ["a"] } }, "value for key 0 is not a map"],
    [{ spec: { "$setElementOrder/hostNetwork": [] } }, "expected slice or array type, but got: struct"],
    [{ spec: { "$setElementOrder/volumes": [], volumes: [] } }, "no elements in any of the given slices"],
    [{ spec: { "$deleteFromPrimitiveList/tolerations": [] } }, "cannot merge lists without merge key for struct"],
    [
      { spec: { "$deleteFromPrimitiveList/containers": ["a"] } },
      "list element types are not identical: [[map[name:a]] [a]]",
    ],
    [
      { spec: { "$deleteFromPrimitiveList/hostAliases": [{ a: 1 }] } },
      "map: map[a:1] does not contain declared merge key: ip",
    ],
    [{ spec: { $deleteFromPrimitiveList: [] } }, "invalid patch format of primitive list"],
    [
      { spec: { $patch: [null, 1, { a: true }] } },
      "unknown patch type: [<nil> %!s(int64=1) map[a:%!s(bool=true)]] in map",
    ],
  ])("%j: %s", ([patch, why]) => {
    expect(() => strategicMergePatch(frozen(live), frozen(patch as Json), pod)).toThrow(why);
  });

  test.for<[object, object]>([
    [{ metadata: { "$deleteFromPrimitiveList/labels": { b: "c" } } }, { metadata: { labels: { app: "a", b: "c" } } }],
    [
      { metadata: { finalizers: ["c"], "$setElementOrder/finalizers": [] } },
      { metadata: { finalizers: ["a", "b", "c"] } },
    ],
    [
      { spec: { containers: [{ name: "b", $retainKeys: null }] } },
      { spec: { containers: [{ name: "b", $retainKeys: null }, { name: "a" }] } },
    ],
    [{ spec: { volumes: [{ name: "v", $patch: null }] } }, { spec: { volumes: [{ name: "v" }] } }],
  ])("%j is merged as if it were none: %j", ([patch, made]) => {
    expect(strategicMergePatch(frozen(live), frozen(patch as Json), pod)).toMatchObject(made);
  });
});
