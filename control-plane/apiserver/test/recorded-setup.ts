import type { Unstructured } from "@tsukube/api";
import type { Cluster, startCluster } from "@tsukube/testing";

const NAMESPACE = "tsukube-g";
const IN = `/api/v1/namespaces/${NAMESPACE}`;
const APPS = `/apis/apps/v1/namespaces/${NAMESPACE}`;
const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } };

/** What the recorder had made before it sent the requests. */
const OBJECTS: readonly (readonly [string, object])[] = [
  ["/api/v1/namespaces", { metadata: { name: NAMESPACE } }],
  [`${IN}/serviceaccounts`, { metadata: { name: "default" } }],
  [`${IN}/services`, { metadata: { name: "s" }, spec: { ports: [{ port: 80 }] } }],
  [`${IN}/configmaps`, { metadata: { name: "imm" }, data: { a: "b" }, immutable: true }],
  [`${IN}/secrets`, { metadata: { name: "s" }, data: { a: "Yg==" } }],
  ...["deployments", "replicasets", "daemonsets", "statefulsets"].map((resource): readonly [string, object] => [
    `${APPS}/${resource}`,
    {
      metadata: { name: "w" },
      spec: {
        selector: { matchLabels: { app: "a" } },
        template,
      },
    },
  ]),
  [
    `/apis/batch/v1/namespaces/${NAMESPACE}/jobs`,
    {
      metadata: { name: "j" },
      spec: { template: { spec: { containers: [{ name: "c", image: "i" }], restartPolicy: "Never" } } },
    },
  ],
  [`${IN}/pods`, { metadata: { name: "p", labels: { app: "p" } }, spec: { containers: [{ name: "c", image: "i" }] } }],
  [
    `${IN}/persistentvolumeclaims`,
    { metadata: { name: "c" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "2Gi" } } } },
  ],
  [
    `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings`,
    { metadata: { name: "r" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "x" } },
  ],
  ["/apis/scheduling.k8s.io/v1/priorityclasses", { metadata: { name: "x" }, value: 10 }],
  ["/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition("foos", "Foo")],
  ["/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition("bars", "Bar")],
];

function definition(plural: string, kind: string): object {
  const spec = {
    type: "object",
    properties: { a: { type: "string" }, l: { type: "array", items: { type: "integer" } } },
  };
  return {
    metadata: { name: `${plural}.facts.example.com` },
    spec: {
      group: "facts.example.com",
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

/** The cluster that the requests were sent to. */
export async function recordedCluster(start: typeof startCluster): Promise<Cluster> {
  const cluster = await start({ serviceCidr: "10.0.0.0/24" });
  for (const [path, body] of OBJECTS) await cluster.client.raw("POST", path, body);
  await cluster.clock.settle();
  return cluster;
}

const BUDGETS = `/apis/policy/v1/namespaces/${NAMESPACE}/poddisruptionbudgets`;

/** What happened before a request besides the requests before it. */
export const SETUP: Readonly<Record<string, (cluster: Cluster) => Promise<void>>> = {
  "pod eviction with unobserved budget": async ({ client }) => {
    const live = (await client.raw("GET", `${IN}/pods/p`)) as Unstructured;
    const conditions = [{ type: "Ready", status: "True" }]; // or it would not count, and be free to go
    await client.raw("PUT", `${IN}/pods/p/status`, { ...live, status: { phase: "Running", conditions } });
    const spec = { minAvailable: 1, selector: { matchLabels: { app: "p" } } };
    await client.raw("POST", BUDGETS, { metadata: { name: "b" }, spec });
  },
  "pod eviction blocked": async ({ client }) => {
    const live = (await client.raw("GET", `${BUDGETS}/b`)) as Unstructured;
    const status = {
      observedGeneration: 1,
      disruptionsAllowed: 0,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
    };
    await client.raw("PUT", `${BUDGETS}/b/status`, { ...live, status });
  },
};
