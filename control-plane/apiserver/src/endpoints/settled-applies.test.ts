import type { Unstructured } from "@tsukube/api";
import { type Cluster, startCluster } from "@tsukube/testing";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

const MAPS = "/api/v1/namespaces/default/configmaps";
const WIDGETS = "/apis/example.com/v1/namespaces/default/widgets";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const POLICIES = "/apis/admissionregistration.k8s.io/v1";
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

interface Applied {
  readonly status: number;
  readonly warning: unknown;
  readonly object: Unstructured & { readonly data?: unknown; readonly message?: string };
}

async function apply(path: string, body: object | string, query = "fieldManager=m"): Promise<Applied> {
  const response = await cluster.transport.request({
    method: "PATCH",
    path: `${path}?${query}`,
    headers: { "content-type": "application/apply-patch+yaml", accept: "application/json" },
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
  });
  const object = JSON.parse(Buffer.from(response.body as Uint8Array).toString());
  return { status: response.status, warning: response.headers["warning"], object };
}

function map(name: string, data: object): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

/** Often enough that nothing is looked at any more. @returns the last answer. */
async function settle(path: string, body: object | string): Promise<Applied> {
  for (let round = 0; round < 3; round += 1) await apply(path, body);
  return apply(path, body);
}

test("the same apply again and again is answered with the object as it is", async () => {
  const first = await apply(`${MAPS}/a`, map("a", { k: "1" }));
  expect((await settle(`${MAPS}/a`, map("a", { k: "1" }))).object).toEqual(first.object);
  expect((await apply(`${MAPS}/a`, map("a", { k: "1" }), "fieldManager=m&dryRun=All")).object).toEqual(first.object);
});

test("what somebody changed meanwhile is put back, or is a conflict", async () => {
  await settle(`${MAPS}/b`, map("b", { k: "1" }));
  await cluster.client.resource({ group: "", version: "v1", resource: "configmaps" }, "default").patch("b", {
    type: "merge",
    body: { data: { k: "2" } },
  });
  expect((await apply(`${MAPS}/b`, map("b", { k: "1" }))).status).toBe(409);
  const forced = await apply(`${MAPS}/b`, map("b", { k: "1" }), "fieldManager=m&force=true");
  expect(forced.object.data).toEqual({ k: "1" });
});

test("another manager, another body and another form are looked at", async () => {
  await settle(`${MAPS}/c`, map("c", { k: "1" }));
  const other = await apply(`${MAPS}/c`, map("c", { k: "1" }), "fieldManager=n");
  expect(other.object.metadata?.managedFields?.map(({ manager }) => manager).toSorted()).toEqual(["m", "n"]);
  expect((await apply(`${MAPS}/c`, map("c", { l: "1" }))).object.data).toEqual({ k: "1", l: "1" });
  expect((await apply(`${MAPS}/c`, map("d", { k: "1" }))).status).toBe(400);
});

test("an item whose key is null is one, which validation finds wanting", async () => {
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: null, image: "a" }] } };
  const made = await apply("/apis/apps/v1/namespaces/default/deployments/n", {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "n" },
    spec: { selector: { matchLabels: { a: "b" } }, template },
  });
  expect(made.object.message).toContain("spec.template.spec.containers[0].name: Required value");
  expect(made.status).toBe(422);
});

test("a manager of an older version leaves what its version lacks", async () => {
  const path = (version: string) => `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers/h`;
  const autoscaler = (version: string, more: object) => ({
    apiVersion: `autoscaling/${version}`,
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "h" },
    spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "d" }, maxReplicas: 5, ...more },
  });
  const target = { type: "Utilization", averageUtilization: 70 };
  const metrics = [{ type: "Resource", resource: { name: "memory", target } }];
  await apply(path("v2"), autoscaler("v2", { metrics }), "fieldManager=one");
  const cpu = autoscaler("v1", { targetCPUUtilizationPercentage: 50 });
  const conflict = await apply(path("v1"), cpu, "fieldManager=two");
  expect(conflict.object.message).toBe('Apply failed with 1 conflict: conflict with "one": .spec.metrics');
  const old = await apply(path("v1"), autoscaler("v1", {}), "fieldManager=two");
  expect(old.object).not.toHaveProperty("spec.targetCPUUtilizationPercentage");
  const both = await apply(path("v2"), autoscaler("v2", { metrics, minReplicas: 2 }), "fieldManager=one");
  expect(both.object).toMatchObject({ spec: { metrics, minReplicas: 2 } });
  expect(both.object.metadata?.managedFields).toHaveLength(2);
});

test("warnings are given each time", async () => {
  const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: w\ndata:\n  k: "1"\n  k: "1"\n';
  expect((await settle(`${MAPS}/w`, twice)).warning).toEqual([expect.stringContaining("already set")]);
});

test("a policy that came later is asked", async () => {
  await settle(`${MAPS}/p`, map("p", { k: "1" }));
  await cluster.client.raw("POST", `${POLICIES}/validatingadmissionpolicies`, {
    metadata: { name: "no-p" },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["configmaps"] }],
      },
      validations: [{ expression: "object.metadata.name != 'p'", message: "not this one" }],
    },
  });
  await cluster.client.raw("POST", `${POLICIES}/validatingadmissionpolicybindings`, {
    metadata: { name: "no-p" },
    spec: { policyName: "no-p", validationActions: ["Deny"] },
  });
  expect((await apply(`${MAPS}/p`, map("p", { k: "1" }))).object.message).toContain("not this one");
});

test("what admission took back is tried again: it may let it pass now", async () => {
  await settle(`${MAPS}/q`, map("q", { k: "1" }));
  await cluster.client.raw("POST", `${POLICIES}/mutatingadmissionpolicies`, {
    metadata: { name: "q-is-1" },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["configmaps"] }],
      },
      matchConditions: [{ name: "q", expression: "object.metadata.name == 'q'" }],
      failurePolicy: "Fail",
      reinvocationPolicy: "Never",
      mutations: [
        {
          patchType: "JSONPatch",
          jsonPatch: { expression: '[JSONPatch{op: "replace", path: "/data/k", value: "1"}]' },
        },
      ],
    },
  });
  await cluster.client.raw("POST", `${POLICIES}/mutatingadmissionpolicybindings`, {
    metadata: { name: "q-is-1" },
    spec: { policyName: "q-is-1" },
  });
  expect((await settle(`${MAPS}/q`, map("q", { k: "2" }))).object.data).toEqual({ k: "1" });
  await cluster.client.raw("DELETE", `${POLICIES}/mutatingadmissionpolicybindings/q-is-1`);
  expect((await apply(`${MAPS}/q`, map("q", { k: "2" }))).object.data).toEqual({ k: "2" });
});

const DATA = fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom("1", "2"));
const STEP = fc.oneof(
  { weight: 4, arbitrary: fc.record({ data: DATA, manager: fc.constantFrom("m", "n"), force: fc.boolean() }) },
  fc.record({ merge: DATA }),
);

test("applies in any order make what they make when each is looked at", async () => {
  let count = 0;
  const run = fc.asyncProperty(
    fc.array(fc.tuple(STEP, fc.integer({ min: 1, max: 3 })), { maxLength: 6 }),
    async (steps) => {
      count += 1;
      const [remembered, looked] = [`r${count}`, `l${count}`];
      const seen = async (name: string, step: (typeof steps)[number][0], body: (object: object) => string) => {
        if ("merge" in step) {
          const request = {
            method: "PATCH",
            path: `${MAPS}/${name}?fieldManager=o`,
            body: Buffer.from(JSON.stringify({ data: step.merge })),
          };
          const headers = { "content-type": "application/merge-patch+json", accept: "application/json" };
          return (await cluster.transport.request({ ...request, headers })).status;
        }
        const query = `fieldManager=${step.manager}&force=${step.force}`;
        const { status, object } = await apply(`${MAPS}/${name}`, body(map(name, step.data)), query);
        const { managedFields, generation } = object.metadata ?? {};
        return { status, message: object.message, data: object.data, managedFields, generation };
      };
      for (const [step, times] of steps) {
        for (let time = 0; time < times; time += 1) {
          const [a, b] = [
            await seen(remembered, step, (object) => JSON.stringify(object)),
            // another body each time, so none is known
            await seen(looked, step, (object) => `${JSON.stringify(object)} # ${(count += 1)}`),
          ];
          expect(a).toEqual(b);
        }
      }
    },
  );
  await fc.assert(run, { numRuns: 30 });
});

function definition(rule: string): object {
  const spec = {
    type: "object",
    properties: { size: { type: "integer" } },
    "x-kubernetes-validations": [{ rule, message: "not so" }],
  };
  return {
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
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

test("a custom resource is looked at again when its definition has changed", async () => {
  await cluster.client.raw("POST", CRDS, definition("self.size > 0"));
  await cluster.clock.advance(1000);
  const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" }, spec: { size: 7 } };
  expect((await settle(`${WIDGETS}/w`, widget)).status).toBe(200);
  const { metadata } = (await cluster.client.raw("GET", `${CRDS}/widgets.example.com`)) as Unstructured;
  const { resourceVersion } = metadata ?? {};
  const changed = {
    ...definition("self.size > oldSelf.size"),
    metadata: { name: "widgets.example.com", resourceVersion },
  };
  await cluster.client.raw("PUT", `${CRDS}/widgets.example.com`, changed);
  await cluster.clock.advance(1000);
  expect((await apply(`${WIDGETS}/w`, widget)).object.message).toContain("not so");
});
