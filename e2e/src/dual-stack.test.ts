import { Lifetime } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const service = (name: string, spec: object) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});

test("a cluster with one network of Services takes one of the other family too, and keeps both", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "dual-stack");
  const up = (...networks: readonly string[]) =>
    cluster.run(["up", "--no-node", ...networks.flatMap((network) => ["--service-cidr", network])]);
  await expect(up("10.96.0.0/16,10.97.0.0/16")).rejects.toThrow(
    /both networks are IPv4, expected one of each IP family/,
  );
  await up("10.96.0.0/16");
  const kubectl = new Kubectl((await cluster.status()).kubeconfig);
  const addressesOf = (name: string) => kubectl.out(`get service ${name} -o jsonpath={.spec.clusterIPs[*]}`);
  await kubectl.apply(service("old", { ipFamilyPolicy: "PreferDualStack" }));
  expect(await addressesOf("old")).toMatch(/^10\.96\.\d+\.\d+$/);
  await expect(kubectl.apply(service("both", { ipFamilyPolicy: "RequireDualStack" }))).rejects.toThrow(
    /this cluster is not configured for dual-stack services/,
  );
  await expect(up("fd00:96::/112,10.96.0.0/16")).rejects.toThrow(
    /its Services have 10\.96\.0\.0\/16, expected the same, and a network of the other IP family after it/,
  );
  await up("10.96.0.0/16,fd00:96::/112");
  expect(await kubectl.out("get servicecidr kubernetes -o jsonpath={.spec.cidrs[*]}")).toBe(
    "10.96.0.0/16 fd00:96::/112",
  );
  await kubectl.apply(service("both", { ipFamilyPolicy: "RequireDualStack" }));
  expect(await addressesOf("both")).toMatch(/^10\.96\.\d+\.\d+ fd00:96::[0-9a-f]+$/);
  expect(await addressesOf("old")).not.toContain(" ");
  await cluster.run(["down"]);
  await up();
  await kubectl.apply(service("more", { ipFamilies: ["IPv6"] }));
  expect(await addressesOf("more")).toMatch(/^fd00:96::[0-9a-f]+$/);
  await expect(up("10.96.0.0/16")).rejects.toThrow(/expected the same/);
}, 120_000);

test("a cluster whose Services have IPv6 first has the API server at an IPv6 address", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "six-first");
  await cluster.run(["up", "--no-node", "--service-cidr", "fd00:97::/112,10.97.0.0/16"]);
  const kubectl = new Kubectl((await cluster.status()).kubeconfig);
  const port = new URL((await cluster.status()).apiServer).port;
  expect(await kubectl.out("get service kubernetes -o jsonpath={.spec.clusterIPs[*]}")).toBe("fd00:97::1");
  const slice = "get endpointslice kubernetes -o jsonpath={.addressType},{.endpoints[*].addresses[*]},{.ports[*].port}";
  expect(await kubectl.out(slice)).toBe(`IPv6,::1,${port}`);
  const version = await kubectl.out(`get --raw /version --server https://[::1]:${port}`);
  expect(JSON.parse(version)).toMatchObject({ major: "1" });
}, 120_000);
