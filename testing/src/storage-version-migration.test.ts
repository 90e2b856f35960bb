import type { Unstructured } from "@tsukube/api";
import type { CustomResourceDefinition } from "@tsukube/api/types/apiextensions-v1";
import type { StorageVersionMigration } from "@tsukube/api/types/storagemigration-v1";
import { MemoryStore } from "@tsukube/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { VirtualClock } from "./virtual-clock.ts";

let store: MemoryStore;
let cluster: Cluster;
beforeEach(async () => {
  store = new MemoryStore({ clock: new VirtualClock() });
  cluster = await startManagedCluster({ store });
});
afterEach(() => cluster.close());

const definitions = () =>
  cluster.client.resource<CustomResourceDefinition>({
    group: "apiextensions.k8s.io",
    version: "v1",
    resource: "customresourcedefinitions",
  });
const migrations = () =>
  cluster.client.resource<StorageVersionMigration>({
    group: "storagemigration.k8s.io",
    version: "v1",
    resource: "storageversionmigrations",
  });
const hosts = (version: string) =>
  cluster.client.resource<Unstructured>({ group: "example.com", version, resource: "hosts" }, "default");

function definition(stored: string): CustomResourceDefinition {
  const openAPIV3Schema = { type: "object", properties: { a: { type: "string" } } };
  const versions = ["v1", "v2", "v3"].map((name) => ({
    name,
    served: true,
    storage: name === stored,
    schema: { openAPIV3Schema },
  }));
  const names = { plural: "hosts", singular: "host", kind: "Host", listKind: "HostList" };
  return {
    metadata: { name: "hosts.example.com" },
    spec: { group: "example.com", scope: "Namespaced", names, versions },
  };
}

async function migrate(
  group: string,
  resource: string,
  name = "m",
): Promise<readonly (readonly [string, string, string])[]> {
  await migrations().create({ metadata: { name }, spec: { resource: { group, resource } } });
  await cluster.clock.advance(2000);
  return verdicts(name);
}

async function verdicts(name = "m") {
  const { status } = await migrations().get(name);
  return (status?.conditions ?? []).map(({ type, status: is, reason }) => [type, is, reason] as const);
}

/** Has a policy refuse whatever changes hosts, or no longer. */
async function refuseUpdates(isRefused: boolean): Promise<void> {
  const name = "no-updates";
  const admission = (resource: string) =>
    cluster.client.resource<Unstructured>({ group: "admissionregistration.k8s.io", version: "v1", resource });
  const [policies, bindings] = [
    admission("validatingadmissionpolicies"),
    admission("validatingadmissionpolicybindings"),
  ];
  if (!isRefused) {
    for (const each of [bindings, policies]) await each.delete(name);
  } else {
    const rule = { apiGroups: ["example.com"], apiVersions: ["*"], resources: ["hosts"], operations: ["UPDATE"] };
    const spec = { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: "false" }] };
    await policies.create({ metadata: { name }, spec } as never);
    await bindings.create({ metadata: { name }, spec: { policyName: name, validationActions: ["Deny"] } } as never);
  }
  await cluster.clock.advance(1000);
}

/** The versions that objects lie in. */
async function lying(): Promise<readonly string[]> {
  const { records } = await store.range("/registry/example.com/hosts/");
  return records.map(({ value }) => (JSON.parse(Buffer.from(value).toString()) as Unstructured).apiVersion ?? "");
}

/** What a definition says of the migration of its objects. */
const migrating = ({ status }: CustomResourceDefinition): readonly string[] =>
  (status?.conditions ?? [])
    .filter(({ type }) => type === "StorageMigrating")
    .map(({ status: is, reason, message, observedGeneration }) => [is, reason, message, observedGeneration].join(" "));

const DONE = [
  ["Running", "False", "MigrationCompleted"],
  ["Succeeded", "True", "StorageVersionMigrationSucceeded"],
];

test("objects of a custom resource are written in the version that is stored now, which then is the only one", async () => {
  await definitions().create(definition("v1"));
  await cluster.clock.advance(1000);
  for (let index = 0; index < 3; index += 1)
    await hosts("v1").create({ apiVersion: "example.com/v1", kind: "Host", metadata: { name: `h${index}` } } as never);
  const live = await definitions().get("hosts.example.com");
  await definitions().update({ ...live, spec: definition("v2").spec! });
  await cluster.clock.advance(1000);
  expect(await lying()).toEqual(Array(3).fill("example.com/v1"));
  expect((await definitions().get("hosts.example.com")).status?.storedVersions).toEqual(["v1", "v2"]);
  const before = await hosts("v2").get("h0");

  const told: string[] = [];
  const stop = new AbortController();
  void (async () => {
    for await (const { object } of definitions().watch({ signal: stop.signal }))
      told.push(...migrating(object as CustomResourceDefinition));
  })().catch(() => {});
  expect(await migrate("example.com", "hosts")).toEqual(DONE);
  stop.abort();
  expect(told).toContain("True MigrationRunning Migration m is running 2");
  expect(migrating(await definitions().get("hosts.example.com"))).toEqual([
    "False MigrationSucceeded The migration has succeeded and the stored versions have been updated 2",
  ]);
  expect(await lying()).toEqual(Array(3).fill("example.com/v2"));
  expect((await definitions().get("hosts.example.com")).status?.storedVersions).toEqual(["v2"]);
  const after = await hosts("v2").get("h0");
  expect({ ...after.metadata, resourceVersion: "" }).toEqual({ ...before.metadata, resourceVersion: "" });
});

test("until all objects are written again, a definition keeps saying in which versions they may lie", async () => {
  const storeIn = async (version: string): Promise<void> => {
    const live = await definitions().get("hosts.example.com");
    await definitions().update({ ...live, spec: definition(version).spec! });
    await cluster.clock.advance(1000);
  };
  const said: string[] = [];
  const stored = async () => (await definitions().get("hosts.example.com")).status?.storedVersions;
  await definitions().create(definition("v1"));
  await cluster.clock.advance(1000);
  await hosts("v1").create({ apiVersion: "example.com/v1", kind: "Host", metadata: { name: "h" } } as never);
  await storeIn("v2");
  expect(await migrate("example.com", "hosts")).toEqual(DONE);
  await storeIn("v3");
  expect(await stored()).toEqual(["v2", "v3"]);

  const stop = new AbortController();
  void (async () => {
    for await (const { object } of definitions().watch({ signal: stop.signal })) {
      const { status } = object as CustomResourceDefinition;
      const [progress = ""] = migrating(object as CustomResourceDefinition);
      said.push(`${progress.split(" ")[1]}: ${status?.storedVersions?.join(" ")}`);
    }
  })().catch(() => {});
  await refuseUpdates(true);
  expect(await migrate("example.com", "hosts", "refused")).toEqual([
    ["Running", "False", "MigrationCompleted"],
    ["Failed", "True", "StorageVersionMigrationFailed"],
  ]);
  expect(await lying()).toEqual(["example.com/v2"]);
  expect(await stored()).toEqual(["v2", "v3"]);
  await refuseUpdates(false);
  expect(await migrate("example.com", "hosts", "again")).toEqual(DONE);
  expect(await lying()).toEqual(["example.com/v3"]);
  expect(await stored()).toEqual(["v3"]);
  stop.abort();
  expect(said).toEqual(expect.arrayContaining(["MigrationRunning: v2 v3", "MigrationFailed: v2 v3"]));
  expect(said).not.toContain("MigrationRunning: v3");
});

test("objects that lie as they should are not touched", async () => {
  const secrets = cluster.client.resource<Unstructured>({ group: "", version: "v1", resource: "secrets" }, "default");
  const made = await secrets.create({ metadata: { name: "s" } } as never);
  expect(await migrate("", "secrets")).toEqual(DONE);
  expect((await secrets.get("s")).metadata?.resourceVersion).toBe(made.metadata?.resourceVersion);
});

test("a resource that nobody serves fails, once there was time to define it", async () => {
  expect(await migrate("example.com", "widgets")).toEqual([]);
  await cluster.clock.advance(70_000);
  expect(await verdicts()).toEqual([
    ["Running", "False", "MigrationCompleted"],
    ["Failed", "True", "StorageVersionMigrationFailed"],
  ]);
});
