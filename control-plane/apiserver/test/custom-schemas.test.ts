import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Answer, type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const GROUP = "schemas.example.com";
const THINGS = `/apis/${GROUP}/v1/namespaces/schemas/things`;
const WAIT = { timeout: 30_000, interval: 50 };
const FREE = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

const FORMATS = [
  ...[
    "bsonobjectid",
    "uri",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "cidr",
    "mac",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
    "isbn",
  ],
  ...[
    "isbn10",
    "isbn13",
    "creditcard",
    "ssn",
    "hexcolor",
    "rgbcolor",
    "byte",
    "password",
    "date",
    "duration",
    "datetime",
  ],
  ...["date-time", "k8s-short-name", "k8s-long-name"],
];

const embedded = {
  type: "object",
  "x-kubernetes-embedded-resource": true,
  "x-kubernetes-preserve-unknown-fields": true,
};
const PROPERTIES = {
  ...Object.fromEntries(FORMATS.map((format) => [format, { type: "string", format }])),
  int: { type: "integer" },
  int32: { type: "integer", format: "int32" },
  int64: { type: "integer", format: "int64" },
  number: { type: "number" },
  text: { type: "string", pattern: "^a+$", minLength: 2 },
  color: { type: "string", enum: ["red", "blue"] },
  flag: { type: "boolean" },
  port: { "x-kubernetes-int-or-string": true },
  any: { "x-kubernetes-preserve-unknown-fields": true },
  object: embedded,
  names: { type: "array", "x-kubernetes-list-type": "set", minItems: 1, items: { type: "string" } },
  sizes: { type: "object", minProperties: 1, additionalProperties: { type: "integer" } },
  parts: { type: "array", items: { type: "object", properties: { name: { type: "string" } } } },
  when: { type: "string", format: "date-time" },
  replicas: { type: "integer" },
  preset: { type: "string", default: "one" },
};

const schemaOf = (properties: object): object => ({
  type: "object",
  properties: { spec: { type: "object", properties }, status: FREE },
});

const COLUMNS = [
  { name: "Color", type: "string", jsonPath: ".spec.color", description: "what it looks like" },
  { name: "Int", type: "integer", format: "int32", jsonPath: ".spec.int", priority: 1 },
  { name: "When", type: "date", jsonPath: ".spec.when" },
  { name: "Parts", type: "string", jsonPath: ".spec.parts[*].name" },
  { name: "Second", type: "string", jsonPath: '.spec.parts[?(@.name=="b")].name' },
  { name: "Label", type: "string", jsonPath: ".metadata.labels.example\\.com/a" },
  { name: "NoInt", type: "integer", jsonPath: ".spec.color" },
  { name: "NoDate", type: "date", jsonPath: ".spec.color" },
  { name: "Absent", type: "string", jsonPath: ".spec.absent" },
  { name: "Object", type: "string", jsonPath: ".metadata.labels" },
];

const scale = {
  specReplicasPath: ".spec.replicas",
  statusReplicasPath: ".status.replicas",
  labelSelectorPath: ".status.selector",
};
const VERSION = {
  ...{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schemaOf(PROPERTIES) } },
  ...{ subresources: { status: {}, scale }, additionalPrinterColumns: COLUMNS },
  selectableFields: [{ jsonPath: ".spec.color" }, { jsonPath: ".spec.flag" }, { jsonPath: ".spec.int" }],
};

const definition = (plural: string, kind: string, version: object): Held =>
  ({
    metadata: { name: `${plural}.${GROUP}` },
    spec: { group: GROUP, scope: "Namespaced", names: { plural, kind }, versions: [version] },
  }) as unknown as Held;

let server: WireServer;
let admin: WireClient;
let defined: Answer;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "schemas" } });
  defined = await admin.send("POST", DEFINITIONS, definition("things", "Thing", VERSION));
  await vi.waitFor(async () => expect((await admin.get(THINGS)).code).toBe(200), WAIT);
}, 60_000);
afterAll(async () => {
  await admin.send("DELETE", `${DEFINITIONS}/things.${GROUP}`);
  await server.close();
});

const thing = (spec: unknown, name = "x", more: object = {}): object => ({
  ...{ apiVersion: `${GROUP}/v1`, kind: "Thing", metadata: { name }, spec },
  ...more,
});

/** What a create comes to: the spec, or why it is refused. */
async function tried(spec: unknown): Promise<unknown> {
  const { code, object } = await admin.send("POST", `${THINGS}?dryRun=All`, thing(spec));
  if (code === 201) return object["spec"];
  return object.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? object.message;
}

const TAKEN: Readonly<Record<string, readonly string[]>> = {
  bsonobjectid: ["507f1f77bcf86cd799439011"],
  uri: ["http://a/b", "/a/b", "a:b"],
  email: ["a@b.c", "A <a@b.c>"],
  hostname: ["a", "a.com"],
  ipv4: ["1.2.3.4", "01.2.3.4", "::ffff:1.2.3.4"],
  ipv6: ["::1", "::ffff:1.2.3.4"],
  cidr: ["10.0.0.1/8", "010.0.0.0/8", "::/0"],
  mac: ["00:00:5e:00:53:01", "00-00-5e-00-53-01", "0000.5e00.5301", "02:00:5e:10:00:00:00:01"],
  uuid: ["A9C8C5B0-0f5e-11e7-93ae-92361f002671", "a9c8c5b00f5e11e793ae92361f002671"],
  uuid4: ["57b73598-8764-4ad0-a76a-679bb6640eb1"],
  isbn10: ["0321751043", "3-8362-2119-5"],
  isbn13: ["9780321751041"],
  creditcard: ["4111-1111-1111-1111"],
  ssn: ["111-11-1111", "111 11 1111"],
  hexcolor: ["#fff", "fff", "#FFFFFF"],
  rgbcolor: ["rgb(1, 2,3)"],
  byte: ["aGVsbG8="],
  password: ["", "x"],
  date: ["2020-01-02"],
  duration: ["1h30m", "1.5h", "-1s", "1 day", "3 weeks"],
  datetime: ["2020-01-02T03:04:05.123Z", "2020-01-02t03:04:05z", "2020-01-02T03:04:05+01:00"],
  "k8s-short-name": ["a-b"],
  "k8s-long-name": ["a.b"],
};

const REFUSED: Readonly<Record<string, readonly string[]>> = {
  bsonobjectid: ["x"],
  uri: ["a", "http://[::1"],
  email: ["a"],
  ipv4: ["1.2.3", "::1"],
  ipv6: ["1.2.3.4", "fe80::1%eth0"],
  cidr: ["10.0.0.0/33", "x"],
  mac: ["x", "00:00:5E:00:53:0"],
  uuid: ["x", "{a9c8c5b0-0f5e-11e7-93ae-92361f002671}"],
  uuid4: ["57b73598-8764-3ad0-a76a-679bb6640eb1"],
  isbn10: ["0321751044"],
  isbn13: ["9780321751042"],
  creditcard: ["4111111111111112"],
  ssn: ["111111111"],
  hexcolor: ["#ff"],
  rgbcolor: ["rgb(256,2,3)"],
  byte: ["a", ""],
  date: ["2020-13-02", "20200102", "2020-02-30"],
  duration: ["x", "1", ""],
  datetime: ["2020-01-02", "2020-01-02T03:04:05", "2020-01-02T25:04:05Z"],
  "date-time": ["2020-01-02T03:04:05+0100"],
  "k8s-short-name": ["A", "a.b"],
  "k8s-long-name": ["a..b"],
};

describe("formats of texts", () => {
  test.each(Object.entries(TAKEN))("%s", async (format, texts) => {
    for (const text of texts) expect(await tried({ [format]: text }), text).toMatchObject({ [format]: text });
  });

  test.each(Object.entries(REFUSED))("no %s", async (format, texts) => {
    for (const text of texts) {
      const said = JSON.stringify(text);
      const why = `spec.${format}: Invalid value: ${said}: spec.${format} in body must be of type ${format}: ${said}`;
      expect(await tried({ [format]: text }), text).toEqual([why]);
    }
  });

  test("that nobody checks are warned of where they come", async () => {
    expect(defined.headers["warning"]).toBeUndefined();
    const odd = {
      ...VERSION,
      schema: { openAPIV3Schema: schemaOf({ ...PROPERTIES, odd: { type: "string", format: "odd" } }) },
    };
    const path = `${DEFINITIONS}/things.${GROUP}`;
    const { headers } = await admin.send("PATCH", `${path}?dryRun=All`, { spec: { versions: [odd] } });
    expect(headers["warning"]).toBe('299 - "unrecognized format \\"odd\\""');
  });
});

const VALUES: readonly (readonly [spec: unknown, result: unknown])[] = [
  [
    { int: 1.5 },
    [
      'spec.int: Invalid value: "number": spec.int in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.int',
    ],
  ],
  [
    { int32: 2147483648 },
    ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.int32'],
  ],
  [{ int64: true }, ['spec.int64: Invalid value: "": spec.int64 in body must be of type int64: ""']],
  [{ text: "b" }, ['spec.text: Invalid value: "b": spec.text in body should be at least 2 chars long']],
  [{ text: "bb" }, ["spec.text: Invalid value: \"bb\": spec.text in body should match '^a+$'"]],
  [
    { color: 5 },
    [
      'spec.color: Invalid value: "integer": spec.color in body must be of type string: "integer"',
      'spec.color: Unsupported value: 5: supported values: "red", "blue"',
    ],
  ],
  [{ names: [] }, ["spec.names: Invalid value: 0: spec.names in body should have at least 1 items"]],
  [{ names: ["a", "a"] }, ['spec.names[1]: Duplicate value: "a"']],
  [{ sizes: {} }, ["spec.sizes: Invalid value: 0: spec.sizes in body should have at least 1 properties"]],
  [{ port: 1.5 }, ['spec.port: Invalid value: "number": spec.port in body must be of type integer,string: "number"']],
  [{ port: "http" }, { port: "http", preset: "one" }],
  [{ any: null, preset: null }, { preset: "one" }],
  [
    { object: { apiVersion: "v1", kind: "Pod", metadata: null, spec: { free: 1 } } },
    { object: { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { free: 1 } }, preset: "one" },
  ],
  [{ object: {} }, ["spec.object.apiVersion: Required value", "spec.object.kind: Required value"]],
  [
    { object: { apiVersion: "", kind: "K K" } },
    [
      'spec.object.apiVersion: Invalid value: "": must not be empty',
      expect.stringMatching(
        /^spec\.object\.kind: Invalid value: "K K": may have mixed case, but should otherwise match/,
      ),
    ],
  ],
  [
    { object: { apiVersion: "v1", kind: "K", metadata: { name: "a/b", namespace: "B_" } } },
    [
      `spec.object.metadata.name: Invalid value: "a/b": may not contain '/'`,
      expect.stringMatching(/^spec\.object\.metadata\.namespace: Invalid value: "B_"/),
    ],
  ],
  [
    { object: { apiVersion: 1, kind: "K" } },
    'Thing in version "v1" cannot be handled as a Thing: spec.object.apiVersion: Invalid value: 1: must be a string',
  ],
  [
    { object: { apiVersion: "v1", kind: "K", metadata: { labels: { a: 1 } } } },
    'Thing in version "v1" cannot be handled as a Thing: spec.object.metadata: Invalid value: {"labels":{"a":1}}: json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string',
  ],
];

describe("values", () => {
  test.each(VALUES)("%j", async (spec, result) => {
    expect(await tried(spec)).toEqual(result);
  });

  test("beyond 64 bits are no integers", async () => {
    const body = JSON.stringify(thing({ int64: 7 })).replace("7", "9223372036854775808");
    const { object } = await admin.send("POST", `${THINGS}?dryRun=All`, body);
    expect(object.details?.causes?.[0]?.message).toBe(
      'Invalid value: "float64": spec.int64 in body must be of type int64: "float64"',
    );
  });

  test("finalizers without a domain are warned of when they come", async () => {
    const body = thing({}, "warned", {
      metadata: { name: "warned", finalizers: ["short", "example.com", "example.com/long"] },
    });
    const { headers } = await admin.send("POST", `${THINGS}?dryRun=All`, body);
    expect(headers["warning"]).toContain(
      'metadata.finalizers: \\"short\\": prefer a domain-qualified finalizer name to',
    );
    expect(headers["warning"]).toContain(
      '"example.com\\": prefer a domain-qualified finalizer name including a path (/) to',
    );
    expect(headers["warning"]).not.toContain("long");
  });
});

const at = "spec.validation.openAPIV3Schema.properties[x]";
const array = (more: object, items: object = { type: "object", properties: { k: { type: "string" } } }): object => ({
  x: { type: "array", items, ...more },
});
const map = { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"] };
const INTEGER_OR_STRING = [{ type: "integer" }, { type: "string" }];
const ruled = (rule: string) => ({ "x-kubernetes-validations": [{ rule }] });
const COMPILATION = (Rule: string): string => {
  const shown = { Rule, Message: "", MessageExpression: "", Reason: null, FieldPath: "", OptionalOldSelf: null };
  return `x-kubernetes-validations[0].rule: Invalid value: ${JSON.stringify(shown)}: compilation failed: ERROR:`;
};
const SCHEMAS: readonly (readonly [properties: object, why: readonly string[]])[] = [
  [
    { x: { type: "string", "x-kubernetes-embedded-resource": true } },
    [
      `${at}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
      `${at}.type: Invalid value: "string": must be object if x-kubernetes-embedded-resource is true`,
    ],
  ],
  [
    { x: { type: "object", "x-kubernetes-preserve-unknown-fields": false } },
    [`${at}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined`],
  ],
  [
    { x: { "x-kubernetes-int-or-string": true, "x-kubernetes-preserve-unknown-fields": true } },
    [
      `${at}.x-kubernetes-preserve-unknown-fields: Invalid value: true: must be false if x-kubernetes-int-or-string is true`,
    ],
  ],
  [{ x: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] } }, []],
  [
    { x: { "x-kubernetes-int-or-string": true, not: { type: "string" } } },
    [`${at}.not.type: Forbidden: must be empty to be structural`],
  ],
  [
    array({ "x-kubernetes-list-type": "set" }),
    [
      `${at}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
    ],
  ],
  [
    array(map),
    [
      `${at}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
    ],
  ],
  [
    array(map, { type: "object", required: ["k"], properties: { k: { type: "object" } } }),
    [
      `${at}.items.properties[k].type: Invalid value: "object": must be a scalar type if parent array's x-kubernetes-list-type is map`,
    ],
  ],
  [
    array(
      { ...map, "x-kubernetes-list-map-keys": ["k", "k"] },
      { type: "object", required: ["k"], properties: { k: { type: "string" } } },
    ),
    [`${at}.x-kubernetes-list-map-keys: Invalid value: ["k","k"]: must not contain duplicate entries`],
  ],
  [
    { x: { type: "string", "x-kubernetes-list-type": "set" } },
    [`${at}.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified`],
  ],
  [
    array({ "x-kubernetes-list-type": "heap" }, { type: "string" }),
    [`${at}.x-kubernetes-list-type: Unsupported value: "heap": supported values: "atomic", "set", "map"`],
  ],
  [
    array({ "x-kubernetes-map-type": "atomic" }, { type: "string" }),
    [`${at}.type: Invalid value: "array": must be object if x-kubernetes-map-type is specified`],
  ],
  [
    { x: { type: "object", default: { q: 1 } } },
    [`${at}.default: Invalid value: {"q":1}: must not have unknown fields`],
  ],
  [
    { x: { type: "string", default: "b", enum: ["a"] } },
    [`${at}.default: Unsupported value: "b": supported values: "a"`],
  ],
  [
    { x: { type: "object", anyOf: [{ properties: { a: { type: "string" } } }] } },
    [`${at}.anyOf[0].properties[a].type: Forbidden: must be empty to be structural`],
  ],
  [{ x: { type: "object", anyOf: [{ properties: { a: { minLength: 1 } } }] } }, []],
  [
    { x: { type: "string", pattern: "(" } },
    [
      `${at}.pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(\``,
    ],
  ],
  [
    { kind: { type: "string", default: "x" } },
    ["spec.validation.openAPIV3Schema.properties[kind].default: Forbidden: must not be set in top-level kind"],
  ],
  [
    { x: { type: "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-int-or-string": true } },
    [
      `${at}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
      `${at}.x-kubernetes-embedded-resource: Invalid value: true: must be false if x-kubernetes-int-or-string is true`,
    ],
  ],
  [
    { x: { "x-kubernetes-embedded-resource": true } },
    [
      `${at}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`,
      `${at}.type: Required value: must be object if x-kubernetes-embedded-resource is true`,
    ],
  ],
  [{ x: { "x-kubernetes-int-or-string": true, allOf: [{ anyOf: INTEGER_OR_STRING }, { pattern: "a" }] } }, []],
  [{ x: { type: "string", anyOf: INTEGER_OR_STRING } }, []],
  [
    { x: { "x-kubernetes-int-or-string": true, anyOf: [...INTEGER_OR_STRING, { pattern: "a" }] } },
    [0, 1].map((index) => `${at}.anyOf[${index}].type: Forbidden: must be empty to be structural`),
  ],
  [
    {
      x: {
        "x-kubernetes-int-or-string": true,
        allOf: [{ anyOf: [{ type: "integer", minimum: 1 }, { type: "string" }] }],
      },
    },
    [0, 1].map((index) => `${at}.allOf[0].anyOf[${index}].type: Forbidden: must be empty to be structural`),
  ],
  [
    { x: { type: "object", properties: {}, not: { properties: { metadata: {} } } } },
    [`${at}.not.properties[metadata]: Forbidden: must not be specified in a nested context`],
  ],
  [
    { x: { type: "string", allOf: [{ "x-kubernetes-validations": [{ rule: "true" }] }] } },
    [`${at}.allOf[0].x-kubernetes-validations: Forbidden: must be empty to be structural`],
  ],
  [
    { x: { ...embedded, properties: { metadata: { type: "string" }, kind: { type: "object" } } } },
    [
      `${at}.properties[kind].type: Invalid value: "object": must be string`,
      `${at}.properties[metadata].type: Invalid value: "string": must be object`,
    ],
  ],
  [
    { x: { ...embedded, properties: { metadata: { type: "object", properties: { labels: { type: "object" } } } } } },
    [],
  ],
  [{ x: { ...embedded, default: { kind: "A", apiVersion: "a/v1", metadata: { name: "x", none: 1 } } } }, []],
  [
    {
      x: {
        ...embedded,
        properties: {
          apiVersion: { type: "string", default: "a/b/c" },
          kind: { type: "string", default: "A", enum: ["B"] },
          metadata: {
            type: "object",
            default: { none: 1 },
            properties: { name: { type: "string", default: "a/b" }, none: { type: "integer", default: 1 } },
          },
        },
      },
    },
    [
      `${at}.properties[apiVersion].default: Invalid value: "a/b/c": must result in valid metadata: apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`,
      `${at}.properties[kind].default: Unsupported value: "A": supported values: "B"`,
      `${at}.properties[metadata].properties[name].default: Invalid value: "a/b": must result in valid metadata: metadata.name: Invalid value: "a/b": may not contain '/'`,
    ],
  ],
  [
    { metadata: { type: "object", properties: { name: { type: "string", default: "x" } } } },
    [
      "spec.validation.openAPIV3Schema.properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata",
    ],
  ],
  ...[
    { ...FREE, type: undefined },
    { type: "array", maxItems: 3, items: { "x-kubernetes-preserve-unknown-fields": true } },
    { type: "object", additionalProperties: { "x-kubernetes-preserve-unknown-fields": true } },
  ].map(
    (untyped) =>
      [
        { x: { ...untyped, ...ruled("true") } },
        [
          `${at}.x-kubernetes-validations: Internal error: internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations`,
        ],
      ] as const,
  ),
  ...["items", "additionalProperties"].map(
    (part) =>
      [
        { x: { type: "string", ...ruled("true"), [part]: { type: "string", ...ruled("self == 'a'") } } },
        [
          `${at}.${part}.x-kubernetes-validations: Internal error: failed to convert to declType for CEL validation rules`,
        ],
      ] as const,
  ),
  ...["items", "additionalProperties"].map(
    (part) =>
      [
        { x: { type: "string", [part]: { type: "string", ...ruled("self == 1") } } },
        [
          `${at}.${part}.${COMPILATION("self == 1")} <input>:1:6: found no matching overload for '_==_' applied to '(string, int)'\n | self == 1\n | .....^`,
        ],
      ] as const,
  ),
  ...[{ "x-kubernetes-preserve-unknown-fields": true }, undefined].map(
    (a) =>
      [
        {
          x: { ...FREE, properties: { b: { type: "string" }, ...(a !== undefined && { a }) }, ...ruled("has(self.a)") },
        },
        [`${at}.${COMPILATION("has(self.a)")} <input>:1:4: undefined field 'a'\n | has(self.a)\n | ...^`],
      ] as const,
  ),
  [{ x: { type: "object", additionalProperties: true, ...ruled("self == self") } }, []],
  ...[{ description: "a" }, { required: ["name"] }, { properties: { labels: { type: "object" } } }].map(
    (more) =>
      [
        { metadata: { type: "object", ...more } },
        [
          "spec.validation.openAPIV3Schema.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
        ],
      ] as const,
  ),
  [
    { metadata: { type: "string" } },
    ['spec.validation.openAPIV3Schema.properties[metadata].type: Invalid value: "string": must be object'],
  ],
];

const VERSIONS: readonly (readonly [version: object, why: readonly string[]])[] = [
  [
    { selectableFields: [{ jsonPath: ".spec.color" }, { jsonPath: ".spec.color" }] },
    ['spec.selectableFields[1].jsonPath: Duplicate value: ".spec.color"'],
  ],
  [
    { selectableFields: [{ jsonPath: "spec.color" }] },
    [
      'spec.selectableFields[0].jsonPath: Invalid value: "spec.color": is an invalid path: expected [ or . but got: spec',
    ],
  ],
  [
    { selectableFields: [{ jsonPath: ".spec.none" }, { jsonPath: "" }] },
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.none": is an invalid path: does not refer to a valid field',
      "spec.selectableFields[1].jsonPath: Required value",
    ],
  ],
  [
    { selectableFields: [{ jsonPath: ".spec.parts[0].name" }] },
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.parts[0].name": is an invalid path: array notation is not allowed',
    ],
  ],
  [
    { selectableFields: FORMATS.slice(0, 9).map((format) => ({ jsonPath: `.spec.${format}` })) },
    ["spec.selectableFields: Too many: 9: must have at most 8 items"],
  ],
  [
    { selectableFields: [{ jsonPath: ".spec.number" }] },
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.number": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
    ],
  ],
  [
    { additionalPrinterColumns: [{ name: "A", type: "string", format: "odd", jsonPath: ".a" }] },
    [
      'spec.additionalPrinterColumns[0].format: Invalid value: "odd": must be one of byte,date,date-time,double,float,int32,int64,password',
    ],
  ],
  [
    { subresources: { scale: { ...scale, specReplicasPath: "spec.x" } } },
    ['spec.subresources.scale.specReplicasPath: Invalid value: "spec.x": must be a simple json path starting with .'],
  ],
  [
    { subresources: { scale: { ...scale, labelSelectorPath: ".metadata.x" } } },
    [
      'spec.subresources.scale.labelSelectorPath: Invalid value: ".metadata.x": should be a json path under either .spec or .status',
    ],
  ],
];

describe("definitions", () => {
  const why = async (version: object): Promise<readonly string[]> => {
    const { object } = await admin.send("POST", `${DEFINITIONS}?dryRun=All`, definition("others", "Other", version));
    return object.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [];
  };
  test.each(SCHEMAS)("with the properties %j", async (properties, causes) => {
    const openAPIV3Schema = { type: "object", properties };
    expect([...(await why({ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }))].sort()).toEqual(
      [...causes].sort(),
    );
  });

  test("restrict what they have, and have no further members at the root", async () => {
    const openAPIV3Schema = {
      type: "object",
      properties: { a: { type: "object", properties: {} } },
      anyOf: [{ properties: { a: { properties: { b: {} } }, c: { items: {} } } }],
    };
    const root = "spec.validation.openAPIV3Schema";
    const because = (what: string, below: string) =>
      `${root}.${what}: Required value: because it is defined in ${root}.anyOf[0].${below}`;
    const version = { name: "v1", served: true, storage: true };
    expect(await why({ ...version, schema: { openAPIV3Schema } })).toEqual([
      because("properties[a].properties[b]", "properties[a].properties[b]"),
      because("properties[c]", "properties[c]"),
    ]);
    const additionalProperties = { type: "string" };
    expect(await why({ ...version, schema: { openAPIV3Schema: { type: "object", additionalProperties } } })).toEqual([
      `${root}.additionalProperties: Forbidden: must not be used at the root`,
    ]);
  });

  test.each(VERSIONS)("whose version says %j", async (more, causes) => {
    const { additionalPrinterColumns: _columns, selectableFields: _fields, subresources: _parts, ...plain } = VERSION;
    expect(await why({ ...plain, ...more })).toEqual(causes);
  });

  test("do not keep unknown fields as a whole", async () => {
    const { spec, ...rest } = definition("others", "Other", VERSION);
    const body = { ...rest, spec: { ...(spec as object), preserveUnknownFields: true } };
    const { object } = await admin.send("POST", `${DEFINITIONS}?dryRun=All`, body);
    expect(object.details?.causes?.[0]?.field).toBe("spec.preserveUnknownFields");
  });
});

describe("type and metadata", () => {
  const names = { name: { type: "string", maxLength: 3, pattern: "^a" } };
  const inner = {
    apiVersion: { type: "string", default: "a/v1" },
    kind: { type: "string", default: "A" },
    metadata: {
      type: "object",
      required: ["labels"],
      properties: { name: { type: "string", default: "n" }, none: { type: "string", default: "x" } },
    },
  };
  const things = THINGS.replace("things", "embeds");
  const embed = (spec: object, name = "a"): object => ({
    ...{ apiVersion: `${GROUP}/v1`, kind: "Embed", metadata: { name }, spec },
  });
  const outcome = async (body: object): Promise<unknown> => {
    const { object } = await admin.send("POST", `${things}?dryRun=All`, body);
    return object.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? object["spec"];
  };
  beforeAll(async () => {
    const spec = {
      type: "object",
      properties: {
        one: { type: "object", "x-kubernetes-embedded-resource": true, properties: inner },
        whole: {
          ...embedded,
          default: { apiVersion: "a/v1", kind: "A", metadata: { name: "w", none: 1 } },
        },
      },
    };
    const properties = {
      kind: { type: "string", enum: ["Embed"] },
      metadata: { type: "object", properties: names },
      spec,
    };
    const schema = { openAPIV3Schema: { type: "object", properties } };
    await admin.define(definition("embeds", "Embed", { name: "v1", served: true, storage: true, schema }));
  }, 60_000);
  afterAll(() => admin.send("DELETE", `${DEFINITIONS}/embeds.${GROUP}`));

  test("have the defaults of their schema, but for what metadata does not have", async () => {
    const whole = { apiVersion: "a/v1", kind: "A", metadata: { name: "w" } };
    expect(await outcome(embed({}))).toEqual({ whole });
    const metadata = { labels: { a: "b" } };
    expect(await outcome(embed({ one: { metadata } }))).toEqual({
      one: { apiVersion: "a/v1", kind: "A", metadata: { ...metadata, name: "n" } },
      whole,
    });
  });

  test("are what their schema says of them", async () => {
    expect(await outcome(embed({ one: { metadata: {} } }))).toEqual(["spec.one.metadata.labels: Required value"]);
    expect(await outcome(embed({}, "banana"))).toEqual(["metadata.name: Too long: may not be more than 3 bytes"]);
    expect(await outcome(embed({}, "b"))).toEqual([
      "metadata.name: Invalid value: \"b\": metadata.name in body should match '^a'",
    ]);
  });
});

describe("objects", () => {
  const labels = { "example.com/a": "b" };
  beforeAll(async () => {
    const spec = {
      color: "red",
      int: 3,
      flag: true,
      when: "2020-01-02T03:04:05Z",
      parts: [{ name: "a" }, { name: "b" }],
    };
    await admin.send("POST", THINGS, thing({ ...spec, replicas: 2 }, "a", { metadata: { name: "a", labels } }));
    await admin.send("POST", THINGS, thing({ color: "blue" }, "b"));
  });

  test("have the status that their schema gives new ones, whatever they came with; a change of it is held against its schema alone", async () => {
    const phase = { type: "string", pattern: "ing$" };
    const status = { type: "object", default: { phase: "Pending" }, properties: { phase } };
    const schema = { openAPIV3Schema: { type: "object", properties: { status } } };
    const version = { name: "v1", served: true, storage: true, schema, subresources: { status: {} } };
    await admin.define(definition("queries", "Query", version));
    const path = THINGS.replace("things", "queries");
    const query = (name: string): object => ({
      ...{ apiVersion: `${GROUP}/v1`, kind: "Query", metadata: { name } },
      status: { phase: "Done" },
    });
    const asked = [
      await admin.send("POST", `${path}?dryRun=All`, query("a")),
      await admin.send("POST", path, query("a")),
      await admin.get(`${path}/a`),
      await admin.send("PATCH", `${path}/b?fieldManager=m`, query("b"), {
        "content-type": "application/apply-patch+yaml",
      }),
    ];
    expect(asked.map(({ object }) => object["status"])).toEqual(asked.map(() => ({ phase: "Pending" })));
    const changed = await admin.send("PATCH", `${path}/a/status`, { status: { phase: "Done" } });
    expect(changed.object.details?.causes?.map(({ field, message }) => `${field}: ${message}`)).toEqual([
      `status.phase: Invalid value: "Done": phase in body should match 'ing$'`,
    ]);
    await admin.send("DELETE", `${DEFINITIONS}/queries.${GROUP}`);
  });

  test("lose nulls where none may be, but an apply with one is refused", async () => {
    const body = thing({ sizes: null, preset: null, names: ["a"] }, "nulls");
    const { object } = await admin.send("POST", `${THINGS}?dryRun=All`, body);
    expect(object["spec"]).toEqual({ names: ["a"], preset: "one" });
    const applied = { "content-type": "application/apply-patch+yaml" };
    const why = async (query: string): Promise<unknown> =>
      (await admin.send("PATCH", `${THINGS}/nulls?fieldManager=m${query}`, body, applied)).object.details?.causes;
    const cause = { field: "spec.sizes", message: expect.stringContaining('must be of type object: "null"') };
    expect(await why("&dryRun=All")).toMatchObject([cause]);
    await admin.send("PATCH", `${THINGS}/nulls?fieldManager=m`, thing({ sizes: { a: 1 } }, "nulls"), applied);
    expect(await why("")).toMatchObject([cause]);
    await admin.send("DELETE", `${THINGS}/nulls`);
  });

  test("have the columns that their definition names", async () => {
    const { object } = await admin.get(THINGS, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
    const { columnDefinitions, rows } = object as unknown as {
      readonly columnDefinitions: readonly object[];
      readonly rows: readonly { readonly cells: readonly unknown[] }[];
    };
    expect(columnDefinitions.slice(1, 3)).toEqual([
      { name: "Color", type: "string", format: "", description: "what it looks like", priority: 0 },
      {
        name: "Int",
        type: "integer",
        format: "int32",
        description: "Custom resource definition column (in JSONPath format): .spec.int",
        priority: 1,
      },
    ]);
    const age = expect.stringMatching(/^\d+y/);
    expect(rows[0]?.cells).toEqual([
      "a",
      "red",
      3,
      age,
      "a",
      "b",
      "b",
      null,
      "<invalid>",
      null,
      '{"example.com/a":"b"}',
    ]);
    expect(rows[1]?.cells).toEqual(["b", "blue", null, null, null, null, null, null, "<invalid>", null, null]);
  });

  test("show of their scale what their definition has paths for", async () => {
    const { object } = await admin.get(`${THINGS}/a/scale`, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
    const { columnDefinitions, rows } = object as unknown as {
      readonly columnDefinitions: readonly { readonly name: string; readonly type: string }[];
      readonly rows: readonly { readonly cells: readonly unknown[] }[];
    };
    expect(columnDefinitions.map(({ name, type }) => `${name} ${type}`)).toEqual([
      ...["Name string", "Desired integer", "Available integer", "Age date"],
    ]);
    expect(rows[0]?.cells).toEqual(["a", 2, 0, expect.stringMatching(/s$/)]);
  });

  test("are found by the fields that can be selected, and no others", async () => {
    const found = async (selector: string): Promise<unknown> => {
      const { object } = await admin.get(`${THINGS}?fieldSelector=${encodeURIComponent(selector)}`);
      return object.items?.map(({ metadata }) => metadata?.name) ?? object.message;
    };
    expect(await found("spec.color=red")).toEqual(["a"]);
    expect(await found("spec.color!=red,metadata.name=b")).toEqual(["b"]);
    expect(await found("spec.flag=true")).toEqual(["a"]);
    expect(await found("spec.int=3")).toEqual(["a"]);
    expect(await found("spec.number=1")).toBe("field label not supported: spec.number");
  });

  test("enter and leave a watch as their fields change", async () => {
    const watch = await admin.watch(`${THINGS}?watch=1&fieldSelector=spec.color%3Dred`);
    expect(await watch.change()).toMatchObject({ type: "ADDED", object: { metadata: { name: "a" } } });
    for (const spec of [{ color: "red" }, { int: 4 }, { color: "blue" }])
      await admin.send("PATCH", `${THINGS}/b`, { spec });
    const types = [await watch.change(), await watch.change(), await watch.change()].map((event) => event?.type);
    expect(types).toEqual(["ADDED", "MODIFIED", "DELETED"]);
    watch.close();
  });

  test("are scaled within what a scale can show", async () => {
    expect((await admin.get(`${THINGS}/a/scale`)).object["spec"]).toEqual({ replicas: 2 });
    const { object } = await admin.send("PATCH", `${THINGS}/a/scale`, { spec: { replicas: -1 } });
    expect(object.message).toBe(
      `Thing.${GROUP} "a" is invalid: .spec.replicas: Invalid value: -1: should be a non-negative integer`,
    );
    const status = { status: { selector: 5 } };
    const { object: refused } = await admin.send("PATCH", `${THINGS}/a/status`, status);
    expect(refused.details?.causes?.[0]).toMatchObject({
      field: ".status.selector",
      message: expect.stringContaining("5 is of the type int64, expected string"),
    });
    expect(await admin.get(`${THINGS}/b/scale`)).toMatchObject({
      code: 500,
      object: { message: 'Internal error occurred: the spec replicas field ".spec.replicas" does not exist' },
    });
    expect(await admin.send("DELETE", `${THINGS}/a/scale`)).toMatchObject({
      code: 405,
      object: { message: `delete is not supported on resources of kind "things.${GROUP}"` },
    });
  });
});

describe("custom resources have no routes of their own", () => {
  const gone = `/apis/${GROUP}/v1/namespaces/elsewhere/things`;

  test("their lists say that they do not go on", async () => {
    const { body } = await admin.get(gone);
    expect(body.toString()).toMatch(/"metadata":\{"continue":"","resourceVersion":"\d+"\}/);
    const yaml = await admin.get(gone, { accept: "application/yaml" });
    expect(yaml.body.toString()).toContain('continue: ""');
  });

  test.each([
    ["PUT", gone, "application/json", 400, "name must be provided"],
    ["PATCH", gone, "application/json", 415, "application/merge-patch+json, application/apply-patch+yaml"],
    ["POST", gone, "text/plain", 415, "application/json, application/yaml, application/vnd.kubernetes.protobuf"],
  ])("%s %s as %s is %i", async (method, path, type, code, message) => {
    const answer = await admin.send(method, path, {}, { "content-type": type });
    expect([answer.code, answer.object.message]).toEqual([code, expect.stringContaining(message)]);
  });

  test("what they cannot be read as is said as of everything", async () => {
    const answer = await admin.get(`${gone}/x`, { accept: "text/html" });
    expect([answer.code, answer.object.message]).toEqual([
      406,
      expect.stringMatching(/^only the following media types/),
    ]);
  });

  test("metadata that a patch makes none is the patch's fault", async () => {
    await admin.send("POST", THINGS, { apiVersion: `${GROUP}/v1`, kind: "Thing", metadata: { name: "patched" } });
    const { code, object } = await admin.send("PATCH", `${THINGS}/patched`, { metadata: { labels: { a: 1 } } });
    expect([code, object.message]).toEqual([
      422,
      expect.stringContaining("cannot unmarshal number into Go struct field ObjectMeta.labels of type string"),
    ]);
  });
});
