import type { Scenario, Send } from "../exchange.ts";
import { namespaceFor, PATCHES } from "./lifecycle.ts";

const POD = {
  metadata: {
    name: "p",
    labels: { app: "a", "x/y": "z" },
    annotations: { "a.b/c": "1" },
    finalizers: ["example.com/a", "example.com/b"],
  },
  spec: {
    nodeName: "n",
    containers: [
      {
        name: "a",
        image: "i:1",
        env: [
          { name: "X", value: "1" },
          { name: "Y", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        ],
        ports: [
          { containerPort: 80, name: "http" },
          { containerPort: 80, protocol: "UDP" },
        ],
        volumeMounts: [{ name: "v", mountPath: "/v" }],
        args: ["1", "2"],
      },
      { name: "b", image: "i:2" },
    ],
    volumes: [
      { name: "v", emptyDir: {} },
      { name: "w", configMap: { name: "c" } },
    ],
    tolerations: [{ key: "a", operator: "Exists" }],
    imagePullSecrets: [{ name: "s" }],
    hostAliases: [{ ip: "10.1.1.1", hostnames: ["a", "b"] }],
  },
};

const DEPLOYMENT = {
  metadata: { name: "d" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "a" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: "10%" } },
    template: { metadata: { labels: { app: "a" }, annotations: { x: "y" } }, spec: POD.spec },
  },
};

const SERVICE = {
  metadata: { name: "s", labels: { a: "b" } },
  spec: {
    selector: { app: "a" },
    ports: [
      { name: "http", port: 80, targetPort: "http" },
      { name: "dns", port: 53, protocol: "UDP" },
    ],
  },
};

/** Of a pod's spec, wherever it stands. */
const OF_POD_SPEC: readonly object[] = [
  { containers: [{ name: "a", image: "i:3" }] },
  { containers: [{ name: "c", image: "i:4" }] },
  { containers: [{ $patch: "delete", name: "b" }] },
  { containers: [{ $patch: "replace" }, { name: "z", image: "i" }] },
  { containers: [{ name: "a", $patch: "replace", image: "i:5" }] },
  { containers: [{ name: "a", $patch: "merge", image: "i:5" }] },
  { containers: [{ name: "a", $patch: "nope" }] },
  { containers: [{ image: "nameless" }] },
  { containers: [{ $patch: "delete" }] },
  { containers: null },
  { containers: [] },
  { containers: ["a"] },
  { containers: { name: "a" } },
  { $setElementOrder: 1 },
  { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }], containers: [{ name: "a", image: "i:6" }] },
  { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] },
  { "$setElementOrder/containers": [{ name: "b" }], containers: [{ name: "a", image: "i:6" }] },
  {
    "$setElementOrder/containers": [{ name: "c" }, { name: "a" }, { name: "b" }],
    containers: [{ name: "c", image: "i" }],
  },
  { "$setElementOrder/containers": [{}] },
  { "$setElementOrder/containers": "a" },
  {
    containers: [
      {
        name: "a",
        env: [
          { name: "X", value: "2" },
          { name: "Y", $patch: "delete" },
        ],
      },
    ],
  },
  {
    containers: [
      { name: "a", "$setElementOrder/env": [{ name: "Y" }, { name: "X" }], env: [{ name: "X", value: null }] },
    ],
  },
  { containers: [{ name: "a", ports: [{ containerPort: 80, name: "web" }] }] },
  { containers: [{ name: "a", ports: [{ containerPort: 81 }] }] },
  { containers: [{ name: "a", ports: [{ containerPort: 80, $patch: "delete" }] }] },
  { containers: [{ name: "a", args: ["3"] }] },
  { containers: [{ name: "a", "$deleteFromPrimitiveList/args": ["1"] }] },
  { containers: [{ name: "a", volumeMounts: [{ mountPath: "/v", readOnly: true }] }] },
  { containers: [{ name: "a", resources: { limits: { cpu: "1" } } }] },
  {
    containers: [
      { name: "a", livenessProbe: { httpGet: { port: 80 } } },
      { name: "a", image: "twice" },
    ],
  },
  { volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/" } }] },
  { volumes: [{ name: "v", hostPath: { path: "/" } }] },
  { volumes: [{ name: "v", $retainKeys: ["hostPath"], emptyDir: {} }] },
  { volumes: [{ name: "v", $retainKeys: "x" }] },
  { volumes: [{ name: "w", $patch: "delete" }], "$setElementOrder/volumes": [{ name: "v" }] },
  { volumes: [{ name: "w", configMap: null, emptyDir: { medium: "Memory" } }] },
  { tolerations: [{ key: "b", operator: "Exists" }] },
  { tolerations: [{ $patch: "delete", key: "a" }] },
  { imagePullSecrets: [{ name: "t" }] },
  { imagePullSecrets: [{ name: "s", $patch: "delete" }] },
  { hostAliases: [{ ip: "10.1.1.1", hostnames: ["c"] }] },
  { $patch: "replace", containers: [{ name: "only", image: "i" }] },
  { $patch: "delete" },
  { $patch: "merge", terminationGracePeriodSeconds: 5 },
  { $patch: 1 },
  { $retainKeys: ["containers"], containers: [{ name: "a", image: "i:7" }] },
  { securityContext: { $patch: "replace", runAsUser: 1 } },
  { nodeSelector: { a: "b", c: null } },
  { nodeSelector: { $patch: "replace", x: "y" } },
  { topologySpreadConstraints: [{ topologyKey: "z", maxSkew: 1, whenUnsatisfiable: "DoNotSchedule" }] },
  { activeDeadlineSeconds: "1" },
  { nope: 1, containers: [{ name: "a", nope: { a: 1 } }] },
];

const OF_METADATA: readonly object[] = [
  { metadata: { "$deleteFromPrimitiveList/finalizers": ["example.com/a"] } },
  { metadata: { "$deleteFromPrimitiveList/finalizers": ["nope"] } },
  { metadata: { "$deleteFromPrimitiveList/finalizers": "example.com/a" } },
  { metadata: { finalizers: ["example.com/c"] } },
  { metadata: { finalizers: ["example.com/c"], "$setElementOrder/finalizers": ["example.com/c", "example.com/b"] } },
  { metadata: { "$setElementOrder/finalizers": ["example.com/b", "example.com/a"] } },
  { metadata: { finalizers: null } },
  { metadata: { finalizers: [{ $patch: "replace" }] } },
  { metadata: { labels: { $patch: "replace", only: "1" } } },
  { metadata: { labels: { $patch: "delete" } } },
  { metadata: { labels: null } },
  { metadata: { labels: { app: null, "x/y": "w" } } },
  { metadata: { labels: { a: 1 } } },
  { metadata: { labels: { b: true } } },
  { metadata: { labels: [] } },
  { metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "o", uid: "1" }] } },
  { metadata: { ownerReferences: [{ uid: "1", $patch: "delete" }] } },
  { metadata: { managedFields: [] } },
  { metadata: { managedFields: [{}] } },
  { metadata: { managedFields: null } },
  { metadata: { creationTimestamp: null } },
  { metadata: { creationTimestamp: "2020-01-01T00:00:00Z", generation: 9, selfLink: "/x" } },
  { metadata: { deletionTimestamp: "2020-01-01T00:00:00Z", deletionGracePeriodSeconds: 3 } },
  { metadata: { resourceVersion: "1" } },
  { metadata: { resourceVersion: "" } },
  { metadata: { resourceVersion: 1 } },
  { metadata: { namespace: "other" } },
  { metadata: null },
  { apiVersion: "nope/v1" },
  { kind: "Nope" },
  { kind: null },
  { status: { phase: "Running", replicas: 9 } },
  { $patch: "replace", metadata: { name: "p" } },
  { $patch: "delete" },
];

const OF_DEPLOYMENT: readonly object[] = [
  { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } },
  { spec: { strategy: { type: "Recreate" } } },
  { spec: { strategy: { type: "Recreate", rollingUpdate: null } } },
  { spec: { strategy: { $patch: "replace", type: "Recreate" } } },
  { spec: { strategy: null } },
  { spec: { strategy: { rollingUpdate: { maxSurge: "x" } } } },
  { spec: { selector: { matchLabels: { app: "b" } } } },
  { spec: { template: { metadata: { labels: { app: "b" } } } } },
  { spec: { template: { metadata: { annotations: { x: null, "kubectl.kubernetes.io/restartedAt": "now" } } } } },
  { spec: { replicas: null } },
  { spec: { replicas: "3" } },
  { spec: { replicas: 1.5 } },
  { spec: { replicas: -1 } },
  { spec: { template: null } },
];

const OF_SERVICE: readonly object[] = [
  { spec: { ports: [{ port: 80, name: "web" }] } },
  { spec: { ports: [{ port: 81, name: "more" }] } },
  { spec: { ports: [{ port: 53, $patch: "delete" }] } },
  { spec: { ports: [{ port: 80, targetPort: 8080 }], "$setElementOrder/ports": [{ port: 53 }, { port: 80 }] } },
  { spec: { ports: [{ $patch: "replace" }, { port: 443 }] } },
  { spec: { ports: [{ name: "http" }] } },
  { spec: { selector: null } },
  { spec: { selector: { $patch: "replace", x: "y" } } },
  { spec: { type: "NodePort" } },
  { spec: { type: "ExternalName", externalName: "a.b" } },
  { spec: { type: "ExternalName", externalName: "a.b", clusterIP: null } },
  { spec: { type: "LoadBalancer", sessionAffinity: "ClientIP" } },
  { spec: { clusterIP: "None" } },
  { spec: { clusterIPs: null } },
  { spec: { externalIPs: ["1.2.3.4"] } },
  { spec: { ipFamilyPolicy: "PreferDualStack" } },
  { spec: { ipFamilies: ["IPv6"] } },
  { status: { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } } },
];

/** JSON patches of the pod: what RFC 6902 says, and what no client should send. */
const JSON_PATCHES: readonly unknown[] = [
  [{ op: "test", path: "/metadata/labels/app", value: "a" }],
  [{ op: "test", path: "/metadata/labels/app", value: "b" }],
  [{ op: "test", path: "/metadata/labels/nope", value: null }],
  [{ op: "test", path: "/metadata/labels/nope", value: "x" }],
  [{ op: "test", path: "/metadata/labels", value: { "x/y": "z", app: "a" } }],
  [{ op: "test", path: "/spec/containers/0/ports/0/containerPort", value: 80 }],
  [{ op: "test", path: "/spec/containers/0/ports/0/containerPort", value: "80" }],
  [{ op: "test", path: "/spec/containers/0/args", value: ["1", "2"] }],
  [{ op: "test", path: "", value: {} }],
  [{ op: "test", path: "/metadata/name" }],
  [{ op: "add", path: "/metadata/labels/x~1y", value: "w" }],
  [{ op: "replace", path: "/metadata/annotations/a.b~1c", value: "2" }],
  [{ op: "add", path: "/metadata/annotations/a~0b", value: "2" }],
  [{ op: "replace", path: "/metadata/annotations/a~2b", value: "2" }],
  [{ op: "replace", path: "/metadata/annotations/~", value: "2" }],
  [{ op: "add", path: "/metadata/finalizers/-", value: "example.com/c" }],
  [{ op: "add", path: "/metadata/finalizers/0", value: "example.com/c" }],
  [{ op: "add", path: "/metadata/finalizers/2", value: "example.com/c" }],
  [{ op: "add", path: "/metadata/finalizers/3", value: "example.com/c" }],
  [{ op: "add", path: "/metadata/finalizers/-1", value: "example.com/c" }],
  [{ op: "add", path: "/metadata/finalizers/01", value: "example.com/c" }],
  [{ op: "add", path: "/metadata/finalizers/x", value: "example.com/c" }],
  [{ op: "remove", path: "/metadata/finalizers/-" }],
  [{ op: "remove", path: "/metadata/finalizers/1" }],
  [{ op: "remove", path: "/metadata/finalizers/-1" }],
  [{ op: "remove", path: "/metadata/finalizers/9" }],
  [{ op: "replace", path: "/metadata/finalizers/-", value: "example.com/c" }],
  [{ op: "replace", path: "/metadata/finalizers/9", value: "example.com/c" }],
  [{ op: "move", from: "/metadata/labels/app", path: "/metadata/labels/moved" }],
  [{ op: "move", from: "/metadata/finalizers/0", path: "/metadata/finalizers/1" }],
  [{ op: "move", from: "/metadata/finalizers/0", path: "/metadata/finalizers/-" }],
  [{ op: "move", from: "/metadata/nope", path: "/metadata/labels/moved" }],
  [{ op: "move", from: "/metadata/labels", path: "/metadata/labels/in" }],
  [{ op: "copy", from: "/metadata/labels/app", path: "/metadata/labels/copied" }],
  [{ op: "copy", from: "/metadata/labels", path: "/metadata/annotations" }],
  [{ op: "copy", from: "/metadata/nope", path: "/metadata/labels/copied" }],
  [{ op: "copy", path: "/metadata/labels/copied" }],
  [{ op: "add", path: "/metadata/nope/deeper", value: "x" }],
  [{ op: "add", path: "metadata/labels/x", value: "x" }],
  [{ op: "add", path: "/", value: "x" }],
  [{ op: "add", path: "", value: { metadata: { name: "p" } } }],
  [{ op: "add", path: "/metadata/labels/x" }],
  [{ op: "add", value: "x" }],
  [{ path: "/metadata/labels/x", value: "x" }],
  [{ op: "ADD", path: "/metadata/labels/x", value: "x" }],
  [{ op: "add", path: "/metadata/labels/x", value: null }],
  [{ op: "add", path: "/metadata/labels/x", value: 1 }],
  [{ op: "add", path: 1, value: "x" }],
  [{ op: "add", path: "/metadata/labels/x", value: "x", more: 1 }],
  [{ op: "replace", path: "/metadata/labels/new", value: "x" }],
  [{ op: "replace", path: "/metadata/nope/x", value: "x" }],
  [{ op: "replace", path: "", value: {} }],
  [{ op: "replace", path: "/spec/containers", value: null }],
  [{ op: "remove", path: "/metadata" }],
  [{ op: "remove", path: "/metadata/labels/nope" }],
  [{ op: "remove", path: "/kind" }],
  [{ op: "replace", path: "/kind", value: "Nope" }],
  [{ op: "remove", path: "/apiVersion" }],
  [{ op: "remove", path: "" }],
  [{ op: "add", path: "/nope", value: 1 }],
  [
    { op: "add", path: "/spec/nope", value: 1 },
    { op: "add", path: "/spec/containers/0/nope", value: 1 },
  ],
  [
    { op: "add", path: "/metadata/labels/x", value: "1" },
    { op: "remove", path: "/metadata/labels/x" },
  ],
  [{ op: "add", path: "/metadata/resourceVersion", value: "1" }],
  [{ op: "replace", path: "/spec/containers/0/image", value: "i:9" }],
  [{ op: "replace", path: "/spec/containers/name=a/image", value: "i:9" }],
  [null],
  [1],
  [[]],
  null,
  "x",
  1,
];

const MERGE_PATCHES: readonly unknown[] = [
  { spec: { containers: [{ name: "z", image: "i" }] } },
  { spec: { containers: null } },
  { spec: { containers: [null] } },
  { spec: { nodeName: null } },
  { spec: { volumes: {} } },
  { metadata: { labels: { $patch: "replace", a: "b" } } },
  { metadata: { finalizers: ["example.com/z"] } },
  { metadata: { annotations: { a: { b: "c" } } } },
  { spec: { activeDeadlineSeconds: 1.5 } },
  { kind: "Nope" },
  { apiVersion: "nope/v1" },
  { kind: null },
  { apiVersion: "" },
  { metadata: { managedFields: [] } },
  { metadata: { managedFields: null } },
  null,
  "x",
  1,
  [],
  {},
];

const RAW: readonly (readonly [keyof typeof PATCHES, string])[] = [
  ["merge", '{"metadata":{"labels":{"a":"1","a":"2"}}}'],
  ["merge", '{"spec":{"terminationGracePeriodSeconds":1,"terminationGracePeriodSeconds":2}}'],
  ["merge", '{"metadata":{"labels":{"a":"\\ud800"}}}'],
  ["merge", '{"metadata":{"labels":{"a":"1"}}} x'],
  ["merge", '{"spec":{"activeDeadlineSeconds":1e3}}'],
  ["merge", '{"spec":{"activeDeadlineSeconds":9007199254740993}}'],
  ["json", '[{"op":"test","path":"/spec/containers/0/ports/0/containerPort","value":80.0}]'],
  ["merge", "metadata: {labels: {a: b}}"],
  ["strategic", '{"metadata":{"labels":{"a":"1","a":"2"}}}'],
  ["strategic", '{"spec":{"terminationGracePeriodSeconds":1,"terminationGracePeriodSeconds":2}}'],
  ["strategic", '{"a":1} x'],
  ["strategic", "null"],
  ["strategic", "1"],
  ["strategic", "metadata: {labels: {a: b}}"],
  ["json", '[{"op":"add","op":"remove","path":"/metadata/labels/app","value":"x"}]'],
  ["json", '[{"op":"add","path":"/spec/terminationGracePeriodSeconds","value":1e1}]'],
  ["json", "[] x"],
  ["apply", '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"a":"1","a":"2"}}}'],
  ["apply", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {nope: 1, nope: 2}\n"],
  ["apply", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n---\nkind: x\n"],
  ["apply", "apiVersion: v1\nkind: Pod\nmetadata: &a {name: p}\nspec: *a\n"],
  ["apply", "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {1: x, true: y}}\n"],
];

/** Every sort of patch, with the directives and mistakes of each. */
export function patchScenarios(): readonly Scenario[] {
  return [
    { name: "patches of pods", run: ofPods },
    { name: "patches of deployments", run: ofDeployments },
    { name: "patches of services", run: ofServices },
  ];
}

async function ofPods(send: Send): Promise<void> {
  const pods = `/api/v1/namespaces/${await namespaceFor(send, "patch-pods")}/pods`;
  await send({ method: "POST", path: pods, body: POD });
  const patch = patcher(send, `${pods}/p`);
  for (const spec of OF_POD_SPEC) await patch("strategic", { spec });
  for (const body of OF_METADATA) await patch("strategic", body);
  for (const body of JSON_PATCHES) await patch("json", JSON.stringify(body));
  for (const body of MERGE_PATCHES) await patch("merge", JSON.stringify(body));
  for (const [type, body] of RAW)
    for (const query of ["", "&fieldValidation=Strict", "&fieldValidation=Ignore"])
      await patch(type, body, type === "apply" ? `${query}&fieldManager=m` : query);
  await patch(
    "json",
    JSON.stringify(Array.from({ length: 10_001 }, () => ({ op: "test", path: "/kind", value: "Pod" }))),
  );
}

async function ofDeployments(send: Send): Promise<void> {
  const deployments = `/apis/apps/v1/namespaces/${await namespaceFor(send, "patch-deployments")}/deployments`;
  await send({ method: "POST", path: deployments, body: DEPLOYMENT });
  const patch = patcher(send, `${deployments}/d`);
  for (const spec of OF_POD_SPEC) await patch("strategic", { spec: { template: { spec } } });
  for (const body of [...OF_METADATA, ...OF_DEPLOYMENT]) await patch("strategic", body);
  for (const body of OF_DEPLOYMENT) await patch("merge", body);
}

async function ofServices(send: Send): Promise<void> {
  const services = `/api/v1/namespaces/${await namespaceFor(send, "patch-services")}/services`;
  await send({ method: "POST", path: services, body: SERVICE });
  const patch = patcher(send, `${services}/s`);
  for (const body of OF_SERVICE) for (const type of ["strategic", "merge"] as const) await patch(type, body);
}

function patcher(send: Send, path: string) {
  return (type: keyof typeof PATCHES, body: object | string, query = "") =>
    send({ method: "PATCH", path: `${path}?dryRun=All${query}`, type: PATCHES[type], body });
}
