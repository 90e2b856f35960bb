import { networkInterfaces } from "node:os";
import { ApiError, type Unstructured } from "@tsukube/api";
import { Lifetime } from "@tsukube/foundation";
import { createHttpsServer, KeptConnections, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { type Cluster, startCluster, VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Kubeconfig } from "../../configuration/kubeconfig.ts";
import { WebhookClient } from "./webhook-client.ts";

/** One of this machine's that is not its loopback, which no endpoint may have. */
const ADDRESS = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

const IN = "/api/v1/namespaces/default";
const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1";

interface Review {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly request: Readonly<Record<string, unknown>> & {
    readonly uid: string;
    readonly object: Unstructured | null;
    readonly oldObject: Unstructured | null;
  };
}

type Answer = (review: Review) => object | undefined | Promise<object>;

let lifetime: Lifetime;
let cluster: Cluster;
let warnings: readonly string[];
let reviews: Review[];
let hosts: (string | undefined)[];
let answer: Answer;
/** Codes and locations, by path. */
let redirects: Readonly<Record<string, readonly [number, string]>>;
let port: number;
let caBundle: string;
let certificate: string;

const patch = (...operations: readonly object[]) => ({
  allowed: true,
  patchType: "JSONPatch",
  patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
});

/** A cluster, and a webhook server that answers as the test says. */
beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
  reviews = [];
  hosts = [];
  redirects = {};
  answer = () => ({ allowed: true });
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  caBundle = Buffer.from(keys.cert).toString("base64");
  const sans = ["127.0.0.1", "hook.default.svc"];
  const pair = await (await openAuthority(keys, realClock, systemRandom)).issue({
    commonName: "s",
    sans,
    usages: ["server"],
  });
  certificate = pair.cert;
  const server = createHttpsServer({
    ...pair,
    handle: (exchange) =>
      void exchange.body(1e6).then(async (body) => {
        const location = redirects[exchange.path.replace(/\?.*/, "")];
        if (location !== undefined) return exchange.send(location[0], { location: location[1] }, new Uint8Array(0));
        if (exchange.method !== "POST") return exchange.send(405, {}, new Uint8Array(0));
        const { request } = JSON.parse(Buffer.from(body).toString()) as Review;
        const review = { path: exchange.path, authorization: exchange.headers["authorization"], request };
        reviews.push(review);
        hosts.push(exchange.headers["host"]);
        const response = await answer(review);
        if (response === undefined) return; // never
        const kind = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
        const { httpCode = 200, httpBody, ...rest } = response as { httpCode?: number; httpBody?: object };
        const text = JSON.stringify(httpBody ?? { ...kind, response: { uid: request.uid, ...rest } });
        exchange.send(httpCode, { "content-type": "application/json" }, Buffer.from(text));
      }),
  });
  lifetime.own("webhook", server);
  port = await server.listen("0.0.0.0", 0);
});
afterEach(() => lifetime.close());

async function send(method: string, path: string, body: object): Promise<Unstructured> {
  const headers = { "content-type": "application/json" };
  const response = await cluster.transport.request({ method, path, headers, body: Buffer.from(JSON.stringify(body)) });
  warnings = ((response.headers["warning"] ?? []) as readonly string[]).map(
    (text) => JSON.parse(text.slice(6)) as string,
  );
  const object = JSON.parse(Buffer.from(response.body as Uint8Array).toString()) as Unstructured;
  if (response.status >= 400) throw new ApiError(object as never);
  return object;
}

async function configure(kind: "mutating" | "validating", name: string, more: object = {}): Promise<void> {
  const rules = [{ operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }];
  const webhook = {
    name: `${name}.example.com`,
    clientConfig: { url: `https://127.0.0.1:${port}/${name}`, caBundle },
    rules,
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    ...more,
  };
  await send("POST", `${CONFIGURATIONS}/${kind}webhookconfigurations`, { metadata: { name }, webhooks: [webhook] });
}

const kept = () => lifetime.own("connections", new KeptConnections());

const create = (data: Readonly<Record<string, string>> = {}, metadata: object = {}) =>
  send("POST", `${IN}/configmaps`, { metadata: { name: "c", ...metadata }, data });

describe("a validating webhook", () => {
  test("sees who wants what, and says no with its reason", async () => {
    await configure("validating", "deny");
    answer = () => ({
      allowed: false,
      status: { message: "no thanks", code: 403, reason: "Forbidden" },
      warnings: ["hm"],
    });
    const refused = await create({ a: "b" }).catch((error: unknown) => error as ApiError);
    expect(refused).toMatchObject({
      httpCode: 403,
      reason: "Forbidden",
      message: 'admission webhook "deny.example.com" denied the request: no thanks',
    });
    expect(warnings).toEqual(["hm"]);
    expect(reviews[0]).toMatchObject({
      path: "/deny?timeout=10s",
      request: {
        kind: { group: "", version: "v1", kind: "ConfigMap" },
        resource: { group: "", version: "v1", resource: "configmaps" },
        requestKind: { group: "", version: "v1", kind: "ConfigMap" },
        requestResource: { group: "", version: "v1", resource: "configmaps" },
        name: "c",
        namespace: "default",
        operation: "CREATE",
        userInfo: { username: "admin", groups: ["system:masters", "system:authenticated"] },
        object: { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "c" }, data: { a: "b" } },
        oldObject: null,
        dryRun: false,
        options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
      },
    });
  });

  test("sees updates with the old object, and deletes with nothing else", async () => {
    const made = await create({ a: "1" });
    await configure("validating", "look");
    await send("PUT", `${IN}/configmaps/c`, { ...made, data: { a: "2" } });
    await send("DELETE", `${IN}/configmaps/c`, { propagationPolicy: "Background" });
    expect(
      reviews.map(({ request }) => [request["operation"], request.object?.["data"], request.oldObject?.["data"]]),
    ).toEqual([
      ["UPDATE", { a: "2" }, { a: "1" }],
      ["DELETE", undefined, { a: "2" }],
    ]);
    expect(reviews[1]?.request["options"]).toMatchObject({ kind: "DeleteOptions", propagationPolicy: "Background" });
  });

  const CREATE_OPTIONS = { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1", fieldManager: "m" };
  const DELETE_OPTIONS = { kind: "DeleteOptions", apiVersion: "meta.k8s.io/v1" };
  test.each([
    ["POST", "bindings?fieldManager=m", { metadata: { name: "p" }, target: { name: "n" } }, "p", CREATE_OPTIONS],
    ["POST", "pods/p/binding?fieldManager=m", { metadata: { name: "p" }, target: { name: "n" } }, "p", CREATE_OPTIONS],
    ["POST", "pods/p/eviction?fieldManager=m", { metadata: { name: "p" } }, "p", CREATE_OPTIONS],
    ["POST", "serviceaccounts/default/token?fieldManager=m", {}, "default", CREATE_OPTIONS],
    ["DELETE", "pods/p", { kind: "DeleteOptions", apiVersion: "v1" }, "p", DELETE_OPTIONS],
    ["DELETE", "pods/p", { dryRun: ["All"] }, "p", { ...DELETE_OPTIONS, dryRun: ["All"] }],
    ["DELETE", "pods", {}, undefined, DELETE_OPTIONS],
  ])("sees the options of %s %s %j, and what it names", async (method, path, body, name, options) => {
    await send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
    await send("POST", `${IN}/pods`, { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } });
    await configure("validating", "options", {
      rules: [{ operations: ["*"], apiGroups: [""], apiVersions: ["v1"], resources: ["*/*"] }],
    });
    await send(method, `${IN}/${path}`, body);
    expect(reviews.map(({ request }) => [request["name"], request["options"]])).toEqual([[name, options]]);
  });

  test("sees a new namespace as one within itself", async () => {
    await configure("validating", "options", {
      rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["namespaces"] }],
    });
    await send("POST", "/api/v1/namespaces?dryRun=All", { metadata: { name: "fresh" } });
    expect(reviews.map(({ request }) => [request["name"], request["namespace"]])).toEqual([["fresh", "fresh"]]);
  });

  test("may not patch, and must answer what it was asked", async () => {
    await configure("validating", "odd");
    answer = () => patch();
    await expect(create()).rejects.toThrow("validating webhook may not return response.patch");
    answer = () => ({ uid: "other", allowed: true });
    await expect(create()).rejects.toThrow(/expected response.uid="[0-9a-f-]+", got "other"/);
  });

  test("hears how much of the request's time is left, where that is less than its own", async () => {
    await configure("validating", "hurry", { timeoutSeconds: 20 });
    const asked: string[] = [];
    answer = ({ path }) => {
      asked.push(path);
      return { allowed: true };
    };
    await send("POST", `${IN}/configmaps?timeout=7s`, { metadata: { name: "hurried" } });
    await send("POST", `${IN}/configmaps`, { metadata: { name: "unhurried" } });
    expect(asked).toEqual(["/hurry?timeout=7s", "/hurry?timeout=20s"]);
  });

  test("that is asked in v1beta1 need say no more than its response", async () => {
    await configure("validating", "old", { admissionReviewVersions: ["v1beta1", "v1"] });
    answer = () => ({ httpBody: { response: { allowed: true } } });
    await expect(create()).resolves.toBeDefined();
  });

  test("that is not there keeps everything out, unless failures are to be ignored", async () => {
    const clientConfig = { url: "https://127.0.0.1:1/x", caBundle };
    await configure("validating", "gone", { clientConfig });
    await expect(create()).rejects.toThrow(
      'Internal error occurred: failed calling webhook "gone.example.com": failed to call webhook: Post "https://127.0.0.1:1/x?timeout=10s"',
    );
    await send("DELETE", `${CONFIGURATIONS}/validatingwebhookconfigurations/gone`, {});
    await configure("validating", "gone", { clientConfig, failurePolicy: "Ignore" });
    await expect(create()).resolves.toBeDefined();
  });

  test.each([
    [202, {}, undefined],
    [500, {}, 'an error on the server ("unknown") has prevented the request from succeeding'],
    [404, {}, "the server could not find the requested resource"],
    [403, { kind: "Status", apiVersion: "v1", status: "Failure", message: "not from here" }, "not from here"],
  ])("that answers %i %j is understood", async (httpCode, httpBody, why) => {
    await configure("validating", "code");
    answer = () => ({ allowed: true, httpCode, ...(httpCode >= 300 && { httpBody }) });
    if (why === undefined) return expect(create()).resolves.toBeDefined();
    const told = `Internal error occurred: failed calling webhook "code.example.com": failed to call webhook: ${why}`;
    await expect(create()).rejects.toMatchObject({ httpCode: 500, message: told });
  });

  test("is trusted by its own certificate as by the authority of that", async () => {
    const own = Buffer.from(certificate).toString("base64");
    await configure("validating", "own", {
      clientConfig: { url: `https://127.0.0.1:${port}/own`, caBundle: own },
    });
    await expect(create()).resolves.toBeDefined();
    expect(reviews.map(({ path }) => path)).toEqual(["/own?timeout=10s"]);
  });

  test.each([
    ["//a//b/", "/a/b"],
    ["", "/"],
  ])("at %j is asked at %j", async (path, asked) => {
    await configure("validating", "slashes", { clientConfig: { url: `https://127.0.0.1:${port}${path}`, caBundle } });
    await create();
    expect(reviews.map((review) => review.path)).toEqual([`${asked}?timeout=10s`]);
  });

  test("with side effects does not see dry runs", async () => {
    await configure("validating", "v", { sideEffects: "NoneOnDryRun" });
    await send("POST", `${IN}/configmaps?dryRun=All`, { metadata: { name: "c" } });
    expect(reviews[0]?.request["dryRun"]).toBe(true);
  });

  test.each([
    ["services/s/proxy/path", "proxy", "ServiceProxyOptions", { path: "/path" }],
    ["pods/p/attach?container=c&stdin=1", "attach", "PodAttachOptions", { container: "c", stdin: true }],
    ["pods/p/exec?command=ls", "exec", "PodExecOptions", { command: ["ls"] }],
  ])("is asked about connections, and may refuse them: %s", async (path, subResource, kind, object) => {
    const rules = [{ operations: ["CONNECT"], apiGroups: [""], apiVersions: ["v1"], resources: [`*/${subResource}`] }];
    await configure("validating", "connect", { rules });
    answer = () => ({ allowed: false });
    await expect(send("POST", `${IN}/${path}`, {})).rejects.toThrow(
      'admission webhook "connect.example.com" denied the request without explanation',
    );
    const resource = { group: "", version: "v1", resource: path.split("/")[0] };
    expect(reviews[0]?.request).toMatchObject({
      operation: "CONNECT",
      kind: { group: "", version: "v1", kind },
      requestKind: { group: "", version: "v1", kind },
      resource,
      requestResource: resource,
      subResource,
      requestSubResource: subResource,
      name: path.split("/")[1],
      namespace: "default",
      object,
    });
  });

  test("is asked at the same time as others", async () => {
    for (const name of ["one", "two", "three"]) await configure("validating", name);
    let all = (): void => {};
    const asked = new Promise<void>((resolve) => {
      all = resolve;
    });
    answer = async () => {
      if (reviews.length === 3) all();
      await asked;
      return { allowed: true };
    };
    await create();
    expect(reviews.map(({ path }) => path.split("?")[0]).sort()).toEqual(["/one", "/three", "/two"]);
  });

  test("is never asked about webhooks: a bad one can be taken away", async () => {
    const rules = [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*"] }];
    await configure("validating", "all", { rules });
    answer = () => ({ allowed: false });
    await expect(create()).rejects.toThrow("denied the request");
    await expect(send("DELETE", `${CONFIGURATIONS}/validatingwebhookconfigurations/all`, {})).resolves.toBeDefined();
    await expect(create()).resolves.toBeDefined();
  });
});

describe("a webhook is asked only", () => {
  test("about objects and namespaces that it selects", async () => {
    await configure("validating", "o", { objectSelector: { matchLabels: { watch: "me" } } });
    await create();
    expect(reviews).toEqual([]);
    await send("PUT", `${IN}/configmaps/c`, { metadata: { name: "c", labels: { watch: "me" } } });
    await send("PUT", `${IN}/configmaps/c`, { metadata: { name: "c" } });
    expect(reviews).toHaveLength(2);
    const exempt = {
      matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["default"] }],
    };
    await configure("validating", "n", { namespaceSelector: exempt });
    await create({}, { name: "d" });
    expect(reviews).toHaveLength(2);
  });

  test("in the version that it knows", async () => {
    const rules = [
      { operations: ["CREATE"], apiGroups: ["events.k8s.io"], apiVersions: ["v1"], resources: ["events"] },
    ];
    await configure("validating", "events", { rules });
    const involvedObject = { kind: "Pod", name: "p", namespace: "default" };
    await send("POST", `${IN}/events`, { metadata: { name: "e" }, involvedObject, reason: "R", message: "m" });
    expect(reviews[0]?.request).toMatchObject({
      kind: { group: "events.k8s.io", version: "v1", kind: "Event" },
      requestKind: { group: "", version: "v1", kind: "Event" },
      object: { apiVersion: "events.k8s.io/v1", regarding: { name: "p" }, note: "m" },
    });
    await configure("validating", "exact", { rules, matchPolicy: "Exact" });
    await send("POST", `${IN}/events`, { metadata: { name: "f" }, involvedObject, reason: "R", message: "m" });
    expect(reviews).toHaveLength(2);
  });
});

describe("a mutating webhook", () => {
  test("patches the object, which then gets its defaults and is validated", async () => {
    const rules = [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["services"] }];
    await configure("mutating", "patch", { rules });
    answer = () => patch({ op: "add", path: "/spec/ports/-", value: { name: "b", port: 81 } });
    const made = await send("POST", `${IN}/services`, {
      metadata: { name: "s" },
      spec: { ports: [{ name: "a", port: 80 }] },
    });
    expect((made["spec"] as { ports: unknown }).ports).toEqual([
      { name: "a", protocol: "TCP", port: 80, targetPort: 80 },
      { name: "b", protocol: "TCP", port: 81, targetPort: 81 },
    ]);
    answer = () => patch({ op: "replace", path: "/spec/ports/0/port", value: 70000 });
    await expect(
      send("POST", `${IN}/services`, { metadata: { name: "t" }, spec: { ports: [{ port: 80 }] } }),
    ).rejects.toThrow("spec.ports[0].port: Invalid value: 70000");
  });

  test("that spoils owners and managed fields is put right, with a warning of each", async () => {
    const owner = { apiVersion: "v1", kind: "Node", name: "n", uid: "u" };
    await configure("mutating", "spoils");
    const path = "/metadata/managedFields/0/fieldsType";
    const spoilt = { op: "add", path: "/metadata/ownerReferences", value: [owner, owner] };
    answer = () => patch(spoilt, { op: "remove", path });
    const { metadata } = await create({ a: "b" });
    expect(metadata?.ownerReferences).toEqual([owner]);
    expect(metadata?.managedFields).toMatchObject([{ fieldsType: "FieldsV1", fieldsV1: { "f:data": {} } }]);
    expect(warnings).toEqual([
      expect.stringMatching(/managedFields was in an invalid state after admission.* missing fieldsType .* entry 0$/),
      expect.stringMatching(/ownerReferences contains duplicate entries after mutating admission happens;.*: u$/),
    ]);
  });

  test("whose patch is none has failed, one whose patch does not fit is at fault, and an empty one changes nothing", async () => {
    await configure("mutating", "odd", { failurePolicy: "Ignore" });
    const raw = (text: string) => ({ ...patch(), patch: Buffer.from(text).toString("base64") });
    for (const text of ["{}", "{", "[]", "null"]) {
      answer = () => raw(text);
      await expect(create({}, { name: `c${Buffer.from(text).toString("hex")}` })).resolves.toBeDefined();
    }
    answer = () => patch({ op: "test", path: "/metadata/name", value: "other" });
    await expect(create()).rejects.toMatchObject({
      httpCode: 500,
      message: "Internal error occurred: testing path /metadata/name failed",
    });
  });

  test("makes custom resources that are pruned, defaulted and validated like others", async () => {
    const properties = { size: { type: "integer", maximum: 9 }, color: { type: "string", default: "red" } };
    const openAPIV3Schema = { type: "object", properties: { spec: { type: "object", properties } } };
    await send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
      metadata: { name: "widgets.example.com" },
      spec: {
        ...{ group: "example.com", scope: "Namespaced", names: { plural: "widgets", kind: "Widget" } },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }],
      },
    });
    await cluster.clock.advance(1000);
    const rules = [{ operations: ["CREATE"], apiGroups: ["example.com"], apiVersions: ["v1"], resources: ["widgets"] }];
    await configure("mutating", "custom", { rules });
    const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" }, spec: { size: 1 } };
    const make = () => send("POST", "/apis/example.com/v1/namespaces/default/widgets", widget);
    answer = () =>
      patch(
        { op: "add", path: "/spec/unknown", value: 1 },
        { op: "remove", path: "/spec/color" },
        { op: "replace", path: "/spec/size", value: 2 },
      );
    expect((await make())["spec"]).toEqual({ size: 2, color: "red" });
    answer = () => patch({ op: "replace", path: "/spec/size", value: 10 });
    await expect(make()).rejects.toThrow("spec.size in body should be less than or equal to 9");
  });

  test("comes in the order of names, and sees what those before it changed", async () => {
    await configure("mutating", "b");
    await configure("mutating", "a");
    answer = ({ path }) => patch({ op: "add", path: `/data/${path.slice(1, 2)}`, value: "1" });
    const made = await create({ x: "1" });
    expect(made["data"]).toEqual({ x: "1", a: "1", b: "1" });
    expect(reviews.map(({ request }) => Object.keys(request.object?.["data"] as object))).toEqual([["x"], ["a", "x"]]);
  });

  test("is asked again about what came after it, if it wants to be", async () => {
    await configure("mutating", "a", { reinvocationPolicy: "IfNeeded" });
    await configure("mutating", "b");
    answer = ({ path, request }) => {
      const data = (request.object?.["data"] ?? {}) as Readonly<Record<string, string>>;
      if (path.startsWith("/b")) return patch({ op: "add", path: "/data/b", value: "1" });
      return data["b"] === undefined ? { allowed: true } : patch({ op: "add", path: "/data/a", value: "after b" });
    };
    expect((await create({ x: "1" }))["data"]).toEqual({ x: "1", b: "1", a: "after b" });
    expect(reviews.map(({ path }) => path.slice(1, 2))).toEqual(["a", "b", "a"]);
  });

  test("is not asked again about what the server makes of its own change, which is nothing", async () => {
    await send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
    const rules = [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }];
    await configure("mutating", "labels", { rules, reinvocationPolicy: "IfNeeded" });
    answer = () => patch({ op: "add", path: "/metadata/labels/a", value: "b" });
    const metadata = { name: "p", labels: { x: "y" } };
    const spec = { containers: [{ name: "c", image: "i" }] };
    expect((await send("POST", `${IN}/pods`, { metadata, spec })).metadata?.labels).toEqual({ x: "y", a: "b" });
    expect(reviews).toHaveLength(1);
  });

  test("is reached at an endpoint of its Service, under the Service's name", async () => {
    const ports = [{ name: "web", port: 443 }];
    await send("POST", `${IN}/services`, { metadata: { name: "hook" }, spec: { ports } });
    const service = { name: "hook", namespace: "default", path: "/s" };
    await configure("mutating", "svc", { clientConfig: { service, caBundle } });
    answer = () => patch({ op: "add", path: "/data", value: { by: "service" } });
    await expect(create()).rejects.toThrow(
      'failed to call webhook: Post "https://hook.default.svc:443/s?timeout=10s": no endpoints available for service "hook"',
    );
    await send("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {
      metadata: { name: "hook-1", labels: { "kubernetes.io/service-name": "hook" } },
      addressType: "IPv4",
      ports: [{ name: "web", port }],
      endpoints: [{ addresses: [ADDRESS] }],
    });
    expect((await create())["data"]).toEqual({ by: "service" });
    expect(hosts).toEqual(["hook.default.svc:443"]);
    redirects = { "/s": [307, "/t"], "/t": [308, `https://127.0.0.1:${port}/u`] };
    expect((await create({}, { name: "d" }))["data"]).toEqual({ by: "service" });
    expect(reviews.map(({ path }) => path)).toEqual(["/s?timeout=10s", "/u"]);
  });

  test.each([
    [307, "/to", undefined],
    [308, "to?x=1", undefined],
    [307, "/from", 'Post "/from": stopped after 10 redirects'],
    [307, "https://127.0.0.1:1/to", 'Post "https://127.0.0.1:1/to": '],
    [307, "", "the server responded with the status code 307 but"],
    [302, "/to", "the server does not allow this method on the requested resource"],
    [304, "/to", "the server responded with the status code 304 but"],
  ])("is followed where it leads to: %i %j", async (code, to, problem) => {
    await configure("mutating", "from");
    redirects = { "/from": [code, to] };
    answer = () => patch({ op: "add", path: "/data", value: { by: "redirection" } });
    const made = create();
    if (problem === undefined) expect((await made)["data"]).toEqual({ by: "redirection" });
    else
      await expect(made).rejects.toThrow(
        `failed calling webhook "from.example.com": failed to call webhook: ${problem}`,
      );
  });
});

test("a webhook is told who asks, where a kubeconfig says so", async () => {
  const users = [{ name: `127.0.0.1:${port}`, user: { token: "t" } }];
  const client = new WebhookClient(
    {} as never,
    realClock,
    systemRandom,
    kept(),
    new Kubeconfig(JSON.stringify({ users })),
  );
  const config = { url: `https://127.0.0.1:${port}/told`, caBundle };
  await client.post({
    config,
    timeoutSeconds: 3,
    body: JSON.stringify({ request: {} }),
    signal: new AbortController().signal,
  });
  await configure("validating", "untold");
  await create();
  expect(reviews.map(({ authorization }) => authorization)).toEqual(["Bearer t", undefined]);
});

test("a webhook that takes too long has failed", async () => {
  answer = () => undefined;
  const clock = new VirtualClock();
  const client = new WebhookClient({} as never, clock, systemRandom, kept());
  const config = { url: `https://127.0.0.1:${port}/slow`, caBundle };
  const signal = new AbortController().signal;
  const asked = client.post({ config, timeoutSeconds: 3, body: JSON.stringify({ request: {} }), signal });
  const outcome = expect(asked).rejects.toThrow('/slow?timeout=3s": context deadline exceeded');
  await expect.poll(() => reviews.length).toBe(1);
  await clock.advance(3000);
  await outcome;
});

test("a webhook is not asked once the time of the request is over", async () => {
  await configure("mutating", "first");
  await configure("mutating", "second");
  await configure("validating", "third");
  cluster.clock.track = (work) => work; // time goes on while requests wait for it
  answer = async () => {
    await cluster.clock.advance(1000);
    return { allowed: true };
  };
  const late = send("POST", `${IN}/configmaps?timeout=1s`, { metadata: { name: "c" } });
  await expect(late).rejects.toMatchObject({ httpCode: 504 });
  answer = () => ({ allowed: true });
  await create();
  expect(reviews.map(({ path }) => path.slice(1, 6))).toEqual(["first", "first", "secon", "third"]);
});
