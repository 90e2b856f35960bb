import defaults from "@tsukube/api/facts/defaults.json" with { type: "json" };
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signingRequest } from "./signing-request.ts";
import { startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const IN = "/api/v1/namespaces/fields";
const EVENTS = "/apis/events.k8s.io/v1/namespaces/fields/events";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "fields" } });
  await admin.send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
  for (const [path, object, status] of OBJECTS) {
    const made = await admin.send("POST", path, object);
    expect([made.code, made.object.message], path).toEqual([201, undefined]);
    const { name } = (object as { readonly metadata: { readonly name: string } }).metadata;
    const noted = status === undefined ? undefined : await admin.send("PATCH", `${path}/${name}/status`, { status });
    expect(noted?.object.message, path).toBeUndefined();
  }
});
afterAll(() => server.close());

const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
const regarding = {
  kind: "Pod",
  namespace: "fields",
  name: "p",
  uid: "u",
  apiVersion: "v1",
  resourceVersion: "7",
  fieldPath: "spec.x",
};
const CERTIFICATES = "/apis/certificates.k8s.io/v1";
const request = Buffer.from(await signingRequest("CN=jane")).toString("base64");
const asked = defaults.objects["certificates.k8s.io/v1 podcertificaterequests"].in.spec;
const { trustBundle } = defaults.objects["certificates.k8s.io/v1 clustertrustbundles"].in.spec;
const bundle = {
  metadata: { name: "fields.example.com:s:b" },
  spec: { signerName: "fields.example.com/s", trustBundle },
};
const [type, reason] = ["Warning", "Tested"];

/** Where each is made, what it is, and its status. */
const OBJECTS: readonly (readonly [string, object, object?])[] = [
  [
    `${IN}/pods`,
    {
      metadata: { name: "p" },
      spec: { ...template.spec, nodeName: "n", hostNetwork: true, schedulerName: "s", restartPolicy: "Never" },
    },
    { phase: "Running", podIP: "10.1.1.1", podIPs: [{ ip: "10.1.1.1" }, { ip: "fd00::1" }] },
  ],
  [`${IN}/pods`, { metadata: { name: "waiting" }, spec: template.spec }, { nominatedNodeName: "m" }],
  ["/api/v1/nodes", { metadata: { name: "fields-n" }, spec: { unschedulable: true } }],
  [
    `${IN}/replicationcontrollers`,
    { metadata: { name: "rc" }, spec: { selector: { a: "b" }, template } },
    { replicas: 3 },
  ],
  [`${IN}/secrets`, { metadata: { name: "s" }, type: "example.com/x" }],
  [`${IN}/services`, { metadata: { name: "s" }, spec: { clusterIP: "None", ports: [{ port: 80 }] } }],
  [
    "/apis/batch/v1/namespaces/fields/jobs",
    { metadata: { name: "j" }, spec: { template: { spec: { ...template.spec, restartPolicy: "Never" } } } },
    { startTime: "2025-01-01T00:00:00Z", succeeded: 1, uncountedTerminatedPods: {} },
  ],
  [
    "/apis/resource.k8s.io/v1/resourceslices",
    {
      metadata: { name: "slice" },
      spec: {
        nodeName: "n",
        driver: "d.example.com",
        pool: { name: "pool", generation: 1, resourceSliceCount: 1 },
        devices: [],
      },
    },
  ],
  [
    `${CERTIFICATES}/certificatesigningrequests`,
    { metadata: { name: "fields-r" }, spec: { request, signerName: "fields.example.com/s", usages: ["client auth"] } },
  ],
  [`${CERTIFICATES}/clustertrustbundles`, bundle],
  [`${CERTIFICATES}/namespaces/fields/podcertificaterequests`, { metadata: { name: "r" }, spec: asked }],
  [
    `${IN}/events`,
    {
      metadata: { name: "e" },
      involvedObject: regarding,
      source: { component: "tester" },
      ...{
        type,
        reason,
        reportingComponent: "example.com/tester",
        reportingInstance: "i",
        action: "Test",
        eventTime: "2025-01-01T00:00:00.000000Z",
      },
    },
  ],
];

/** Of each kind the labels with the value that the object above has. */
const KNOWN: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  [
    `${IN}/pods`,
    {
      "metadata.name": "p",
      "metadata.namespace": "fields",
      "spec.nodeName": "n",
      "spec.host": "n",
      "spec.restartPolicy": "Never",
      "spec.schedulerName": "s",
      "spec.serviceAccountName": "default",
      "spec.hostNetwork": "true",
      "status.phase": "Running",
      "status.podIP": "10.1.1.1",
    },
  ],
  [`${IN}/pods`, { "metadata.name": "waiting", "status.nominatedNodeName": "m", "status.podIPs": "" }],
  ["/api/v1/nodes", { "metadata.name": "fields-n", "spec.unschedulable": "true" }],
  ["/api/v1/namespaces", { "metadata.name": "fields", "status.phase": "Active" }],
  [`${IN}/replicationcontrollers`, { "metadata.name": "rc", "metadata.namespace": "fields", "status.replicas": "3" }],
  [`${IN}/secrets`, { "metadata.name": "s", "metadata.namespace": "fields", type: "example.com/x" }],
  [
    `${IN}/services`,
    { "metadata.name": "s", "metadata.namespace": "fields", "spec.clusterIP": "None", "spec.type": "ClusterIP" },
  ],
  [
    "/apis/batch/v1/namespaces/fields/jobs",
    { "metadata.name": "j", "metadata.namespace": "fields", "status.successful": "1" },
  ],
  [
    "/apis/resource.k8s.io/v1/resourceslices",
    {
      "metadata.name": "slice",
      "spec.nodeName": "n",
      "spec.driver": "d.example.com",
      "spec.pool.name": "pool",
    },
  ],
  [
    `${CERTIFICATES}/certificatesigningrequests`,
    { "metadata.name": "fields-r", "spec.signerName": "fields.example.com/s" },
  ],
  [
    `${CERTIFICATES}/clustertrustbundles`,
    { "metadata.name": bundle.metadata.name, "spec.signerName": "fields.example.com/s" },
  ],
  [
    `${CERTIFICATES}/namespaces/fields/podcertificaterequests`,
    {
      "metadata.name": "r",
      "spec.signerName": asked.signerName,
      "spec.podName": asked.podName,
      "spec.nodeName": asked.nodeName,
    },
  ],
  [
    `${IN}/events`,
    {
      "metadata.name": "e",
      "metadata.namespace": "fields",
      "involvedObject.kind": "Pod",
      "involvedObject.namespace": "fields",
      "involvedObject.name": "p",
      "involvedObject.uid": "u",
      "involvedObject.apiVersion": "v1",
      "involvedObject.resourceVersion": "7",
      "involvedObject.fieldPath": "spec.x",
      reason,
      reportingComponent: "example.com/tester",
      source: "tester",
      type,
    },
  ],
  [
    EVENTS,
    {
      "metadata.name": "e",
      "metadata.namespace": "fields",
      "regarding.kind": "Pod",
      "regarding.namespace": "fields",
      "regarding.name": "p",
      "regarding.uid": "u",
      "regarding.apiVersion": "v1",
      "regarding.resourceVersion": "7",
      "regarding.fieldPath": "spec.x",
      reason,
      reportingController: "example.com/tester",
      type,
    },
  ],
];

describe.each(KNOWN)("the fields of %s", (path, labels) => {
  const names = async (selector: string): Promise<unknown> => {
    const { code, object } = await admin.get(`${path}?fieldSelector=${encodeURIComponent(selector)}`);
    return code === 200 ? object.items?.map(({ metadata }) => metadata?.name) : `${code} ${object.message}`;
  };

  test.each(Object.entries(labels))("%s=%s finds the object, != all others", async (label, value) => {
    const name = labels["metadata.name"];
    expect(await names(`${label}=${value}`)).toContain(name);
    expect(await names(`${label}==${value},metadata.name=${name}`)).toEqual([name]);
    expect(await names(`${label}!=${value}`)).not.toContain(name);
    expect(await names(`${label}=x${value}`)).toEqual([]);
  });

  test("are those alone", async () => {
    expect(await names("spec.nothing=1")).toMatch(/^400 field label .*not supported/);
  });
});

test.each([
  "/api/v1/namespaces?fieldSelector=name%3Dfields",
  "/apis/apps/v1/namespaces/fields/replicasets?fieldSelector=status.replicas%3D1",
  "/api/v1/nodes?fieldSelector=metadata.namespace%3Dx",
  "/api/v1/persistentvolumes?fieldSelector=spec.storageClassName%3Dx",
])("%s is 400", async (path) => {
  const { code, object } = await admin.get(path);
  expect([code, object.reason]).toEqual([400, "BadRequest"]);
});

test.each([
  ["/apis/storage.k8s.io/v1/storageclasses", 200],
  ["/api/v1/persistentvolumes", 200],
  ["/api/v1/namespaces", 400],
  ["/apis/certificates.k8s.io/v1/namespaces/fields/podcertificaterequests", 400],
])("%s by namespace is %d", async (path, code) => {
  expect((await admin.get(`${path}?fieldSelector=metadata.namespace%3Dx`)).code).toBe(code);
});

test("custom objects are selected by name, by namespace where they have one, and by no field that does not say so", async () => {
  const schema = { openAPIV3Schema: { type: "object" } };
  const group = "select.example.com";
  for (const scope of ["Cluster", "Namespaced"]) {
    const plural = `${scope.toLowerCase()}things`;
    const names = { plural, kind: `${scope}Thing` };
    const versions = [{ name: "v1", served: true, storage: true, schema }];
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    await admin.send("POST", path, {
      metadata: { name: `${plural}.${group}` },
      spec: { group, scope, names, versions },
    });
    const asked = async (field: string) => {
      const { code, object } = await admin.get(`/apis/${group}/v1/${plural}?fieldSelector=${field}%3Dx`);
      return code === 200 ? code : object.message;
    };
    await expect.poll(() => asked("metadata.name")).toBe(200);
    const refused = (field: string) => expect.stringContaining(`field label not supported: ${field}`);
    expect(await asked("metadata.namespace")).toEqual(scope === "Cluster" ? refused("metadata.namespace") : 200);
    expect(await asked("spec.b")).toEqual(refused("spec.b"));
  }
});
