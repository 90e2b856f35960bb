import { afterAll, beforeAll, expect, test } from "vitest";
import { signingRequest } from "./signing-request.ts";
import { type Answer, type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const IN = "/api/v1/namespaces/parts";
const PODS = `${IN}/pods`;
const NODES = "/api/v1/nodes";
const REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const STRATEGIC = { "content-type": "application/strategic-merge-patch+json" };

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "parts" } });
  await admin.send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
});
afterAll(() => server.close());

interface PodHeld extends Held {
  readonly spec: { readonly containers: readonly Part[]; readonly ephemeralContainers?: readonly Part[] } & Part;
}
type Part = Readonly<Record<string, unknown>>;

async function pod(name: string, more: object = {}): Promise<PodHeld> {
  const container = { name: "c", image: "i", resources: { requests: { cpu: "1" } } };
  const { code, object } = await admin.send("POST", PODS, {
    metadata: { name, labels: { of: name } },
    spec: { containers: [container], ...more },
  });
  expect(code).toBe(201);
  return object as PodHeld;
}

const said = ({ code, object }: Answer): unknown => [code, object.message];

test("ephemeralcontainers writes these and nothing else", async () => {
  const held = await pod("debugged");
  const debug = { name: "d", image: "i" };
  const body = {
    ...held,
    metadata: { ...held.metadata, labels: { of: "another" }, finalizers: ["a/b"] },
    spec: { ...held.spec, nodeName: "n", ephemeralContainers: [debug] },
  };
  const { code, object } = await admin.send("PUT", `${PODS}/debugged/ephemeralcontainers`, body);
  expect(code).toBe(200);
  expect(object.metadata?.labels).toEqual({ of: "debugged" });
  expect(object.metadata?.finalizers).toBeUndefined();
  const { nodeName, ephemeralContainers } = (object as PodHeld).spec;
  expect([nodeName, ephemeralContainers]).toEqual([undefined, [expect.objectContaining(debug)]]);
  const patch = { metadata: { labels: { of: "another" } }, spec: { ephemeralContainers: [{ name: "e", image: "i" }] } };
  const patched = await admin.send("PATCH", `${PODS}/debugged/ephemeralcontainers`, patch, STRATEGIC);
  expect(patched.object.metadata?.labels).toEqual({ of: "debugged" });
  expect((patched.object as PodHeld).spec.ephemeralContainers?.map(({ name }) => name)).toEqual(["e", "d"]);
  const gone = { spec: { ephemeralContainers: [] } };
  expect((await admin.send("PATCH", `${PODS}/debugged/ephemeralcontainers`, gone)).object.reason).toBe("Invalid");
});

test("resize writes resources and nothing else", async () => {
  const held = await pod("resized", { terminationGracePeriodSeconds: 5 });
  const container = { ...held.spec.containers[0], image: "another", resources: { requests: { cpu: "2" } } };
  const body = {
    ...held,
    metadata: { ...held.metadata, annotations: { a: "b" } },
    spec: { ...held.spec, terminationGracePeriodSeconds: 9, containers: [container] },
  };
  const { code, object } = await admin.send("PUT", `${PODS}/resized/resize`, body);
  expect(code).toBe(200);
  const { spec, metadata } = object as PodHeld;
  expect([metadata?.annotations, metadata?.generation, spec["terminationGracePeriodSeconds"]]).toEqual([
    undefined,
    2,
    5,
  ]);
  expect(spec.containers[0]).toMatchObject({ image: "i", resources: { requests: { cpu: "2" } } });
  // what was sent is owned, written or not
  const { fieldsV1 } = metadata?.managedFields?.find(({ subresource }) => subresource === "resize") ?? {};
  expect(Object.keys((fieldsV1 as { "f:spec": object })["f:spec"])).toEqual([
    "f:containers",
    "f:terminationGracePeriodSeconds",
  ]);
});

test("resize refuses containers that come, go or have another name", async () => {
  const held = await pod("fixed");
  const [container] = held.spec.containers;
  const resize = (containers: readonly object[]) =>
    admin.send("PUT", `${PODS}/fixed/resize`, { ...held, spec: { ...held.spec, containers } });
  expect(said(await resize([{ ...container, name: "another" }]))).toEqual([
    422,
    'Pod "fixed" is invalid: spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
  ]);
  expect(said(await resize([container!, { ...container, name: "more" }]))).toEqual([
    422,
    'Pod "fixed" is invalid: spec.containers: Forbidden: containers may not be added or removed on resize',
  ]);
});

test("resize refuses at once what the node never has", async () => {
  const allocatable = { cpu: "2", memory: "1Gi" };
  await admin.send("POST", NODES, { metadata: { name: "small" } });
  await admin.send("PATCH", `${NODES}/small/status`, { status: { allocatable, capacity: allocatable } });
  const tolerations = [{ operator: "Exists" }];
  await pod("greedy", { nodeName: "small", tolerations });
  const resize = (cpu: string) =>
    admin.send(
      "PATCH",
      `${PODS}/greedy/resize`,
      { spec: { containers: [{ name: "c", resources: { requests: { cpu } } }] } },
      STRATEGIC,
    );
  expect((await resize("1500m")).code).toBe(200);
  expect(said(await resize("3"))).toEqual([
    403,
    'pods "greedy" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 3000, allocatable: 2000',
  ]);
});

test("finalize writes the finalizers of a namespace's spec, which have names of their own", async () => {
  const { object } = await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "finalized" } });
  const path = "/api/v1/namespaces/finalized/finalize";
  const finalize = (finalizers: readonly string[]) => admin.send("PUT", path, { ...object, spec: { finalizers } });
  expect((await finalize(["unqualified"])).object).toMatchObject({
    reason: "Invalid",
    details: { causes: [{ field: "spec.finalizers[0]" }] },
  });
  expect((await finalize(["kubernetes", "a.b/c"])).object["spec"]).toEqual({ finalizers: ["kubernetes", "a.b/c"] });
});

test("approval writes conditions", async () => {
  const request = Buffer.from(await signingRequest("CN=asked")).toString("base64");
  const usages = ["client auth"];
  const { code, object } = await admin.send("POST", REQUESTS, {
    metadata: { name: "asked" },
    spec: { request, usages, signerName: "example.com/s" },
  });
  expect([code, object.message]).toEqual([201, undefined]);
  const condition = { type: "Approved", status: "True", reason: "r", message: "m" };
  const status = { conditions: [condition], certificate: Buffer.from("no").toString("base64") };
  const approved = await admin.send("PUT", `${REQUESTS}/asked/approval`, {
    ...object,
    spec: { ...(object["spec"] as Part), signerName: "example.com/other" },
    status,
  });
  expect(approved.object["spec"]).toMatchObject({ signerName: "example.com/s" });
  expect(approved.object["status"]).toEqual({ conditions: [expect.objectContaining(condition)] });
});

test("what changes nothing through ephemeralcontainers is no new generation", async () => {
  const held = await pod("same");
  const { code, object } = await admin.send("PUT", `${PODS}/same/ephemeralcontainers`, held);
  expect([code, object.metadata?.generation]).toEqual([200, 1]);
});

test.each([
  [`${PODS}/owned/resize`, "resize"],
  [`${PODS}/owned/ephemeralcontainers`, "ephemeralcontainers"],
])("whoever sends a status to %s owns it, though it is left alone", async (path, subresource) => {
  if (subresource === "resize") await pod("owned");
  const patch = { status: { conditions: [{ type: "X", status: "True" }] } };
  const { object } = await admin.send("PATCH", `${path}?dryRun=All&fieldManager=me`, patch, STRATEGIC);
  const entries = (object.metadata as { readonly managedFields?: readonly Part[] }).managedFields ?? [];
  expect(entries.find((entry) => entry["subresource"] === subresource)?.["fieldsV1"]).toMatchObject({
    "f:status": { "f:conditions": {} },
  });
});

test("of a signing request, approval owns conditions and status does not", async () => {
  const request = Buffer.from(await signingRequest("CN=owned")).toString("base64");
  const spec = { request, usages: ["client auth"], signerName: "example.com/s" };
  await admin.send("POST", REQUESTS, { metadata: { name: "owned" }, spec });
  // nobody owns anything of a request before something is applied: its spec is not to be owned
  const label = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "owned", labels: { a: "b" } },
  };
  const applied = { "content-type": "application/apply-patch+yaml" };
  await admin.send("PATCH", `${REQUESTS}/owned?fieldManager=applier`, label, applied);
  const patch = { status: { conditions: [{ type: "X", status: "True" }] } };
  const owners = async (subresource: string): Promise<readonly unknown[]> => {
    const { code, object } = await admin.send("PATCH", `${REQUESTS}/owned/${subresource}?dryRun=All`, patch, STRATEGIC);
    expect([code, object.message]).toEqual([200, undefined]);
    const entries = (object.metadata as { readonly managedFields?: readonly Part[] }).managedFields ?? [];
    return entries.map((entry) => entry["subresource"]).filter((name) => name !== undefined);
  };
  expect([await owners("approval"), await owners("status")]).toEqual([["approval"], []]);
});
