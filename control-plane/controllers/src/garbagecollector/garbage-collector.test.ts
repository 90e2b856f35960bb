import { ApiError, type KubeObject } from "@tsukube/api";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { seededRandom, startCluster } from "@tsukube/testing";
import { expect, test } from "vitest";
import { startControllers } from "../index.ts";

const version = {
  name: "v1",
  served: true,
  storage: true,
  schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
};
const definition = {
  metadata: { name: "boats.example.com" },
  spec: { group: "example.com", scope: "Namespaced", names: { plural: "boats", kind: "Boat" }, versions: [version] },
};

test("what an object owned goes with it, also when its kind is so new that nobody had discovered it", async () => {
  await using lifetime = new Lifetime();
  const { client, clock, clientAs } = lifetime.own("cluster", await startCluster());
  const groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
  const clientFor = (name: string) =>
    name === "kube-controller-manager"
      ? clientAs({ name: `system:${name}` })
      : clientAs({ name: `system:serviceaccount:kube-system:${name}`, groups });
  const common = { clock, random: seededRandom(2), logger: silentLogger };
  lifetime.own("controllers", await startControllers({ ...common, clientFor, options: { rootCa: "" } }));
  const eventually = async (check: () => Promise<unknown>): Promise<void> => {
    for (let step = 0; !(await check()); step += 1) {
      if (step === 2000) throw new Error("never");
      await clock.advance(10);
    }
  };
  const boats = client.resource<KubeObject>({ group: "example.com", version: "v1", resource: "boats" }, "default");
  const maps = client.resource<KubeObject>({ group: "", version: "v1", resource: "configmaps" }, "default");
  const isGone = (name: string) =>
    maps.get(name).then(
      () => false,
      (error: unknown) => ApiError.is(error, "NotFound"),
    );
  const discovered = async () => !(await isGone("kube-root-ca.crt")); // the controllers have begun
  await eventually(discovered);
  await client.raw("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
  await eventually(() =>
    boats.list().then(
      () => true,
      () => false,
    ),
  );
  const boat = await boats.create({ apiVersion: "example.com/v1", kind: "Boat", metadata: { name: "ark" } });
  const owner = { apiVersion: "example.com/v1", kind: "Boat", name: "ark", uid: boat.metadata?.uid ?? "" };
  await maps.create({ metadata: { name: "log", ownerReferences: [owner] } });
  await clock.advance(10);
  await boats.delete("ark");
  await clock.advance(10);
  expect(await isGone("log")).toBe(false); // nobody knows yet what a Boat is
  await eventually(() => isGone("log"));
});
