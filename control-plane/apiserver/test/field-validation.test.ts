import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
const GROUP = "/apis/fields.example.com/v1/namespaces/default";
const JSON_TYPE = "application/json";
const YAML = "application/yaml";
const MERGE = "application/merge-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const APPLY = "application/apply-patch+yaml";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.define(definition("stricts", "Strict", false));
  await admin.define(definition("frees", "Free", true));
  await send("POST", DEPLOYMENTS, JSON_TYPE, DEPLOYMENT.replace('"new"', '"live"'), "");
  for (const kind of ["Strict", "Free"])
    await send("POST", `${GROUP}/${kind.toLowerCase()}s`, JSON_TYPE, custom(kind, "live", "{}"), "");
});
afterAll(() => server.close());

/** With an embedded object, and a part that takes anything where `isFree`. */
function definition(plural: string, kind: string, isFree: boolean): Held {
  const template = { type: "object", "x-kubernetes-embedded-resource": true, properties: { spec: { type: "object" } } };
  const spec = {
    type: "object",
    ...(isFree && { "x-kubernetes-preserve-unknown-fields": true }),
    properties: { size: { type: "integer" }, template },
  };
  return {
    metadata: { name: `${plural}.fields.example.com` },
    spec: {
      group: "fields.example.com",
      scope: "Namespaced",
      names: { plural, kind },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties: { spec } } },
        },
      ],
    },
  };
}

const custom = (kind: string, name: string, spec: string, metadata = ""): string =>
  `{"apiVersion":"fields.example.com/v1","kind":"${kind}","metadata":{"name":"${name}"${metadata}},"spec":${spec}}`;

const DEPLOYMENT =
  '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"new"},"spec":{"selector":{"matchLabels":{"a":"b"}},' +
  '"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}';

/** The same with fields that are not there or twice. */
const WRONG = DEPLOYMENT.replace('"name":"new"', '"name":"new","unknownMeta":1')
  .replace('"spec":{"selector"', '"spec":{"unknown1":"x","replicas":1,"replicas":2,"selector"')
  .replace('"image":"i"', '"image":"i","imagePullPolicy":"Always","imagePullPolicy":"Never","unknownNested":true');
const WRONG_YAML = `apiVersion: apps/v1
kind: Deployment
metadata: {name: new, unknownMeta: 1}
spec:
  unknown1: x
  replicas: 1
  replicas: 2
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: c, image: i, unknownNested: true}]}
`;

async function send(method: string, path: string, type: string, body: string, query: string): Promise<Answer> {
  const more = type === APPLY ? "&fieldManager=m&force=true" : "";
  return admin.send(method, `${path}?${query}${more}`, body, { "content-type": type });
}

const warnings = ({ headers }: Answer): readonly string[] => {
  const { warning = [] } = headers;
  const all = typeof warning === "string" ? warning.split(/, (?=299 - )/) : warning;
  return all.map((text) => JSON.parse(text.replace("299 - ", "")) as string);
};

const unknown = (...paths: readonly string[]): readonly string[] => paths.map((path) => `unknown field "${path}"`);
const twice = (...paths: readonly string[]): readonly string[] => paths.map((path) => `duplicate field "${path}"`);
const again = (line: number, key: string): string => `line ${line}: key "${key}" already set in map`;
const yaml = (line: string): string => `yaml: unmarshal errors:\n  ${line}`;
const patch = (spec: string, more = ""): string => `{${more}"spec":${spec}}`;
const MINIMAL = '"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"live"},';
const LIVE = `${DEPLOYMENTS}/live`;
const SIZES = '{"size":1,"size":2,"unknown":3}';
const EMBEDDED =
  '{"template":{"apiVersion":"v1","kind":"X","metadata":{"name":"x","unknownMeta":1},"unknown":2,"spec":{}}}';

interface Case {
  readonly what: string;
  readonly sent: readonly [method: string, path: string, type: string, body: string];
  /** As warnings. */
  readonly problems: readonly string[];
  /** What Strict says of them, where that is no list. */
  readonly strict?: string;
}

const CASES: readonly Case[] = [
  {
    what: "a deployment in JSON",
    sent: ["POST", DEPLOYMENTS, JSON_TYPE, WRONG],
    problems: [
      ...unknown("metadata.unknownMeta", "spec.unknown1"),
      ...twice("spec.replicas", "spec.template.spec.containers[0].imagePullPolicy"),
      ...unknown("spec.template.spec.containers[0].unknownNested"),
    ],
  },
  {
    what: "a deployment in YAML",
    sent: ["POST", DEPLOYMENTS, YAML, WRONG_YAML],
    problems: [
      again(7, "replicas"),
      ...unknown("metadata.unknownMeta", "spec.template.spec.containers[0].unknownNested", "spec.unknown1"),
    ],
    strict: `strict decoding error: ${yaml(again(7, "replicas"))}, unknown field "metadata.unknownMeta"`,
  },
  {
    what: "a deployment that is replaced",
    sent: ["PUT", LIVE, JSON_TYPE, WRONG.replace('"new"', '"live"')],
    problems: [
      ...unknown("metadata.unknownMeta", "spec.unknown1"),
      ...twice("spec.replicas", "spec.template.spec.containers[0].imagePullPolicy"),
      ...unknown("spec.template.spec.containers[0].unknownNested"),
    ],
  },
  {
    what: "a merge patch of a deployment",
    sent: ["PATCH", LIVE, MERGE, patch('{"unknown1":"x","replicas":1,"replicas":2}')],
    problems: [...twice("spec.replicas"), ...unknown("spec.unknown1")],
  },
  {
    what: "a strategic patch of a deployment",
    sent: ["PATCH", LIVE, STRATEGIC, patch('{"unknown1":"x","replicas":1,"replicas":2}')],
    problems: [...twice("spec.replicas"), ...unknown("spec.unknown1")],
    strict:
      'patch: Invalid value: "map[spec:map[replicas:2 unknown1:x]]": strict decoding error: duplicate field "spec.replicas"',
  },
  {
    what: "a JSON patch of a deployment",
    sent: ["PATCH", LIVE, JSON_PATCH, '[{"op":"add","path":"/spec/unknown1","value":"x","value":"y"}]'],
    problems: ['json patch duplicate field "[0].value"', ...unknown("spec.unknown1")],
  },
  {
    what: "a JSON patch of several operations",
    sent: [
      "PATCH",
      LIVE,
      JSON_PATCH,
      '[{"op":"add","path":"/spec/paused","value":true,"more":1},{"op":"add","path":"/spec/paused","value":true,"value":false}]',
    ],
    problems: ['json patch unknown field "[0].more"', 'json patch duplicate field "[1].value"'],
  },
  {
    what: "an apply that says something twice",
    sent: ["PATCH", LIVE, APPLY, patch('{"replicas":1,"replicas":2}', MINIMAL)],
    problems: [again(1, "replicas")],
    strict: `error strict decoding patch: error converting YAML to JSON: ${yaml(again(1, "replicas"))}`,
  },
  {
    what: "an apply that creates",
    sent: ["PATCH", `${GROUP}/stricts/new`, APPLY, custom("Strict", "new", '{"size":1,"size":2}')],
    problems: [again(1, "size")],
    strict: `error strict decoding patch: error converting YAML to JSON: ${yaml(again(1, "size"))}`,
  },
  {
    what: "a custom resource",
    sent: ["POST", `${GROUP}/stricts`, JSON_TYPE, custom("Strict", "n", SIZES, ',"unknownMeta":1')],
    problems: [...twice("spec.size"), ...unknown("metadata.unknownMeta", "spec.unknown")],
  },
  {
    what: "a custom resource in YAML",
    sent: ["POST", `${GROUP}/stricts`, YAML, custom("Strict", "n", SIZES)],
    problems: [again(1, "size"), ...unknown("spec.unknown")],
    strict: `strict decoding error: ${yaml(again(1, "size"))}, unknown field "spec.unknown"`,
  },
  {
    what: "an object embedded in a custom resource",
    sent: ["POST", `${GROUP}/stricts`, JSON_TYPE, custom("Strict", "n", EMBEDDED)],
    problems: unknown("spec.template.unknown", "spec.template.metadata.unknownMeta"),
  },
  {
    what: "a custom resource that takes anything",
    sent: ["POST", `${GROUP}/frees`, JSON_TYPE, custom("Free", "n", '{"size":1,"any":{"a":1,"a":2}}')],
    problems: twice("spec.any.a"),
  },
  {
    what: "a merge patch of a custom resource",
    sent: ["PATCH", `${GROUP}/stricts/live`, MERGE, patch(SIZES)],
    problems: [...twice("spec.size"), ...unknown("spec.unknown")],
  },
];

test.each(CASES)("$what is refused, warned of or taken as it is", async ({ sent, problems, strict }) => {
  const [method, path, type, body] = sent;
  for (const validation of ["Warn", "", "Ignore"]) {
    const answer = await send(method, path, type, body, `dryRun=All&fieldValidation=${validation}`);
    expect([answer.code < 300, answer.object.message, warnings(answer)]).toEqual([
      true,
      undefined,
      validation === "Ignore" ? [] : problems,
    ]);
    expect(JSON.stringify(answer.object)).not.toMatch(/"unknown\w+":/);
  }
  const refused = await send(method, path, type, body, "dryRun=All&fieldValidation=Strict");
  const isPatch = method === "PATCH" && type !== APPLY;
  expect([refused.code, refused.object.reason]).toEqual(isPatch ? [422, "Invalid"] : [400, "BadRequest"]);
  expect(refused.object.message).toContain(strict ?? `strict decoding error: ${problems.join(", ")}`);
});

test.each(["Strict", "Warn", "Ignore"])(
  "an apply of fields that are not there is an error under %s too",
  async (validation) => {
    const query = `dryRun=All&fieldValidation=${validation}`;
    for (const [path, body] of [
      [LIVE, patch('{"unknown1":"x"}', MINIMAL)],
      [`${GROUP}/stricts/live`, custom("Strict", "live", '{"unknown1":3}')],
    ] as const) {
      const { code, object } = await send("PATCH", path, APPLY, body, query);
      expect([code, object.message]).toEqual([
        500,
        expect.stringMatching(/\.spec\.unknown1: field not declared in schema$/),
      ]);
    }
  },
);
