import { FeatureGates } from "@tsukube/api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const NAMESPACE = "/api/v1/namespaces/claims";
const CLAIMS = "/apis/resource.k8s.io/v1/namespaces/claims/resourceclaims";
const TEMPLATES = "/apis/resource.k8s.io/v1/namespaces/claims/resourceclaimtemplates";
const POOLS = "/apis/resource.k8s.io/v1alpha3/resourcepoolstatusrequests";
const SHARE = "11111111-2222-3333-4444-555555555555";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer({
    runtimeConfig: "api/all=true",
    featureGates: FeatureGates.parse("DRAResourcePoolStatus=true"),
  });
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "claims" } });
  for (const name of ["free", "taken"]) await create(name);
  await send("taken", { ...allocation(result, { ...result, device: "two", shareID: SHARE }), reservedFor: [user] });
});
afterAll(() => server.close());

const exactly = { deviceClassName: "c.example.com" };
const requests = [
  { name: "r", exactly },
  { name: "any", firstAvailable: [{ name: "s", ...exactly }] },
];
const device = { driver: "d.example.com", pool: "p", device: "dev" };
const result = { request: "r", ...device };
const user = { resource: "pods", name: "u", uid: "u1" };
const allocation = (...results: readonly object[]): object => ({ allocation: { devices: { results } } });
const config = (...configs: readonly object[]): object => ({ allocation: { devices: { config: configs } } });
const ready = { type: "Ready", status: "True", lastTransitionTime: "2025-01-01T00:00:00Z", reason: "R", message: "" };

const create = (name: string, metadata: object = {}): Promise<Answer> =>
  admin.send("POST", CLAIMS, { metadata: { name, ...metadata }, spec: { devices: { requests } } });
const send = (name: string, status: object, query = "", client = admin): Promise<Answer> =>
  client.send("PATCH", `${CLAIMS}/${name}/status${query}`, { status });
const causes = ({ code, object }: Answer): readonly string[] =>
  code < 300
    ? []
    : (object.details?.causes?.map(({ field, message }) => `${field}: ${message}`) ?? [`${code} ${object.message}`]);

const AT = "status.allocation.devices";
const NO_REQUEST =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
const NOT_ALLOCATED = "must be an allocated device in the claim";
const UUID = "must be a lowercase UUID in 8-4-4-4-12 format";

const REFUSED: readonly (readonly [claim: string, status: object, causes: readonly string[]])[] = [
  [
    "free",
    { reservedFor: [user] },
    ["status.reservedFor: Forbidden: may not be specified when `allocated` is not set"],
  ],
  [
    "free",
    { ...allocation(result), reservedFor: [user, { ...user, name: "other" }] },
    ['status.reservedFor[1]: Duplicate value: {"resource":"pods","name":"other","uid":"u1"}'],
  ],
  [
    "free",
    { ...allocation(result), reservedFor: Array.from({ length: 257 }, (_, index) => ({ ...user, uid: `${index}` })) },
    ["status.reservedFor: Too many: 257: must have at most 256 items"],
  ],
  ["free", allocation({ ...result, request: "x" }), [`${AT}.results[0].request: Invalid value: "x": ${NO_REQUEST}`]],
  [
    "free",
    allocation({ ...result, request: "any/t" }),
    [`${AT}.results[0].request: Invalid value: "any/t": ${NO_REQUEST}`],
  ],
  [
    "free",
    allocation({ request: "r", device: "dev" }),
    [`${AT}.results[0].driver: Required value`, `${AT}.results[0].pool: Required value`],
  ],
  [
    "free",
    allocation({ ...result, pool: "a//b" }),
    [`${AT}.results[0].pool: Invalid value: "a//b": segment 1: must not be empty`],
  ],
  ["free", allocation({ ...result, shareID: "x" }), [`${AT}.results[0].shareID: Invalid value: "x": ${UUID}`]],
  [
    "free",
    allocation({ ...result, bindingConditions: ["a"] }),
    [
      `${AT}.results[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions`,
    ],
  ],
  [
    "free",
    allocation({ ...result, tolerations: [{ operator: "Exists", value: "v", effect: "Never" }] }),
    [
      `${AT}.results[0].tolerations[0].value: Invalid value: "v": must be empty for operator \`Exists\``,
      `${AT}.results[0].tolerations[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"`,
    ],
  ],
  [
    "free",
    allocation(...Array.from({ length: 33 }, () => result)),
    [`${AT}.results: Too many: 33: must have at most 32 items`],
  ],
  [
    "free",
    config({ source: "FromNowhere", requests: ["r", "r"] }),
    [
      `${AT}.config[0].opaque: Required value`,
      `${AT}.config[0].source: Unsupported value: "FromNowhere": supported values: "FromClaim", "FromClass"`,
      `${AT}.config[0].requests[1]: Duplicate value: "r"`,
    ],
  ],
  [
    "free",
    config({ source: "FromClass", opaque: { driver: "d", parameters: { a: "x".repeat(10_240) } } }),
    [`${AT}.config[0].opaque.parameters: Too long: may not be more than 10240 bytes`],
  ],
  [
    "free",
    { allocation: { nodeSelector: {} } },
    ["status.allocation.nodeSelector.nodeSelectorTerms: Required value: must have at least one node selector term"],
  ],
  [
    "free",
    { devices: [device] },
    [
      `status.devices[0]: Invalid value: {"Driver":"d.example.com","Pool":"p","Device":"dev","ShareID":""}: ${NOT_ALLOCATED}`,
    ],
  ],
  [
    "taken",
    { devices: [{ ...device, device: "two" }] },
    [
      `status.devices[0]: Invalid value: {"Driver":"d.example.com","Pool":"p","Device":"two","ShareID":""}: ${NOT_ALLOCATED}`,
    ],
  ],
  ["taken", allocation(result), ["status.allocation: Invalid value: null: field cannot be modified once set"]],
  ["taken", { allocation: null }, ["status.reservedFor: Forbidden: may not be specified when `allocated` is not set"]],
  [
    "taken",
    { devices: [device, device] },
    ['status.devices[1]: Duplicate value: {"driver":"d.example.com","pool":"p","device":"dev","conditions":null}'],
  ],
  [
    "taken",
    { devices: [{ ...device, conditions: [ready, ready], data: [] }] },
    [
      'status.devices[0].conditions[1]: Duplicate value: "Ready"',
      'status.devices[0].data: Invalid value: "<value omitted>": must be a valid JSON object',
    ],
  ],
  [
    "taken",
    {
      devices: [{ ...device, networkData: { interfaceName: "é".repeat(129), ips: ["10.0.0.1", "::1/64", "::1/64"] } }],
    },
    [
      'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
      "status.devices[0].networkData.interfaceName: Too long: may not be more than 256 bytes",
      'status.devices[0].networkData.ips[2]: Duplicate value: "::1/64"',
    ],
  ],
];

test.for(REFUSED)("the status of a claim that is %s: %j", async ([claim, status, expected]) => {
  expect(causes(await send(claim, status, "?dryRun=All"))).toEqual(expected);
});

test.for(["v1beta1", "v1beta2"])("%s of a claim is as right as v1", async (version) => {
  const path = `${CLAIMS.replace("/v1/", `/${version}/`)}/free/status?dryRun=All`;
  const write = async (status: object) => causes(await admin.send("PATCH", path, { status }));
  expect(await write(allocation(result, { ...result, request: "any/s" }))).toEqual([]);
  expect(await write(allocation({ ...result, request: "x" }))).toEqual([
    `${AT}.results[0].request: Invalid value: "x": ${NO_REQUEST}`,
  ]);
});

test("who deletes a claim keeps others from coming to it, and what was said of its devices goes with them", async () => {
  await create("going", { finalizers: ["example.com/f"] });
  const told = { devices: [{ ...device, conditions: [ready] }] };
  expect(causes(await send("going", { ...allocation(result), reservedFor: [user], ...told }))).toEqual([]);
  const { object } = await admin.send("GET", `${CLAIMS}/going`);
  expect(object["status"]).toMatchObject(told);
  expect(object.metadata?.managedFields?.at(-1)?.fieldsV1).toMatchObject({
    "f:status": { "f:devices": { 'k:{"device":"dev","driver":"d.example.com","pool":"p"}': { "f:pool": {} } } },
  });
  await admin.send("DELETE", `${CLAIMS}/going`);
  const why = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
  expect(causes(await send("going", { reservedFor: [user, { ...user, uid: "u2" }] }))).toEqual([
    `status.reservedFor: Forbidden: ${why}`,
  ]);
  const { object: freed } = await send("going", { allocation: null, reservedFor: null });
  expect(freed["status"]).toEqual({});
});

test("administrators' access is for namespaces that are labelled for it", async () => {
  const asked = { devices: { requests: [{ name: "a", exactly: { ...exactly, adminAccess: true } }] } };
  const claim = { metadata: { name: "admin" }, spec: asked };
  const flat = { devices: { requests: [{ name: "a", ...exactly, adminAccess: true }] } };
  const template = { metadata: { name: "admin" }, spec: { spec: asked } };
  const ask = async (): Promise<readonly string[]> =>
    (
      await Promise.all([
        admin.send("POST", `${CLAIMS}?dryRun=All`, claim),
        admin.send("POST", `${CLAIMS.replace("/v1/", "/v1beta1/")}?dryRun=All`, { ...claim, spec: flat }),
        admin.send("POST", `${TEMPLATES}?dryRun=All`, template),
        send("free", allocation(result, { ...result, adminAccess: true }), "?dryRun=All"),
      ])
    ).flatMap(causes);
  const why =
    "Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace";
  const at = "spec.devices.requests[0].adminAccess";
  expect(await ask()).toEqual([...Array(3).fill(`${at}: ${why}`), `${AT}.results[1].adminAccess: ${why}`]);
  const labels = { "resource.kubernetes.io/admin-access": "true" };
  await admin.send("PATCH", NAMESPACE, { metadata: { labels } });
  expect(await ask()).toEqual([]);
  await admin.send("PATCH", NAMESPACE, { metadata: { labels: { "resource.kubernetes.io/admin-access": null } } });
});

test("who schedules binds claims, and drivers tell how devices are: on the node of their token, or on any", async () => {
  const apiGroups = ["resource.k8s.io"];
  const status = { verbs: ["*"], apiGroups, resources: ["resourceclaims", "resourceclaims/status"] };
  const rights: Readonly<Record<string, object>> = {
    binder: { verbs: ["patch"], apiGroups, resources: ["resourceclaims/binding"] },
    driver: { verbs: ["arbitrary-node:patch"], apiGroups, resources: ["resourceclaims/driver"] },
    near: { verbs: ["associated-node:patch"], apiGroups, resources: ["resourceclaims/driver"] },
  };
  const RBAC = "/apis/rbac.authorization.k8s.io/v1";
  const ref = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole" };
  const near = { kind: "ServiceAccount", namespace: "claims", name: "near" };
  for (const [name, rule] of Object.entries(rights)) {
    await admin.send("POST", `${RBAC}/clusterroles`, { metadata: { name }, rules: [status, rule] });
    const subjects = [{ kind: "User", apiGroup: ref.apiGroup, name }, ...(name === "near" ? [near] : [])];
    await admin.send("POST", `${RBAC}/clusterrolebindings`, {
      metadata: { name },
      subjects,
      roleRef: { ...ref, name },
    });
  }
  const node = encodeURIComponent("authentication.kubernetes.io/node-name");
  const as = async (headers: Readonly<Record<string, string>>, next: object): Promise<readonly string[]> => {
    const path = `${CLAIMS}/local/status?dryRun=All`;
    return causes(await admin.send("PATCH", path, { status: next }, headers));
  };
  const account = (on: string) => ({
    "impersonate-user": "system:serviceaccount:claims:near",
    [`impersonate-extra-${node}`]: on,
  });
  await create("local");
  const matchFields = [{ key: "metadata.name", operator: "In", values: ["n"] }];
  const bound = {
    allocation: { devices: { results: [result] }, nodeSelector: { nodeSelectorTerms: [{ matchFields }] } },
  };
  const binding =
    'status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="patch" permission: ' +
    'resourceclaims.resource.k8s.io is forbidden: User "driver" cannot patch resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope';
  expect(await as({ "impersonate-user": "driver" }, bound)).toEqual([binding]);
  expect(await as({ "impersonate-user": "binder" }, bound)).toEqual([]);
  await send("local", bound);
  const told = { devices: [device] };
  const refusal = (who: string, verbs: string, verb: string): string =>
    `status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[${verbs}]" permission: ` +
    `resourceclaims.resource.k8s.io "d.example.com" is forbidden: User "${who}" cannot ${verb} resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "claims"`;
  const any = "arbitrary-node:patch";
  expect(await as({ "impersonate-user": "driver" }, told)).toEqual([]);
  expect(await as({ "impersonate-user": "binder" }, told)).toEqual([refusal("binder", any, any)]);
  expect(await as({ "impersonate-user": "near" }, told)).toEqual([refusal("near", any, any)]);
  expect(await as(account("n"), told)).toEqual([]);
  expect(await as(account("other"), told)).toEqual([refusal("system:serviceaccount:claims:near", any, any)]);
});

test("what is asked of pools is answered once, and whole", async () => {
  await admin.send("POST", POOLS, { metadata: { name: "q" }, spec: { driver: "d.example.com" } });
  const answer = async (status: object, query = "?dryRun=All") =>
    causes(await admin.send("PATCH", `${POOLS}/q/status${query}`, { status }));
  const pool = { driver: "d.example.com", poolName: "p", generation: 1 };
  expect(await answer({ pools: [{}, { ...pool, resourceSliceCount: 0, nodeName: "N" }] })).toEqual([
    "status.poolCount: Required value",
    "status.pools[0].driver: Required value",
    "status.pools[0].poolName: Required value",
    "status.pools[0].generation: Required value",
    "status.pools[1].resourceSliceCount: Invalid value: 0: must be greater than or equal to 1",
    expect.stringMatching(/^status\.pools\[1\]\.nodeName: Invalid value: "N": a lowercase RFC 1123 subdomain/),
  ]);
  const form = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };
  expect((await admin.get(`${POOLS}/q/status`, form)).code).toBe(406);
  const asked = await admin.send("PATCH", `${POOLS}/q?dryRun=All`, { spec: { driver: "-", limit: 0 } });
  expect(causes(asked)).toEqual(["spec: Invalid value: null: field is immutable"]);
  expect(await answer({ poolCount: 1, pools: [pool] }, "")).toEqual([]);
  expect(await answer({ poolCount: 2 })).toEqual([
    expect.stringMatching(/^status: Invalid value: .*: field is immutable$/),
  ]);
});

test("v1beta1 is told of what it declares where it has it", async () => {
  const claim = {
    metadata: { name: "flat" },
    spec: { devices: { requests: [{ name: "a", ...exactly, allocationMode: "Some" }] } },
  };
  const answer = await admin.send("POST", `${CLAIMS.replace("/v1/", "/v1beta1/")}?dryRun=All`, claim);
  const supported = 'supported values: "All", "ExactCount"';
  expect(causes(answer)).toEqual([`spec.devices.requests[0].allocationMode: Unsupported value: "Some": ${supported}`]);
});
