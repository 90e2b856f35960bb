import type { Transport } from "@tsukube/client";
import { beforeAll, expect, test } from "vitest";
import { EVERYTHING, pathOf, RECORDED_OBJECTS, recorder, send } from "./recorded-cluster.ts";

let transport: Transport;
beforeAll(async () => {
  ({ transport } = await recorder(EVERYTHING));
});

test.each([
  ["networking.k8s.io/v1 networkpolicies", "NetworkPolicy"],
  ["scheduling.k8s.io/v1beta1 workloads", "Workload"],
  ["resource.k8s.io/v1 resourceclaims", "ResourceClaim"],
])("who writes %s is told that nothing acts on it", async (name, kind) => {
  const { path, apiVersion } = pathOf(name);
  const created = await send(transport, "POST", path, { ...RECORDED_OBJECTS[name]!.in, apiVersion, kind });
  const told = `Tsukube does not act on a ${kind} yet: it is stored, for others who do`;
  expect(created).toMatchObject({ code: 201, warnings: [told] });
  const at = `${path}/${created.object.metadata?.name}`;
  expect(await send(transport, "PUT", at, created.object)).toMatchObject({ code: 200, warnings: [told] });
  expect(await send(transport, "GET", at)).toMatchObject({ code: 200, warnings: [] });
});

test("who writes what is acted on is told nothing", async () => {
  const { path } = pathOf("v1 configmaps");
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" } };
  expect(await send(transport, "POST", path, map)).toMatchObject({ code: 201, warnings: [] });
});
