import type { Scenario, Send } from "../exchange.ts";
import { namespaceFor, PATCHES } from "./lifecycle.ts";

/** What is written of claims of devices, and of taints of theirs, by whom. */
export function deviceScenarios(): readonly Scenario[] {
  return [
    { name: "statuses of claims that are not allocated", run: unallocated },
    { name: "allocations of claims", run: allocations },
    { name: "statuses of allocated claims", run: allocated },
    { name: "who writes statuses of claims", run: writers },
    { name: "claims of administrators", run: administrators },
    { name: "statuses of taint rules", run: taints },
    { name: "parameters of devices", run: parameters },
  ];
}

const ROOT = "/apis/resource.k8s.io/v1";
const UID = "11111111-2222-3333-4444-555555555555";
const LATER = "2025-01-01T00:00:00Z";

const exactly = { deviceClassName: "c.example.com" };
const requests = [
  { name: "r", exactly },
  { name: "any", firstAvailable: [{ name: "s", ...exactly }] },
];
const device = { driver: "d.example.com", pool: "p", device: "dev" };
const result = { request: "r", ...device };
const user = { resource: "pods", name: "u", uid: "u1" };
const allocationOf = (...results: readonly object[]): object => ({ allocation: { devices: { results } } });

type Write = (status: unknown, query?: string, headers?: Readonly<Record<string, string>>) => Promise<unknown>;

async function claimIn(send: Send, namespace: string, name = "c", finalizers: readonly string[] = []): Promise<string> {
  const path = `${ROOT}/namespaces/${namespace}/resourceclaims`;
  const metadata = { name, ...(finalizers.length > 0 && { finalizers }) };
  await send({ method: "POST", path, body: { metadata, spec: { devices: { requests } } } });
  return `${path}/${name}`;
}

function writing(send: Send, path: string): Write {
  return (status, query = "?dryRun=All", headers = {}) =>
    send({ method: "PATCH", path: `${path}/status${query}`, type: PATCHES.merge, body: { status }, headers });
}

async function unallocated(send: Send): Promise<void> {
  const write = writing(send, await claimIn(send, await namespaceFor(send, "claims")));
  for (const status of [
    { reservedFor: [user] },
    { reservedFor: [{}] },
    { reservedFor: [{ apiGroup: "Bad!", resource: "Pods", name: "-", uid: "x" }, user, { ...user, name: "other" }] },
    { reservedFor: Array.from({ length: 257 }, (_, index) => ({ ...user, uid: `${index}` })) },
    { devices: [device] },
    { devices: [{}] },
    { devices: null, reservedFor: null, allocation: null },
    { nope: 1 },
  ])
    await write(status);
}

async function allocations(send: Send): Promise<void> {
  const path = await claimIn(send, await namespaceFor(send, "allocations"));
  const write = writing(send, path);
  const results: readonly object[] = [
    {},
    { request: "absent", ...device },
    { request: "any", ...device },
    { request: "any/s", ...device },
    { request: "any/t", ...device },
    { request: "r/s", ...device },
    { request: "r/s/t", ...device },
    { request: "R", ...device },
    { request: "", ...device },
    { ...result, driver: "D.example.com" },
    { ...result, driver: "-d" },
    { ...result, driver: `${"d".repeat(60)}.example.com` },
    { ...result, pool: "a//b" },
    { ...result, pool: "A/b" },
    { ...result, pool: "/" },
    { ...result, pool: `${"a".repeat(60)}/`.repeat(5) },
    { ...result, device: "Dev" },
    { ...result, device: "a".repeat(64) },
    { ...result, shareID: "x" },
    { ...result, shareID: UID.toUpperCase().replaceAll("1", "A") },
    { ...result, shareID: UID },
    { ...result, adminAccess: false },
    { ...result, tolerations: [{}] },
    { ...result, tolerations: [{ key: "a b", operator: "Exists", value: "v", effect: "Never" }] },
    { ...result, tolerations: [{ operator: "Is", value: "v" }] },
    { ...result, tolerations: [{ operator: "Equal", value: "a b" }] },
    { ...result, bindingConditions: ["a"] },
    { ...result, bindingFailureConditions: ["a"] },
    { ...result, bindingConditions: ["a", "a"], bindingFailureConditions: ["a", "b c", "b c"] },
    { ...result, bindingConditions: ["a", "b", "c", "d", "e"], bindingFailureConditions: ["f"] },
    { ...result, consumedCapacity: { "Bad!": "1", ok: "1k" } },
    { ...result, skipNodeOperations: ["NodePrepareResources"] },
  ];
  for (const one of results) await write(allocationOf(one));
  await write(allocationOf(result, result));
  await write(allocationOf(...Array.from({ length: 33 }, () => result)));
  const opaque = { driver: "d.example.com", parameters: { a: 1 } };
  for (const config of [
    {},
    { source: "FromClass", opaque },
    { source: "FromNowhere", opaque },
    { opaque },
    { source: "FromClaim", opaque: { parameters: [] } },
    { source: "FromClaim", opaque: { ...opaque, driver: "-" } },
    { source: "FromClaim", requests: ["r", "r", "absent", "any/s"], opaque },
    { source: "FromClaim", requests: Array.from({ length: 33 }, () => "r"), opaque },
    { source: "FromClaim", opaque: { ...opaque, parameters: { a: "x".repeat(10_300) } } },
  ])
    await write({ allocation: { devices: { config: [config] } } });
  await write({
    allocation: { devices: { config: Array.from({ length: 65 }, () => ({ source: "FromClass", opaque })) } },
  });
  for (const nodeSelector of [
    {},
    { nodeSelectorTerms: [] },
    { nodeSelectorTerms: [{}] },
    { nodeSelectorTerms: [{ matchExpressions: [{ key: "a b", operator: "Is" }] }] },
    { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n"] }] }] },
  ])
    await write({ allocation: { nodeSelector } });
  await write({ allocation: { allocationTimestamp: LATER } });
  await write({ allocation: { allocationTimestamp: "yesterday" } });
  await write({ allocation: {} });
  await write({ ...allocationOf(result), reservedFor: [user] }, "");
  await send({ method: "GET", path });
}

async function allocated(send: Send): Promise<void> {
  const path = await claimIn(send, await namespaceFor(send, "allocated"), "c", ["example.com/f"]);
  const write = writing(send, path);
  await write({ ...allocationOf(result, { ...result, device: "two", shareID: UID }), reservedFor: [user] }, "");
  const at = { lastTransitionTime: LATER, reason: "R", message: "" };
  const ready = { type: "Ready", status: "True", ...at };
  for (const one of [
    { ...device, device: "other" },
    { ...device, driver: "", pool: "", device: "" },
    { driver: "-", pool: "A//b", device: "-" },
    { ...device, shareID: UID },
    { ...device, device: "two" },
    { ...device, device: "two", shareID: UID },
    { ...device, device: "two", shareID: "x" },
    { ...device, conditions: [{}] },
    { ...device, conditions: [ready, ready] },
    { ...device, conditions: [{ ...ready, status: "Maybe", reason: "-", observedGeneration: -1 }] },
    { ...device, conditions: Array.from({ length: 9 }, (_, index) => ({ ...ready, type: `T${index}` })) },
    { ...device, data: {} },
    { ...device, data: null },
    { ...device, data: [] },
    { ...device, data: "x" },
    { ...device, data: { a: "x".repeat(10_300) } },
    { ...device, networkData: {} },
    { ...device, networkData: { interfaceName: "x".repeat(257), hardwareAddress: "x".repeat(129) } },
    { ...device, networkData: { interfaceName: "é".repeat(129), ips: ["10.9.8.7/24", "2001:db8::1/64"] } },
    { ...device, networkData: { ips: ["10.9.8.7", "10.9.8.7/024", "10.9.8.7/24", "10.9.8.7/24", "2001:DB8::1/64"] } },
    { ...device, networkData: { ips: Array.from({ length: 17 }, (_, index) => `10.0.0.${index}/24`) } },
  ])
    await write({ devices: [one] });
  await write({ devices: [device, device, { ...device, shareID: null }] });
  await write(allocationOf(result));
  await write({ allocation: { devices: { results: null } } });
  await write({ allocation: { nodeSelector: { nodeSelectorTerms: [{ matchFields: [] }] } } });
  await write({ reservedFor: [user, { ...user, uid: "u2" }], devices: [{ ...device, conditions: [ready] }] }, "");
  await write({ allocation: null });
  await write({ allocation: null, reservedFor: null });
  await send({ method: "DELETE", path });
  await write({ reservedFor: [user, { ...user, uid: "u2" }, { ...user, uid: "u3" }] });
  await write({ reservedFor: [{ ...user, name: "renamed" }] });
  await write({ reservedFor: [user] });
  await write({ allocation: null, reservedFor: null }, "");
  await write({ ...allocationOf(result), reservedFor: [user] });
  await write(allocationOf(result));
  await send({ method: "GET", path });
  await send({ method: "PATCH", path, type: PATCHES.merge, body: { metadata: { finalizers: null } } });
}

async function writers(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "claim-writers");
  const path = await claimIn(send, namespace);
  const write = writing(send, path);
  const role = (name: string, rules: readonly object[]) =>
    send({
      method: "POST",
      path: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
      body: { metadata: { name }, rules },
    });
  const bind = (name: string) =>
    send({
      method: "POST",
      path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
      body: {
        metadata: { name },
        subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name }],
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      },
    });
  const apiGroups = ["resource.k8s.io"];
  const status = { verbs: ["*"], apiGroups, resources: ["resourceclaims", "resourceclaims/status"] };
  const binding = { verbs: ["patch"], apiGroups, resources: ["resourceclaims/binding"] };
  const driver = (verb: string) => ({
    verbs: [verb],
    apiGroups,
    resources: ["resourceclaims/driver"],
    resourceNames: [device.driver],
  });
  const users: Readonly<Record<string, readonly object[]>> = {
    "d-claims-status": [status],
    "d-claims-binding": [status, binding],
    "d-claims-driver": [status, driver("arbitrary-node:patch")],
    "d-claims-near": [status, driver("associated-node:patch")],
  };
  for (const [name, rules] of Object.entries(users)) {
    await role(name, rules);
    await bind(name);
  }
  const as = (name: string) => ({ "impersonate-user": name });
  const node = "authentication.kubernetes.io/node-name";
  const account = (on: string) => ({
    "impersonate-user": `system:serviceaccount:${namespace}:near`,
    [`impersonate-extra-${encodeURIComponent(node)}`]: on,
  });
  await send({
    method: "POST",
    path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    body: {
      metadata: { name: "d-claims-account" },
      subjects: [{ kind: "ServiceAccount", namespace, name: "near" }],
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "d-claims-near" },
    },
  });
  const matchFields = [{ key: "metadata.name", operator: "In", values: ["n"] }];
  const allocation = {
    allocation: { devices: { results: [result] }, nodeSelector: { nodeSelectorTerms: [{ matchFields }] } },
    reservedFor: [user],
  };
  const heads = [...Object.keys(users).map(as), account("n"), account("other"), as("system:kube-scheduler")];
  for (const headers of heads) await write(allocation, "?dryRun=All", headers);
  await write(allocation, "", as("d-claims-binding"));
  for (const headers of heads) {
    await write({ devices: [device] }, "?dryRun=All", headers);
    await write({ devices: [device, { ...device, driver: "other.example.com" }] }, "?dryRun=All", headers);
    await write({ reservedFor: null }, "?dryRun=All", headers);
  }
  await write({ devices: [device] }, "");
  for (const headers of heads) {
    await write({ devices: null }, "?dryRun=All", headers);
    await write({ allocation: null, reservedFor: null }, "?dryRun=All", headers);
  }
}

async function administrators(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "claim-admins");
  const path = `${ROOT}/namespaces/${namespace}`;
  const spec = {
    devices: { requests: [...requests, { name: "a", exactly: { ...exactly, adminAccess: true } }] },
  };
  const claim = { metadata: { name: "admin" }, spec };
  const template = { metadata: { name: "admin" }, spec: { spec } };
  const label = (value: string | null) =>
    send({
      method: "PATCH",
      path: `/api/v1/namespaces/${namespace}`,
      type: PATCHES.merge,
      body: { metadata: { labels: { "resource.kubernetes.io/admin-access": value } } },
    });
  const plain = writing(send, await claimIn(send, namespace));
  for (const value of [null, "false", "true"]) {
    await label(value);
    await send({ method: "POST", path: `${path}/resourceclaims?dryRun=All`, body: claim });
    await send({
      method: "POST",
      path: `${path}/resourceclaims?dryRun=All`,
      body: { ...claim, metadata: { name: "-" } },
    });
    await send({ method: "POST", path: `${path}/resourceclaimtemplates?dryRun=All`, body: template });
    await plain(allocationOf({ ...result, adminAccess: true }, { ...result, adminAccess: true }));
    await plain(allocationOf(result, { ...result, request: "absent", adminAccess: true }));
  }
  await plain(allocationOf({ ...result, adminAccess: true }), "");
  await send({ method: "POST", path: `${path}/resourceclaimtemplates`, body: template });
  await label(null);
  await plain({ reservedFor: [user] });
  await send({
    method: "PATCH",
    path: `${path}/resourceclaimtemplates/admin`,
    type: PATCHES.merge,
    body: { metadata: { labels: { a: "b" } } },
  });
}

async function taints(send: Send): Promise<void> {
  const path = `${ROOT}/devicetaintrules`;
  const taint = { key: "example.com/k", effect: "NoSchedule" };
  await send({ method: "POST", path, body: { metadata: { name: "d-taint" }, spec: { taint } } });
  const write = writing(send, `${path}/d-taint`);
  const at = { lastTransitionTime: LATER, reason: "R", message: "" };
  const ready = { type: "Ready", status: "True", ...at };
  for (const conditions of [
    [{}],
    [ready],
    [ready, ready],
    [{ ...ready, status: "Maybe", type: "a b" }],
    Array.from({ length: 9 }, (_, index) => ({ ...ready, type: `T${index}` })),
    Array.from({ length: 9 }, () => ready),
  ])
    await write({ conditions });
  await write({ conditions: [ready] }, "");
  await send({ method: "DELETE", path: `${path}/d-taint` });
}

async function parameters(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "parameters");
  const made = [
    ["deviceclasses", (config: object) => ({ config: [config] })],
    [`namespaces/${namespace}/resourceclaims`, (config: object) => ({ devices: { requests, config: [config] } })],
    [
      `namespaces/${namespace}/resourceclaimtemplates`,
      (config: object) => ({ spec: { devices: { requests, config: [config] } } }),
    ],
  ] as const;
  for (const [resource, specOf] of made)
    for (const value of [undefined, null, {}, [], "x", 1, { a: "x".repeat(10_230) }, { a: "x".repeat(10_240) }])
      await send({
        method: "POST",
        path: `${ROOT}/${resource}?dryRun=All`,
        body: {
          metadata: { name: "d-parameters" },
          spec: specOf({ opaque: { driver: device.driver, parameters: value } }),
        },
      });
}
