import type { Service } from "@tsukube/api/types/core-v1";
import type { IPAddress, ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startManagedCluster({ serviceCidr: "10.0.0.0/29" });
});
afterEach(() => cluster.close());

const services = () => cluster.client.resource<Service>({ group: "", version: "v1", resource: "services" }, "default");
const networking = { group: "networking.k8s.io", version: "v1" };
const ranges = () => cluster.client.resource<ServiceCIDR>({ ...networking, resource: "servicecidrs" });
const addresses = () => cluster.client.resource<IPAddress>({ ...networking, resource: "ipaddresses" });

async function serve(name: string, clusterIP?: string): Promise<string> {
  const spec = { ports: [{ port: 80 }], ...(clusterIP !== undefined && { clusterIP }) };
  return (await services().create({ metadata: { name }, spec })).spec?.clusterIP ?? "";
}

async function addRange(name: string, cidr: string): Promise<void> {
  await ranges().create({ metadata: { name }, spec: { cidrs: [cidr] } });
  await cluster.clock.settle();
}

const isFurther = (address: string): boolean => address.startsWith("10.1.0.");

test("every address of a Service is an IPAddress that names it, and goes with it", async () => {
  const address = await serve("a");
  await cluster.clock.settle();
  const { metadata, spec } = await addresses().get(address);
  expect([metadata?.labels, spec?.parentRef]).toEqual([
    { "ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" },
    { resource: "services", namespace: "default", name: "a" },
  ]);
  await services().delete("a");
  await cluster.clock.settle();
  const left = (await addresses().list()).items.map((one) => one.metadata?.name);
  expect(left).toEqual(["10.0.0.1"]);
});

test("when the first range is full, Services get addresses of a further one, which is ready before", async () => {
  await addRange("more", "10.1.0.0/28");
  const { metadata, status } = await ranges().get("more");
  expect(metadata?.finalizers).toEqual(["networking.k8s.io/service-cidr-finalizer"]);
  expect(status?.conditions?.[0]).toMatchObject({ type: "Ready", status: "True" });
  const [own] = (await ranges().get("kubernetes")).status?.conditions ?? [];
  expect(own?.message).toBe("Kubernetes Service CIDR is ready");
  const given = [];
  for (let index = 0; index < 7; index += 1) given.push(await serve(`s${index}`));
  expect([given.filter(isFurther).length, new Set(given).size]).toEqual([2, 7]);
  const free = given.includes("10.1.0.14") ? "10.1.0.13" : "10.1.0.14";
  const chosen = given.includes(free) ? "10.1.0.12" : free;
  expect(await serve("chosen", chosen)).toBe(chosen);
  await expect(serve("outside", "10.2.0.1")).rejects.toThrow(/does not match the current range/);
});

test("without a further range a full one gives nothing", async () => {
  for (let index = 0; index < 5; index += 1) await serve(`s${index}`);
  await expect(serve("last")).rejects.toThrow(/range is full/);
});

test("an address that somebody else has made an IPAddress of is not given to Services", async () => {
  await addresses().create({
    metadata: { name: "10.0.0.3" },
    spec: { parentRef: { group: "example.com", resource: "gateways", name: "g" } },
  });
  await expect(serve("s", "10.0.0.3")).rejects.toThrow(/already allocated/);
  const given = [];
  for (let index = 0; index < 4; index += 1) given.push(await serve(`s${index}`));
  expect(given).not.toContain("10.0.0.3");
});

test("a range goes only when no Service has an address of it any more", async () => {
  await addRange("more", "10.1.0.0/28");
  await serve("far", "10.1.0.5");
  await cluster.clock.settle();
  await ranges().delete("more");
  await cluster.clock.advance(20_000);
  const { status } = await ranges().get("more");
  expect(status?.conditions?.[0]).toMatchObject({ status: "False", reason: "Terminating" });
  await expect(serve("late", "10.1.0.6")).rejects.toThrow(/does not match the current range/);
  await services().delete("far");
  await cluster.clock.advance(20_000);
  await expect(ranges().get("more")).rejects.toThrow(/not found/);
});

test("once the cluster's own range is to go, Services get addresses of a further one alone", async () => {
  await addRange("more", "10.1.0.0/28");
  await ranges().delete("kubernetes");
  await cluster.clock.settle();
  expect(isFurther(await serve("late"))).toBe(true);
  await expect(serve("chosen", "10.0.0.3")).rejects.toThrow(/does not match the current range/);
});
