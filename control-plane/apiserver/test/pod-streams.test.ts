import { once } from "node:events";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type FakeKubelet, startKubelet } from "./kubelet.ts";
import { isPeer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const PODS = "/api/v1/namespaces/streams/pods";

const lifetime = new Lifetime();
let server: WireServer;
let admin: WireClient;
let kubelet: FakeKubelet;
let heard: number;
beforeAll(async () => {
  server = lifetime.own("server", await startWireServer({}));
  admin = server.admin;
  kubelet = await startKubelet(server, "streams-n", lifetime);
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "streams" } });
  await admin.send("POST", "/api/v1/namespaces/streams/serviceaccounts", { metadata: { name: "default" } });
  const containers = (...names: readonly string[]): object => names.map((name) => ({ name, image: "i" }));
  await admin.send("POST", PODS, {
    metadata: { name: "one" },
    spec: { nodeName: "streams-n", containers: containers("c") },
  });
  const annotations = { "kubectl.kubernetes.io/default-container": "b" };
  const spec = { nodeName: "streams-n", containers: containers("a", "b"), initContainers: containers("init") };
  await admin.send("POST", PODS, { metadata: { name: "many", annotations }, spec });
  await admin.send("POST", PODS, { metadata: { name: "waiting" }, spec: { containers: containers("c") } });
});
afterAll(() => lifetime.close());
beforeEach(() => {
  heard = kubelet.asked.length;
  kubelet.answer((exchange) => exchange.send(200, { "content-type": "text/plain" }, Buffer.from("line\n")));
});

const asked = (): readonly string[] => kubelet.asked.slice(heard).map(({ method, path }) => `${method} ${path}`);

describe("a log", () => {
  test("comes from the pod's kubelet, which knows the API server by its certificate", async () => {
    const { code, headers, body } = await admin.get(`${PODS}/one/log`);
    expect([code, headers["content-type"], body.toString()]).toEqual([200, "text/plain", "line\n"]);
    expect(kubelet.asked.slice(heard)).toEqual([
      { who: "kubelet-client", method: "GET", path: expect.stringMatching(/^\/containerLogs\/streams\/one\/c\??$/) },
    ]);
  });

  test.each([
    ["container=init", "/containerLogs/streams/many/init"],
    ["container=a&follow=true", "/containerLogs/streams/many/a?follow=true"],
    ["container=a&previous=true&timestamps=true", "/containerLogs/streams/many/a?previous=true&timestamps=true"],
    [
      "container=a&sinceSeconds=5&tailLines=0&limitBytes=7",
      "/containerLogs/streams/many/a?limitBytes=7&sinceSeconds=5&tailLines=0",
    ],
    ["container=a&sinceTime=2025-01-01T00:00:00Z", "/containerLogs/streams/many/a?sinceTime=2025-01-01T00%3A00%3A00Z"],
    [
      "container=a&follow=false&previous=false&timestamps=false&insecureSkipTLSVerifyBackend=false&pretty=1",
      "/containerLogs/streams/many/a",
    ],
  ])("passes on what %s asks for", async (query, path) => {
    const { code } = await admin.get(`${PODS}/many/log?${query}`);
    expect(code).toBe(200);
    const [first] = asked();
    const [at, parameters = ""] = first?.split("?") ?? [];
    expect(`${at} ${parameters.split("&").sort().join("&")}`).toBe(
      `GET ${path.split("?")[0]} ${path.split("?")[1] ?? ""}`,
    );
  });

  test.each([
    ["tailLines=-1", "tailLines", "Invalid value: -1: must be greater than or equal to 0"],
    ["limitBytes=0", "limitBytes", "Invalid value: 0: must be greater than 0"],
    ["stream=Stdout", "stream", "Forbidden: may not be specified"],
    ["sinceSeconds=0", "sinceSeconds", "Invalid value: 0: must be greater than 0"],
    [
      "sinceSeconds=1&sinceTime=2025-01-01T00:00:00Z",
      "",
      "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
    ],
  ])("with %s is refused before anybody looks for the pod", async (query, field, message) => {
    const { code, object } = await admin.get(`${PODS}/nobody/log?${query}`);
    expect([code, object.reason, object.details?.kind]).toEqual([422, "Invalid", "PodLogOptions"]);
    expect(object.details?.causes).toEqual([expect.objectContaining({ message, ...(field !== "" && { field }) })]);
    expect(asked()).toEqual([]);
  });

  test.each(["tailLines=x", "sinceTime=yesterday"])("with %s is a bad request", async (query) => {
    const { code, object } = await admin.get(`${PODS}/one/log?${query}`);
    expect([code, object.reason]).toEqual([400, "BadRequest"]);
  });

  test.each(["Hostname", "ExternalIP"])("comes from a node that has no other address than %s", async (type) => {
    const path = "/api/v1/nodes/streams-n";
    const { object } = await admin.get(path);
    const { addresses } = object["status"] as { readonly addresses: unknown };
    await admin.send("PATCH", `${path}/status`, { status: { addresses: [{ type, address: "127.0.0.1" }] } });
    expect((await admin.get(`${PODS}/one/log`)).code).toBe(200);
    await admin.send("PATCH", `${path}/status`, { status: { addresses } });
  });

  test.skipIf(isPeer)(
    "comes to a server without a certificate as to nobody, and from a kubelet that it believes",
    async () => {
      for (const [kubelets, expected] of [
        [{}, 200],
        [{ ca: server.ca }, 503],
      ] as const) {
        const within = new Lifetime();
        const other = within.own("server", await startWireServer({ kubelets }));
        const asked = await startKubelet(other, "n", within);
        await other.admin.send("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
        const path = "/api/v1/namespaces/default/pods";
        const spec = { nodeName: "n", containers: [{ name: "c", image: "i" }] };
        await other.admin.send("POST", path, { metadata: { name: "p" }, spec });
        expect((await other.admin.get(`${path}/p/log`)).code).toBe(expected);
        expect((await other.admin.get(`${path}/p/log?insecureSkipTLSVerifyBackend=true`)).code).toBe(200);
        expect(asked.asked.map(({ who }) => who)).toEqual(expected === 200 ? [undefined, undefined] : [undefined]);
        await within.close();
      }
    },
  );

  test("needs the name of a container where there are several, and one that is there", async () => {
    expect((await admin.get(`${PODS}/many/log`)).object.message).toBe(
      "a container name must be specified for pod many, choose one of: [init a b]",
    );
    expect((await admin.get(`${PODS}/one/log?container=d`)).object.message).toBe(
      "container d is not valid for pod one",
    );
    expect((await admin.get(`${PODS}/nobody/log`)).object).toMatchObject({ code: 404, reason: "NotFound" });
  });

  test("of a pod that is on no node yet is empty", async () => {
    const { code, body } = await admin.get(`${PODS}/waiting/log`);
    expect([code, body.length]).toEqual([204, 0]);
  });

  test.each([
    [400, "BadRequest", "no log here"],
    [404, "NotFound", "the server could not find the requested resource ( pods/log one)"],
    [500, "InternalError", "Internal error occurred: no log here"],
    [
      502,
      "InternalError",
      'an error on the server ("no log here") has prevented the request from succeeding ( pods/log one)',
    ],
    [
      418,
      undefined,
      "the server responded with the status code 418 but did not return more information ( pods/log one)",
    ],
  ])("that the kubelet refuses with %i is refused so", async (status, reason, message) => {
    kubelet.answer((exchange) => exchange.send(status, { "content-type": "text/plain" }, Buffer.from("no log here")));
    const { code, object } = await admin.get(`${PODS}/one/log`);
    expect([code, object.reason, object.message]).toEqual([status, reason, message]);
  });

  test("that is followed comes as it is written, and ends at the kubelet when the client leaves", async () => {
    let isGone = false;
    let write = (_text: string): void => {};
    kubelet.answer((exchange) => {
      const sink = exchange.begin(200, { "content-type": "text/plain" });
      write = (text) => void sink.write(Buffer.from(text));
      write("one\n");
      exchange.signal.addEventListener("abort", () => void (isGone = true));
    });
    const end = new AbortController();
    const { body } = await admin.transport.request({
      method: "GET",
      path: `${PODS}/one/log?follow=true`,
      headers: {},
      signal: end.signal,
    });
    const pieces = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    expect(String((await pieces.next()).value)).toBe("one\n");
    write("two\n");
    expect(String((await pieces.next()).value)).toBe("two\n");
    end.abort();
    await pieces.return?.(undefined);
    await expect.poll(() => isGone).toBe(true);
  });

  test("comes over a WebSocket too, in bytes", async () => {
    const socket = admin.socket(`${PODS}/one/log`, ["binary.k8s.io"]);
    const heard: string[] = [];
    socket.on("message", (data, isBinary) => heard.push(`${isBinary} ${data}`));
    await once(socket, "close");
    expect(heard.filter((message) => message !== "true ")).toEqual(["true line\n"]);
  });
});

describe("exec, attach and port-forward", () => {
  test.each(["exec?command=ls", "attach", "portforward"])("%s takes an upgrade", async (path) => {
    for (const method of ["GET", "POST"]) {
      const { code, object } = await admin.send(method, `${PODS}/one/${path}`);
      expect([code, object.reason, object.message]).toEqual([400, "BadRequest", "Upgrade request required"]);
    }
  });

  test("a GET is for those who may create, too", async () => {
    const RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/streams";
    const rules = [{ apiGroups: [""], resources: ["pods/exec", "pods/attach", "pods/portforward"], verbs: ["get"] }];
    await admin.send("POST", `${RBAC}/roles`, { metadata: { name: "getters" }, rules });
    await admin.send("POST", `${RBAC}/rolebindings`, {
      metadata: { name: "getters" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "getters" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "getter" }],
    });
    for (const kind of ["exec", "attach", "portforward"]) {
      const { code, object } = await admin.get(`${PODS}/one/${kind}`, { "impersonate-user": "getter" });
      expect([code, object.message]).toEqual([403, expect.stringContaining(`cannot create resource "pods/${kind}"`)]);
    }
  });

  test.each([
    ["one/exec?command=ls&container=d", 400, "container d is not valid for pod one"],
    ["many/attach", 400, "a container name must be specified for pod many, choose one of: [init a b]"],
    ["waiting/exec?command=ls", 400, "pod waiting does not have a host assigned"],
    ["waiting/portforward", 400, "pod waiting does not have a host assigned"],
    ["nobody/exec?command=ls", 404, 'pods "nobody" not found'],
  ])("%s is refused with a Status", async (path, code, message) => {
    const headers = { connection: "Upgrade", upgrade: "SPDY/3.1", "x-stream-protocol-version": "v4.channel.k8s.io" };
    const answer = await admin.sendPlain("POST", `${PODS}/${path}`, undefined, headers);
    expect([answer.code, answer.object.message]).toEqual([code, message]);
  });
});

describe("a connection that a policy denies", () => {
  const POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
  const BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
  const UPGRADE = { connection: "Upgrade", upgrade: "SPDY/3.1", "x-stream-protocol-version": "v4.channel.k8s.io" };
  const seen = (name: string): string =>
    `(has(object.${name}) ? ${name === "command" ? "object.command.join()" : `string(object.${name})`} : "none")`;
  beforeAll(async () => {
    const resourceRules = [
      { apiGroups: [""], apiVersions: ["v1"], operations: ["CONNECT"], resources: ["pods/attach", "pods/exec"] },
    ];
    const parts = ["stdin", "stdout", "stderr", "tty", "container", "command"].map(seen);
    const validations = [{ expression: "false", messageExpression: parts.join(' + " " + ') }];
    await admin.send("POST", POLICIES, {
      metadata: { name: "streams" },
      spec: { failurePolicy: "Fail", matchConstraints: { resourceRules }, validations },
    });
    await admin.send("POST", BINDINGS, {
      metadata: { name: "streams" },
      spec: {
        policyName: "streams",
        validationActions: ["Deny"],
      },
    });
    await vi.waitFor(
      async () => expect((await admin.sendPlain("POST", `${PODS}/one/attach`, undefined, UPGRADE)).code).toBe(422),
      { timeout: 20_000 },
    );
  });

  afterAll(async () => {
    for (const path of [POLICIES, BINDINGS]) await admin.send("DELETE", `${path}/streams`);
  });

  test.each([
    ["one/attach", "none none none none none none"],
    ["one/attach?stdin=true&stdout=false&tty=True&container=c", "true none none true c none"],
    ["one/exec?command=a&command=b&stdout=1&stderr=x", "none true true none none ab"],
    ["nobody/attach", "none none none none none none"],
  ])("is refused before anybody looks for the pod, upgraded or not: %s", async (path, options) => {
    for (const headers of [UPGRADE, {}]) {
      const { code, object } = await admin.sendPlain("POST", `${PODS}/${path}`, undefined, headers);
      expect([code, object.message]).toEqual([422, expect.stringMatching(new RegExp(`denied request: ${options}$`))]);
    }
    expect(asked()).toEqual([]);
  });
});
