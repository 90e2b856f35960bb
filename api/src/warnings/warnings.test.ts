import { expect, test } from "vitest";
import type { Unstructured } from "../object.ts";
import { warningsOf } from "./index.ts";

const POD = { group: "", version: "v1", kind: "Pod" };
const DEPLOYMENT = { group: "apps", version: "v1", kind: "Deployment" };
const pod = (spec: object, metadata: object = {}): Unstructured => ({ metadata: { name: "p", ...metadata }, spec });

test("an ordinary pod gives no warning", () => {
  expect(
    warningsOf(POD, pod({ containers: [{ name: "c", image: "i", ports: [{ containerPort: 80 }] }] }), undefined),
  ).toEqual([]);
});

test("a variable may build on an earlier one of its name, but not hide it", () => {
  const env = [
    { name: "A", value: "1" },
    { name: "A", value: "$(A):2" },
    { name: "A", value: "3" },
  ];
  expect(warningsOf(POD, pod({ containers: [{ name: "c", env }] }), undefined)).toEqual([
    'spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply',
  ]);
});

test("ports that meet, old labels and old volumes are told with their paths in the template", () => {
  const template = pod({
    nodeSelector: { "beta.kubernetes.io/os": "linux" },
    volumes: [{ name: "v", gitRepo: { repository: "r" } }],
    containers: [
      { name: "a", ports: [{ containerPort: 80, name: "web" }] },
      {
        name: "b",
        ports: [{ containerPort: 80, hostPort: 8080, name: "web" }],
        resources: { limits: { memory: "100m" } },
      },
    ],
  });
  const deployment = { metadata: { name: "d" }, spec: { template } } as unknown as Unstructured;
  expect(warningsOf(DEPLOYMENT, deployment, undefined)).toEqual([
    'spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    "spec.template.spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
    'spec.template.spec.containers[1].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
    "spec.template.spec.containers[1].ports[0]: overlapping port definition with spec.template.spec.containers[0].ports[0]",
    'spec.template.spec.containers[1].ports[0]: duplicate port name "web" with spec.template.spec.containers[0].ports[0], ' +
      "services and probes that select ports by name will use spec.template.spec.containers[0].ports[0]",
  ]);
});

test("an update of a workload warns only when its spec changed", () => {
  const of = (generation: number) =>
    ({
      metadata: { name: "d", generation },
      spec: { template: pod({ terminationGracePeriodSeconds: -1, containers: [] }) },
    }) as unknown as Unstructured;
  expect(warningsOf(DEPLOYMENT, of(1), of(1))).toEqual([]);
  expect(warningsOf(DEPLOYMENT, of(2), of(1))).toHaveLength(1);
});

test("names that do not fit a hostname are warned of", () => {
  expect(warningsOf(POD, pod({ containers: [] }, { name: "a.b" }), undefined)[0]).toContain(
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior",
  );
});

test("Services warn of what is ignored or old", () => {
  const service = {
    metadata: { name: "s" },
    spec: { type: "ClusterIP", clusterIP: "None", sessionAffinity: "ClientIP", externalName: "e" },
  };
  expect(warningsOf({ group: "", version: "v1", kind: "Service" }, service, undefined)).toEqual([
    "spec.SessionAffinity is ignored for headless services",
    'spec.externalName is ignored when spec.type is not "ExternalName"',
  ]);
});
