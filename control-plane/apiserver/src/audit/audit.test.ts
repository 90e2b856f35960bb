import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ApiResponse } from "@tsukube/client";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createHttpsServer, createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, createSigningKey, openAuthority } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { VirtualClock } from "@tsukube/testing";
import { afterAll, expect, test } from "vitest";
import { Kubeconfig } from "../configuration/kubeconfig.ts";
import type { User } from "../contracts.ts";
import { startApiServer } from "../server.ts";
import { parseAuditPolicy } from "./policy.ts";
import { WebhookAuditBackend } from "./webhook-backend.ts";

const lifetime = new Lifetime();
afterAll(() => lifetime.close());

const ADMIN: User = { name: "admin", groups: ["system:masters", "system:authenticated"], extra: {} };
const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";

interface AuditEvent {
  readonly stage: string;
  readonly level: string;
  readonly auditID: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly [member: string]: unknown;
}

/** A server that is audited by this policy. @returns its events, and how to ask it. */
async function audited(rules: string) {
  const events: AuditEvent[] = [];
  const store = new MemoryStore({ clock: realClock });
  const policy = parseAuditPolicy(`apiVersion: audit.k8s.io/v1\nkind: Policy\n${rules}`);
  const metrics = createMetrics();
  const backend = { log: (event: object) => void events.push(event as AuditEvent), close: async () => {} };
  const server = await startApiServer({
    openStore: async () => store,
    clock: realClock,
    random: systemRandom,
    logger: silentLogger,
    metrics,
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    audit: { policy, backends: [backend] },
  });
  lifetime.own("server", server);
  const ask = async (
    method: string,
    path: string,
    body?: object | string,
    user: User | undefined = ADMIN,
    headers = {},
  ) =>
    server.transport(user).request({
      method,
      path,
      headers: { "content-type": "application/json", ...headers },
      ...(body !== undefined && { body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)) }),
    });
  const anonymous = (path: string, headers = {}): Promise<ApiResponse> =>
    server.transport(undefined).request({ method: "GET", path, headers });
  return { events, ask, anonymous, metrics };
}

test("a request is written down when it comes and when it is answered, as much of it as the level says", async () => {
  const { events, ask } = await audited("rules: [{level: RequestResponse}]");
  const { headers } = await ask("POST", CONFIG_MAPS, { metadata: { name: "c" }, data: { a: "1" } });
  expect(events.map(({ stage }) => stage)).toEqual(["RequestReceived", "ResponseComplete"]);
  expect(events[1]).toMatchObject({
    kind: "Event",
    level: "RequestResponse",
    auditID: headers["audit-id"],
    verb: "create",
    requestURI: CONFIG_MAPS,
    user: { username: "admin", groups: ["system:masters", "system:authenticated"] },
    objectRef: { resource: "configmaps", namespace: "default", name: "c", apiVersion: "v1" },
    responseStatus: { code: 201 },
    requestObject: { data: { a: "1" } },
    responseObject: { kind: "ConfigMap", metadata: { name: "c" } },
    annotations: { "authorization.k8s.io/decision": "allow" },
  });
});

test("who only hears what a request was about hears what was written, too", async () => {
  const { events, ask } = await audited("rules: [{level: Metadata}]");
  const place = { resource: "configmaps", namespace: "default", apiVersion: "v1" };
  const refs = () => events.splice(0).map(({ objectRef }) => objectRef);
  const { body } = await ask("POST", CONFIG_MAPS, { metadata: { name: "c" } });
  expect(refs()).toEqual([place, { ...place, name: "c" }]);
  const made = JSON.parse(Buffer.from(body as Uint8Array).toString()) as { metadata: Record<string, string> };
  await ask("PUT", `${CONFIG_MAPS}/c`, made);
  const { uid, resourceVersion } = made.metadata;
  expect(refs()).toEqual([
    { ...place, name: "c" },
    { ...place, name: "c", uid, resourceVersion },
  ]);
});

test("what is written and what is answered in a Status is told whole, and where it came from", async () => {
  const { events, ask } = await audited("omitStages: [RequestReceived]\nrules: [{level: RequestResponse}]");
  await ask("POST", CONFIG_MAPS, { metadata: { name: "c" } });
  const sources = { "x-forwarded-for": "192.0.2.1, nonsense", "x-real-ip": "192.0.2.2" };
  await ask("DELETE", `${CONFIG_MAPS}/c`, undefined, ADMIN, sources);
  await ask("GET", "/nowhere");
  await ask("GET", "/healthz");
  expect(events).toMatchObject([
    { requestObject: { kind: "ConfigMap", apiVersion: "v1" }, responseStatus: { code: 201 } },
    {
      responseStatus: { code: 200, status: "Success", details: { kind: "configmaps", name: "c" } },
      sourceIPs: ["192.0.2.1", "192.0.2.2"],
    },
    { responseStatus: { code: 404 } },
    { annotations: { "authorization.k8s.io/decision": "allow" } },
  ]);
  expect(events[2]).not.toMatchObject({ responseStatus: { status: "Failure" } });
});

const SERVICES = "/api/v1/namespaces/default/services";
const SERVICE = { metadata: { name: "s", uid: "u" }, spec: { ports: [{ port: 80 }] } };
const [MERGE, APPLY] = ["application/merge-patch+json", "application/apply-patch+yaml"];
const OPTIONS = { kind: "DeleteOptions", apiVersion: "meta.k8s.io/__internal", propagationPolicy: "Background" };

let ofRequests: ReturnType<typeof audited> | undefined;

test.each<readonly [string, string, string, object | string, string, object | undefined]>([
  [
    "an object with its defaults",
    "POST",
    SERVICES,
    SERVICE,
    "",
    { ...SERVICE, spec: { type: "ClusterIP", ports: [{ port: 80, protocol: "TCP", targetPort: 80 }] } },
  ],
  [
    "an object in YAML",
    "POST",
    CONFIG_MAPS,
    "metadata: {name: c}\ndata: {a: b}",
    "application/yaml",
    { kind: "ConfigMap", metadata: { name: "c" }, data: { a: "b" } },
  ],
  [
    "an object that is not there",
    "PUT",
    `${SERVICES}/s`,
    SERVICE,
    "",
    { kind: "Service", spec: { type: "ClusterIP" } },
  ],
  ["an object that is refused", "POST", CONFIG_MAPS, { metadata: { name: "C" } }, "", { metadata: { name: "C" } }],
  [
    "nothing of another object",
    "POST",
    CONFIG_MAPS,
    { kind: "Pod", apiVersion: "v1", metadata: { name: "c" } },
    "",
    undefined,
  ],
  ["a patch as it is", "PATCH", `${CONFIG_MAPS}/c`, { data: { a: null } }, MERGE, { data: { a: null } }],
  ["an apply as JSON", "PATCH", `${CONFIG_MAPS}/c?fieldManager=m`, "data: {a: b}", APPLY, { data: { a: "b" } }],
  ["no patch of no type", "PATCH", `${CONFIG_MAPS}/c`, { data: { a: null } }, "", undefined],
  ["options as such", "DELETE", `${CONFIG_MAPS}/c`, { apiVersion: "v1", propagationPolicy: "Background" }, "", OPTIONS],
  ["nothing that leads elsewhere", "POST", `${SERVICES}/s/proxy`, { a: 1 }, "", undefined],
])("of a body is written down %s", async (_what, method, path, body, type, expected) => {
  ofRequests ??= audited("omitStages: [RequestReceived]\nrules: [{level: Request}]");
  const { events, ask } = await ofRequests;
  await ask(method, path, body, ADMIN, type === "" ? {} : { "content-type": type });
  const { requestObject, objectRef } = events.at(-1) as { requestObject?: object; objectRef?: { name?: string } };
  if (expected === undefined) expect(requestObject).toBeUndefined();
  else expect(requestObject).toMatchObject(expected);
  const isNamed = path !== CONFIG_MAPS || expected !== undefined;
  expect(objectRef?.name !== undefined).toBe(isNamed);
});

test("the first rule that fits decides; stages and managed fields can be left out", async () => {
  const { events, ask } = await audited(`
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: None, users: [quiet]}
- {level: Metadata, resources: [{group: "", resources: [secrets, "pods/*"]}]}
- {level: None, verbs: [list]}
- {level: Metadata, resources: [{group: "*", resources: [deployments]}]}
- {level: RequestResponse, namespaces: [default]}
- {level: Request, nonResourceURLs: ["/apis*"]}`);
  await ask("GET", `${CONFIG_MAPS}/c`, undefined, { ...ADMIN, name: "quiet" });
  await ask("POST", "/api/v1/namespaces/default/secrets", { metadata: { name: "s" } });
  await ask("GET", "/api/v1/namespaces/default/pods/p/log");
  await ask("GET", CONFIG_MAPS);
  await ask("GET", `${DEPLOYMENTS}/d`);
  await ask("POST", CONFIG_MAPS, { metadata: { name: "c" } });
  await ask("GET", "/apis/apps");
  await ask("GET", "/version");
  expect(events.map(({ level, requestURI }) => `${level} ${requestURI}`)).toEqual([
    "Metadata /api/v1/namespaces/default/secrets",
    "Metadata /api/v1/namespaces/default/pods/p/log",
    "Metadata /api/v1/namespaces/default/pods/p/log",
    `Metadata ${DEPLOYMENTS}/d`,
    `RequestResponse ${CONFIG_MAPS}`,
    "Request /apis/apps",
  ]);
  expect(events[0]).not.toHaveProperty("requestObject");
  expect(JSON.stringify(events[4])).not.toContain("managedFields");
});

test("who acts as another, who may not, and who is nobody are written down so", async () => {
  const { events, ask, anonymous, metrics } = await audited(
    "omitStages: [RequestReceived]\nrules: [{level: Metadata}]",
  );
  await ask("GET", CONFIG_MAPS, undefined, ADMIN, { "impersonate-user": "bob", "audit-id": "chosen" });
  await anonymous(CONFIG_MAPS);
  expect(events[0]).toMatchObject({
    auditID: "chosen",
    user: { username: "admin" },
    impersonatedUser: { username: "bob" },
    annotations: { "authorization.k8s.io/decision": "forbid" },
    responseStatus: { status: "Failure", reason: "Forbidden", code: 403 },
  });
  await anonymous(CONFIG_MAPS, { authorization: "Bearer wrong" });
  expect(events[1]).toMatchObject({
    user: { username: "system:anonymous", groups: ["system:unauthenticated"] },
    responseStatus: { reason: "Forbidden", code: 403 },
  });
  expect(events[2]).toMatchObject({ user: {}, responseStatus: { reason: "Unauthorized", code: 401 } });
  // there is nothing to complete where nobody was let in
  expect(events.map(({ stage }) => stage)).toEqual(["ResponseComplete", "ResponseComplete", "ResponseStarted"]);
  const counted = metrics.expose();
  expect(counted).toContain("\napiserver_audit_event_total 3\n");
  expect(counted).toContain('\napiserver_audit_level_total{level="Metadata"} 3\n');
});

test("a watch has a stage for its begin and one for its end", async () => {
  const { events, ask } = await audited("rules: [{level: Metadata, verbs: [watch]}]");
  const { body } = await ask("GET", `${CONFIG_MAPS}?watch=1&timeoutSeconds=1`);
  expect(events.map(({ stage }) => stage)).toEqual(["RequestReceived", "ResponseStarted"]);
  for await (const _piece of body as AsyncIterable<Uint8Array>);
  expect(events.map(({ stage }) => stage)).toEqual(["RequestReceived", "ResponseStarted", "ResponseComplete"]);
});

test("policies of admission annotate events, and may object there only", async () => {
  const { events, ask } = await audited("omitStages: [RequestReceived]\nrules: [{level: Metadata, verbs: [create]}]");
  const root = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic";
  const resourceRules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }];
  await ask("POST", `${root}ies`, {
    metadata: { name: "few" },
    spec: {
      matchConstraints: { resourceRules },
      validations: [{ expression: "size(object.data) < 2", message: "too much" }],
      auditAnnotations: [{ key: "keys", valueExpression: "string(size(object.data)) + ' keys'" }],
    },
  });
  for (const name of ["b", "c"])
    await ask("POST", `${root}ybindings`, {
      metadata: { name },
      spec: { policyName: "few", validationActions: ["Audit"] },
    });
  const { status } = await ask("POST", CONFIG_MAPS, { metadata: { name: "c" }, data: { a: "1", b: "2" } });
  const annotations = events.at(-1)?.["annotations"] as Readonly<Record<string, string>>;
  expect([status, annotations["few/keys"]]).toEqual([201, "2 keys"]);
  expect(JSON.parse(annotations["validation.policy.admission.k8s.io/validation_failure"] ?? "")).toEqual([
    { message: "too much", policy: "few", binding: "b", expressionIndex: 0, validationActions: ["Audit"] },
    { message: "too much", policy: "few", binding: "c", expressionIndex: 0, validationActions: ["Audit"] },
  ]);
});

test("what is deprecated and which token was issued annotates events", async () => {
  const { events, ask } = await audited("omitStages: [RequestReceived]\nrules: [{level: Metadata}]");
  const noted = () => events.at(-1)?.["annotations"];
  await ask("GET", "/api/v1/namespaces/default/endpoints");
  expect(noted()).toMatchObject({ "k8s.io/deprecated": "true" });
  expect(noted()).not.toHaveProperty("k8s.io/removed-release");
  const accounts = "/api/v1/namespaces/default/serviceaccounts";
  await ask("POST", accounts, { metadata: { name: "robot" } });
  expect(noted()).not.toHaveProperty("k8s.io/deprecated");
  const { body } = await ask("POST", `${accounts}/robot/token`, {});
  const { token } = JSON.parse(Buffer.from(body as Uint8Array).toString()).status as { readonly token: string };
  const { jti } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  expect(noted()).toMatchObject({ "authentication.kubernetes.io/issued-credential-id": `JTI=${jti}` });
});

test("webhooks annotate events: what they say, whether they changed something, with what, and when they were left out", async () => {
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  const serving = { commonName: "s", sans: ["127.0.0.1"], usages: ["server"] } as const;
  const pair = await (await openAuthority(keys, realClock, systemRandom)).issue(serving);
  const patch = Buffer.from(
    '[{"op":"add","path":"/data","value":{"a":"b"}},{"op":"add","path":"/metadata/generation","value":9007199254740993}]',
  ).toString("base64");
  const hook = createHttpsServer({
    ...pair,
    handle: (exchange) =>
      void exchange.body(1e6).then((body) => {
        const { uid } = JSON.parse(Buffer.from(body).toString()).request;
        const more = exchange.path.startsWith("/patch") ? { patchType: "JSONPatch", patch } : {};
        const response = { uid, allowed: true, auditAnnotations: { seen: "yes" }, ...more };
        const review = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
        exchange.send(200, { "content-type": "application/json" }, Buffer.from(JSON.stringify(review)));
      }),
  });
  lifetime.own("hook", hook);
  const port = await hook.listen("127.0.0.1", 0);
  const caBundle = Buffer.from(keys.cert).toString("base64");
  const webhook = (name: string, at = port): object => ({
    name: `${name}.example.com`,
    clientConfig: { url: `https://127.0.0.1:${at}/${name}`, caBundle },
    rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }],
    ...{ sideEffects: "None", admissionReviewVersions: ["v1"], failurePolicy: "Ignore" },
  });
  for (const level of ["Metadata", "Request"]) {
    const { events, ask } = await audited(`omitStages: [RequestReceived]\nrules: [{level: ${level}, verbs: [create]}]`);
    const root = "/apis/admissionregistration.k8s.io/v1";
    const configure = (kind: string, name: string, ...webhooks: readonly object[]) =>
      ask("POST", `${root}/${kind}webhookconfigurations`, { metadata: { name }, webhooks });
    await configure("mutating", "m", webhook("look"), webhook("patch"), webhook("gone", 1));
    await configure("validating", "v", webhook("look"), webhook("gone", 1));
    await ask("POST", CONFIG_MAPS, { metadata: { name: "c" } });
    const annotations = events.at(-1)?.["annotations"] as Readonly<Record<string, string>>;
    const mutated = (name: string, was: boolean) =>
      `{"configuration":"m","webhook":"${name}.example.com","mutated":${was}}`;
    expect(annotations).toEqual({
      ...{ "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": expect.any(String) },
      ...{ "look.example.com/seen": "yes", "patch.example.com/seen": "yes" },
      "mutation.webhook.admission.k8s.io/round_0_index_0": mutated("look", false),
      "mutation.webhook.admission.k8s.io/round_0_index_1": mutated("patch", true),
      "mutation.webhook.admission.k8s.io/round_0_index_2": mutated("gone", false),
      "failed-open.mutation.webhook.admission.k8s.io/round_0_index_2": "gone.example.com",
      "failed-open.validating.webhook.admission.k8s.io/round_0_index_1": "gone.example.com",
      ...(level === "Request" && {
        "patch.webhook.admission.k8s.io/round_0_index_1":
          '{"configuration":"m","webhook":"patch.example.com","patch":[{"op":"add","path":"/data","value":{"a":"b"}},{"op":"add","path":"/metadata/generation","value":9007199254740993}],"patchType":"JSONPatch"}',
      }),
    });
  }
});

const kubeconfigOf = (port: number): string => `
clusters: [{name: hook, cluster: {server: "http://127.0.0.1:${port}/events"}}]
contexts: [{name: hook, context: {cluster: hook}}]
current-context: hook
`;

test("events are sent to a webhook in batches, again when it does not take them", async () => {
  const batches: { readonly kind: string; readonly items: readonly object[] }[] = [];
  let refused = 0;
  const hook = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      response.statusCode = refused++ === 0 ? 503 : 200;
      if (response.statusCode === 200) batches.push(JSON.parse(Buffer.concat(pieces).toString()));
      response.end();
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  lifetime.add("hook", () => void hook.close());
  const { port } = hook.address() as AddressInfo;
  const backend = new WebhookAuditBackend(new Kubeconfig(kubeconfigOf(port)), realClock, silentLogger, createMetrics());
  for (let index = 0; index < 401; index += 1) backend.log({ index });
  await backend.close();
  expect(batches.map(({ kind, items }) => [kind, items.length])).toEqual([
    ["EventList", 400],
    ["EventList", 1],
  ]);
});

test("while the webhook hangs ten thousand events wait; what comes then is dropped, and counted like what it does not take", async () => {
  const received: number[] = [];
  const hook = createServer((request) => {
    request.resume();
    received.push(request.socket.remotePort ?? 0);
  });
  await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
  lifetime.add("hanging hook", () => {
    hook.close();
    hook.closeAllConnections();
  });
  const metrics = createMetrics();
  const clock = new VirtualClock();
  const { port } = hook.address() as AddressInfo;
  const backend = new WebhookAuditBackend(new Kubeconfig(kubeconfigOf(port)), clock, silentLogger, metrics);
  for (let index = 0; index < 400 + 10_000 + 25; index += 1) backend.log({ index });
  expect(metrics.expose()).toContain('apiserver_audit_error_total{plugin="buffered"} 25\n');
  await expect.poll(() => received.length).toBe(1);
  // five attempts of thirty seconds, and the pauses between them
  await clock.advance(5 * 30_000 + 500 + 1000 + 2000 + 4000);
  expect(metrics.expose()).toContain('apiserver_audit_error_total{plugin="webhook"} 400\n');
});

test("what is no audit policy is refused with what is wrong", () => {
  const refused =
    (text: string): (() => unknown) =>
    () =>
      parseAuditPolicy(text);
  expect(refused("kind: Pod\napiVersion: v1")).toThrow(/it is a v1 Pod/);
  expect(refused("kind: Policy\napiVersion: audit.k8s.io/v1")).toThrow(/it has no rules/);
  expect(refused("kind: Policy\napiVersion: audit.k8s.io/v1\nrules: [{level: All}]")).toThrow(
    /rules\[0\].level is "All"/,
  );
});
