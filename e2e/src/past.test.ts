import { Lifetime } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

test("objects are shown as they were, also after a restart; differences and who made them too", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "past");
  await cluster.run(["up", "--no-node", "--history", "24h"]);
  const kubectl = new Kubectl((await cluster.status()).kubeconfig);
  await kubectl.run("create configmap prices --from-literal=apple=3 --from-literal=pear=4");
  const created = await kubectl.out("get configmap prices -o jsonpath={.metadata.resourceVersion}");
  await kubectl.run("create deployment web --image=web:1");
  await kubectl.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "prices" }, data: { apple: "9" } });
  await kubectl.run("scale deployment web --replicas=3");
  await kubectl.run("delete configmap prices");

  const tsukube = async (line: string): Promise<string> => (await cluster.run(line.split(" "))).stdout;
  const look = async (): Promise<void> => {
    expect(await tsukube(`get cm prices --at ${created}`)).toContain('apple: "3"');
    await expect(cluster.run(["get", "cm", "prices"])).rejects.toThrow(/it was not there/);
    const diff = await tsukube(`diff --from ${created} -n default`);
    expect(diff).toContain("- ConfigMap default/prices");
    expect(diff).toContain("+ Deployment default/web");
    const blamed = await tsukube("blame deployment web spec.replicas");
    expect(blamed).toMatch(/^spec\.replicas +3 +kubectl\/scale +\d{4}-\d\d-\d\dT\S+Z +\d+$/m);
    expect(await tsukube("blame deployment/web spec.replicas")).toBe(blamed);
    await expect(tsukube(`get deployments.apps/web --at ${created}`)).rejects.toThrow(/it was not there/);
    expect(await tsukube("get deployments.apps/web -o name")).toBe("deployments/web\n");
    expect(await tsukube(`diff deployment/web --from ${created}`)).toMatch(/^\+ Deployment default\/web .*\n$/);
    await expect(tsukube("blame deployment/web spec.replicas more")).rejects.toThrow(/expected a kind and a name/);
    const image = await tsukube("blame deploy web spec.template.spec.containers[web].image");
    expect(image).toMatch(/web:1 +kubectl-create/);
    expect(await tsukube("blame deploy web spec.template.spec.containers[0].image")).toBe(image);
    await expect(tsukube("blame deploy web spec.template.spec.containers.image")).rejects.toThrow(
      /not set, expected such as spec\.template\.spec\.containers\[web\]/,
    );
    expect((await cluster.run(["diff", "deploy/web", "--from", "now"])).stderr).toMatch(/^0 objects differ/);
    await expect(tsukube(`diff deploy/none --from ${created}`)).rejects.toThrow(/was there neither at revision/);
    expect(await tsukube("get deploy web")).not.toContain("managedFields");
    expect(await tsukube("get deploy web -o json --show-managed-fields")).toContain("managedFields");
  };
  await look();
  await cluster.run(["down"]);
  await cluster.run(["up", "--no-node"]);
  await look();
  // clients see as much: lists of a revision that is older than this server
  const list = `/api/v1/namespaces/default/configmaps?resourceVersion=${created}&resourceVersionMatch=Exact`;
  expect(await kubectl.out(`get --raw ${list}`)).toContain('"apple":"3"');
  // what was changed or deleted is applied again as it was
  for (const line of ["create configmap prices --from-literal=apple=7", "scale deployment web --replicas=5"])
    await kubectl.run(line);
  const scaled = Number(await kubectl.out("get deployment web -o jsonpath={.metadata.resourceVersion}"));
  await kubectl.run("scale deployment web --replicas=1");
  await kubectl.apply(await tsukube(`get cm prices --at ${created} -o manifest`));
  await kubectl.apply(await tsukube(`get deployment web --at ${scaled} -o manifest`));
  expect(await kubectl.out("get configmap prices -o jsonpath={.data}")).toBe('{"apple":"3","pear":"4"}');
  expect(await kubectl.out("get deployment web -o jsonpath={.spec.replicas}")).toBe("5");
  expect((await cluster.run(["get", "cm", "--at", "1h"])).stderr).toContain("No configmaps were there");
  await expect(cluster.run(["get", "nonsense"])).rejects.toThrow(/no such resource/);
}, 120_000);
