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

test("a template's profiles in annotations are told of, unless fields say the same", () => {
  const key = "container.apparmor.security.beta.kubernetes.io/c";
  const of = (spec: object) =>
    ({
      metadata: { name: "d" },
      spec: { template: pod({ ...ONE_CONTAINER, ...spec }, { annotations: { [key]: "unconfined" } }) },
    }) as unknown as Unstructured;
  const warning = `spec.template.metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`;
  expect(warningsOf(DEPLOYMENT, of({}), undefined)).toEqual([warning]);
  expect(
    warningsOf(DEPLOYMENT, of({ securityContext: { appArmorProfile: { type: "Unconfined" } } }), undefined),
  ).toEqual([]);
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

const ONE_CONTAINER = { containers: [{ name: "c", image: "i" }] };

test.each<[string, object, object, string[]]>([
  [
    "a projected volume without a source",
    { volumes: [{ name: "v", projected: { sources: [{}] } }] },
    {},
    ['volume "v" (Projected) has no sources provided'],
  ],
  [
    "files of a volume that hide each other",
    {
      volumes: [
        {
          name: "v",
          configMap: {
            name: "m",
            items: [
              { key: "a", path: "x" },
              { key: "b", path: "x/y/" },
            ],
          },
        },
      ],
    },
    {},
    ['volume "v" (ConfigMap "m"): overlapping paths: "x/y" with "x"'],
  ],
  [
    "files of several sources that hide each other",
    {
      volumes: [
        {
          name: "v",
          projected: {
            sources: [
              { serviceAccountToken: { path: "t" } },
              { secret: { name: "s", items: [{ key: "k", path: "t" }] } },
            ],
          },
        },
      ],
    },
    {},
    ['volume "v" (Projected): overlapping paths: "t" (Secret "s") with "t" (ServiceAccountToken)'],
  ],
  [
    "a host's address without a host's port",
    { containers: [{ name: "c", ports: [{ containerPort: 80, hostIP: "10.0.0.1", protocol: "TCP" }] }] },
    {},
    [
      "spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:10.0.0.1}",
    ],
  ],
  [
    "addresses in a form of their own",
    { dnsConfig: { nameservers: ["2001:DB8::1"] }, hostAliases: [{ ip: "0::1" }] },
    {},
    [
      'spec.dnsConfig.nameservers[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
      'spec.hostAliases[0].ip: IPv6 address "0::1" should be in RFC 5952 canonical format ("::1")',
    ],
  ],
  [
    "profiles in annotations",
    ONE_CONTAINER,
    {
      "container.apparmor.security.beta.kubernetes.io/c": "unconfined",
      "container.seccomp.security.alpha.kubernetes.io/c": "unconfined",
    },
    [
      'metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead',
    ],
  ],
  [
    "a claim for parts of a byte",
    {
      volumes: [
        { name: "v", ephemeral: { volumeClaimTemplate: { spec: { resources: { requests: { storage: "1m" } } } } } },
      ],
    },
    {},
    [
      'spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value "1m" is invalid, must be an integer',
    ],
  ],
])("%s", (_name, spec, annotations, warnings) => {
  expect(warningsOf(POD, pod(spec, { annotations }), undefined)).toEqual(warnings);
});

type Case = [kind: string, object: object, old: object | undefined, warnings: string[]];

test.each<Case>([
  [
    "/Endpoints",
    { subsets: [{ addresses: [{ ip: "0::1" }] }] },
    undefined,
    ['subsets[0].addresses[0].ip: IPv6 address "0::1" should be in RFC 5952 canonical format ("::1")'],
  ],
  [
    "/Node",
    { spec: { externalID: "x", podCIDRs: ["2001:DB8::/64"] } },
    undefined,
    [
      "spec.externalID: this field is deprecated, and is unused by Kubernetes",
      'spec.podCIDRs[0]: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:db8::/64")',
    ],
  ],
  [
    "/PersistentVolumeClaim",
    { metadata: { annotations: { "volume.beta.kubernetes.io/storage-class": "a" } } },
    undefined,
    [
      'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
    ],
  ],
  [
    "/ResourceQuota",
    { spec: { hard: { cpu: "2", "limits.cpu": "1" } } },
    undefined,
    ["ResourceQuota cpu (2) should be less than limits.cpu (1)"],
  ],
  [
    "/ServiceAccount",
    { metadata: { annotations: { "kubernetes.io/enforce-mountable-secrets": "true" } } },
    {},
    [
      "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets",
    ],
  ],
  [
    "apps/StatefulSet",
    { spec: { revisionHistoryLimit: -1 } },
    undefined,
    ["spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"],
  ],
  [
    "batch/CronJob",
    { spec: { schedule: "TZ=UTC @daily" } },
    {},
    [
      "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
    ],
  ],
  [
    "discovery.k8s.io/EndpointSlice",
    { addressType: "FQDN" },
    undefined,
    ["spec.addressType: FQDN endpoints are deprecated"],
  ],
  [
    "node.k8s.io/RuntimeClass",
    { scheduling: { nodeSelector: { "beta.kubernetes.io/os": "linux" } } },
    undefined,
    ['scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead'],
  ],
  [
    "storage.k8s.io/CSIDriver",
    { spec: { tokenRequests: [{ audience: "a" }] } },
    undefined,
    [
      "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes",
    ],
  ],
  [
    "storage.k8s.io/CSIDriver",
    { spec: { tokenRequests: [{ audience: "a" }] } },
    { spec: { tokenRequests: [{ audience: "a" }] } },
    [],
  ],
  [
    "resource.k8s.io/ResourceSlice",
    { spec: { driver: "A" } },
    undefined,
    ['spec.driver: driver names should be lowercase; "A" contains uppercase characters'],
  ],
  [
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
    { webhooks: [{ rules: [{ apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"] }] }] },
    undefined,
    [
      "webhooks[0].rules[0]: tokenreviews.authentication.k8s.io is excluded from admission webhooks; this rule will have no effect",
    ],
  ],
])("%s %j", (kind, object, old, warnings) => {
  const [group = "", name = ""] = kind.split("/");
  const whole = { metadata: { name: "x" }, ...object } as Unstructured;
  expect(warningsOf({ group, version: "v1", kind: name }, whole, old as Unstructured | undefined)).toEqual(warnings);
});

test("an update of a ReplicationController warns of the template that it had", () => {
  const of = (generation: number, seconds: number): Unstructured =>
    ({
      metadata: { name: "r", generation },
      spec: { template: pod({ terminationGracePeriodSeconds: seconds }) },
    }) as never;
  const kind = { group: "", version: "v1", kind: "ReplicationController" };
  expect(warningsOf(kind, of(2, -1), of(1, 1))).toEqual([]);
  expect(warningsOf(kind, of(2, 1), of(1, -1))).toHaveLength(1);
});
