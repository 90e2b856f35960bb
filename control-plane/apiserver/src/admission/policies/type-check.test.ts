import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.close());

interface Shown {
  readonly metadata: { readonly generation: number };
  readonly status?: {
    readonly observedGeneration: number;
    readonly typeChecking: {
      readonly expressionWarnings?: readonly { readonly fieldRef: string; readonly warning: string }[];
    };
  };
}

async function send(method: string, path: string, body?: object): Promise<Shown> {
  const headers = { "content-type": "application/json" };
  const request = { method, path, headers };
  const { body: answer } = await cluster.transport.request(
    body === undefined ? request : { ...request, body: Buffer.from(JSON.stringify(body)) },
  );
  return JSON.parse(Buffer.from(answer as Uint8Array).toString()) as Shown;
}

/** The warnings about a policy for these resources, once they are there. */
async function warningsOf(group: string, resource: string, ...validations: readonly object[]) {
  return warningsOfPolicy(group, resource, { validations });
}

async function warningsOfPolicy(group: string, resource: string, expressions: object) {
  const rule = { apiGroups: [group], apiVersions: ["v1"], operations: ["*"], resources: [resource] };
  const spec = { matchConstraints: { resourceRules: [rule] }, ...expressions };
  await send("POST", POLICIES, { metadata: { name: "p" }, spec });
  return expect
    .poll(async () => (await send("GET", `${POLICIES}/p`)).status?.observedGeneration)
    .toBe(1)
    .then(async () => (await send("GET", `${POLICIES}/p`)).status!.typeChecking.expressionWarnings ?? []);
}

test("expressions whose types are right get no warning", async () => {
  expect(await warningsOf("apps", "deployments", { expression: "object.spec.replicas > 1" })).toEqual([]);
});

test("expressions that confuse types get one, and so do their messages", async () => {
  const warnings = await warningsOf("apps", "deployments", {
    expression: "object.spec.replicas > '1'",
    messageExpression: "'wants replicas > 1, got ' + object.spec.replicas",
  });
  expect(warnings.map(({ fieldRef }) => fieldRef)).toEqual([
    "spec.validations[0].expression",
    "spec.validations[0].messageExpression",
  ]);
  expect(warnings[0]!.warning).toMatch(
    /^apps\/v1, Kind=Deployment: ERROR: .*found no matching overload for '_>_' applied to '\(int, string\)'/,
  );
  expect(warnings[1]!.warning).toMatch(/found no matching overload for '_\+_' applied to '\(string, int\)'/);
});

test("variables are of the types of what they are made of", async () => {
  const variables = [
    { name: "count", expression: "object.spec.replicas" },
    { name: "more", expression: "variables.count + 1" },
  ];
  const validations = [{ expression: "variables.more > 1" }, { expression: "variables.more == 'x'" }];
  expect(await warningsOfPolicy("apps", "deployments", { variables, validations })).toEqual([
    {
      fieldRef: "spec.validations[1].expression",
      warning: expect.stringContaining("found no matching overload for '_==_' applied to '(int, string)'"),
    },
  ]);
});

test("custom resources have types too", async () => {
  const spec = { type: "object", properties: { replicas: { type: "integer" } } };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec } } };
  await send("POST", CRDS, {
    metadata: { name: "crontabs.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "crontabs", singular: "crontab", kind: "CronTab", listKind: "CronTabList" },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  });
  const warnings = await warningsOf(
    "example.com",
    "crontabs",
    { expression: "object.spec.replicas > '1'" },
    { expression: "object.spec.maxRetries < 10" },
    { expression: "object.metadata.labels['a'] == 'b' && object.spec.replicas > 1" },
  );
  expect(warnings.map(({ fieldRef }) => fieldRef)).toEqual([
    "spec.validations[0].expression",
    "spec.validations[1].expression",
  ]);
  expect(warnings[1]!.warning).toMatch(/undefined field 'maxRetries'/);
});
