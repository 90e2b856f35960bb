import type { ClusterRole } from "@tsukube/api/types/rbac-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

let cluster: Cluster;
let roles: ResourceClient<ClusterRole>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  roles = cluster.client.resource({ group: "rbac.authorization.k8s.io", version: "v1", resource: "clusterroles" });
  await cluster.clock.advance(1000);
});
afterEach(() => cluster.close());

const can = async (name: string, verb: string, resource: string): Promise<boolean> =>
  ((await roles.get(name)).rules ?? []).some(
    ({ verbs, resources }) => verbs.includes(verb) && resources?.includes(resource) === true,
  );

test("view, edit and admin are filled from the bootstrap roles, each containing the one before", async () => {
  expect(await can("view", "list", "pods")).toBe(true);
  expect(await can("view", "create", "pods")).toBe(false);
  expect(await can("view", "get", "secrets")).toBe(false);
  expect(await can("edit", "list", "endpoints")).toBe(true); // by way of view
  expect(await can("edit", "create", "pods")).toBe(true);
  expect(await can("edit", "create", "rolebindings")).toBe(false);
  expect(await can("admin", "list", "endpoints")).toBe(true); // by way of edit and view
  expect(await can("admin", "create", "rolebindings")).toBe(true);
});

test("a role with the label joins, and leaves without it", async () => {
  const labels = { "rbac.authorization.k8s.io/aggregate-to-view": "true" };
  const rules = [{ verbs: ["get"], apiGroups: ["example.com"], resources: ["widgets"] }];
  await roles.create({ metadata: { name: "widgets", labels }, rules });
  await cluster.clock.advance(1000);
  expect(await Promise.all(["view", "edit", "admin"].map((name) => can(name, "get", "widgets")))).toEqual(
    Array(3).fill(true),
  );
  await roles.delete("widgets");
  await cluster.clock.advance(1000);
  expect(await Promise.all(["view", "edit", "admin"].map((name) => can(name, "get", "widgets")))).toEqual(
    Array(3).fill(false),
  );
});

test("rules written by hand into an aggregated role are replaced", async () => {
  const view = await roles.get("view");
  await roles.update({ ...view, rules: [] });
  await cluster.clock.advance(1000);
  expect((await roles.get("view")).rules).toEqual(view.rules);
});
