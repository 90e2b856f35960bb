import type { Unstructured } from "@tsukube/api";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.close());

interface Owner {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
  readonly time?: string;
  readonly fieldsV1: object;
}

/** Who owns what of an object: "manager operation subresource" and the paths below the last map. */
async function owners(path: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const { metadata } = (await cluster.client.raw("GET", path)) as Unstructured;
  const entries = (metadata?.managedFields ?? []) as unknown as readonly Owner[];
  expect(entries.filter(({ time }) => time === undefined)).toEqual([]);
  return Object.fromEntries(
    entries.map(({ manager, operation, subresource, fieldsV1 }) => [
      [manager, operation, subresource].filter(Boolean).join(" "),
      Object.entries(fieldsV1).flatMap(([name, below]) => Object.keys(below as object).map((key) => `${name} ${key}`)),
    ]),
  );
}

const CRD = {
  metadata: { name: "widgets.owned.test" },
  spec: {
    group: "owned.test",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  },
};

const FLOW = "/apis/flowcontrol.apiserver.k8s.io/v1";
const PRODUCER = "api-priority-and-fairness-config-producer-v1 Update";

test.each([
  ["/api/v1/namespaces/default", { "kube-apiserver Update": ["f:metadata f:labels"] }],
  [
    "/api/v1/namespaces/default/services/kubernetes",
    {
      "kube-apiserver Update": [
        "f:metadata f:labels",
        ...["clusterIP", "internalTrafficPolicy", "ipFamilyPolicy", "ports", "sessionAffinity", "type"].map(
          (name) => `f:spec f:${name}`,
        ),
      ],
    },
  ],
  [
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:discovery",
    { "kube-apiserver Update": ["f:metadata f:annotations", "f:metadata f:labels"] },
  ],
  [
    `${FLOW}/flowschemas/catch-all`,
    {
      "api-priority-and-fairness-config-consumer-v1 Apply status": ["f:status f:conditions"],
      [PRODUCER]: [
        "f:metadata f:annotations",
        ...["distinguisherMethod", "matchingPrecedence", "priorityLevelConfiguration", "rules"].map(
          (name) => `f:spec f:${name}`,
        ),
      ],
    },
  ],
  [
    "/apis/networking.k8s.io/v1/servicecidrs/kubernetes",
    {
      "kubernetes-service-cidr-controller Apply status": ["f:status f:conditions"],
      "kube-apiserver Update": ["f:spec f:cidrs"],
    },
  ],
])("%s is owned by the server's parts", async (path, expected) => {
  expect(await owners(path)).toEqual(expected);
});

test("who applies a level of the server's own hears whose it is", async () => {
  const path = `${FLOW}/prioritylevelconfigurations/workload-low`;
  const { spec } = (await cluster.client.raw("GET", path)) as { readonly spec: { readonly limited: object } };
  const limited = { ...spec.limited, nominalConcurrencyShares: 7 };
  const kind = { apiVersion: "flowcontrol.apiserver.k8s.io/v1", kind: "PriorityLevelConfiguration" };
  const patch = { ...kind, metadata: { name: "workload-low" }, spec: { ...spec, limited } };
  const level = cluster.client.resource({
    ...{ group: "flowcontrol.apiserver.k8s.io", version: "v1", resource: "prioritylevelconfigurations" },
  });
  const applied = level.patch("workload-low", { type: "apply", body: patch, fieldManager: "me" });
  await expect(applied).rejects.toThrow(
    'Apply failed with 1 conflict: conflict with "api-priority-and-fairness-config-producer-v1"',
  );
});

test("the status of a definition is the server's, as is the APIService of its version", async () => {
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  await cluster.client.raw("POST", path, CRD);
  await cluster.clock.settle();
  expect(await owners(`${path}/widgets.owned.test`)).toMatchObject({
    "kube-apiserver Update status": ["f:status f:acceptedNames", "f:status f:conditions"],
  });
  expect(await owners("/apis/apiregistration.k8s.io/v1/apiservices/v1.owned.test")).toEqual({
    "kube-apiserver Update": [
      "f:metadata f:labels",
      ...["group", "groupPriorityMinimum", "version", "versionPriority"].map((name) => `f:spec f:${name}`),
    ],
  });
});

test("what a quota is charged is the server's", async () => {
  const quotas = "/api/v1/namespaces/default/resourcequotas";
  await cluster.client.raw("POST", quotas, { metadata: { name: "q" }, spec: { hard: { configmaps: "9" } } });
  await cluster.client.raw("PUT", `${quotas}/q/status`, {
    metadata: { name: "q" },
    status: { hard: { configmaps: "9" }, used: { configmaps: "0" } },
  });
  await cluster.client.raw("POST", "/api/v1/namespaces/default/configmaps", { metadata: { name: "c" } });
  expect(await owners(`${quotas}/q`)).toMatchObject({ "kube-apiserver Update status": ["f:status f:used"] });
});
