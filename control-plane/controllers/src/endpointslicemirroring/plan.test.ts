import type { Endpoints, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { expect, test } from "vitest";
import { isMirrored, plan } from "./plan.ts";

const endpoints = (subsets: Endpoints["subsets"] = [], more: Endpoints["metadata"] = {}): Endpoints => ({
  metadata: { name: "db", namespace: "default", uid: "e", ...more },
  subsets,
});
const at = (...ips: string[]) => ips.map((ip) => ({ ip }));
const ports = [{ name: "sql", port: 5432, protocol: "TCP" }];
const named = (slices: readonly EndpointSlice[]) =>
  slices.map((slice, i) => ({ ...slice, metadata: { ...slice.metadata, name: `s${i}` } }));

test("only Endpoints of a Service without selector are mirrored, and only if they may", () => {
  const service: Service = { spec: {} };
  expect(isMirrored(endpoints(), service)).toBe(true);
  expect(isMirrored(undefined, service)).toBe(false);
  expect(isMirrored(endpoints(), undefined)).toBe(false);
  expect(isMirrored(endpoints(), { spec: { selector: { a: "b" } } })).toBe(false);
  const skip = { "endpointslice.kubernetes.io/skip-mirror": "true" };
  expect(isMirrored(endpoints([], { labels: skip }), service)).toBe(false);
  const leader = { "control-plane.alpha.kubernetes.io/leader": "{}" };
  expect(isMirrored(endpoints([], { annotations: leader }), service)).toBe(false);
  expect(isMirrored(endpoints([], { deletionTimestamp: "2025-01-01T00:00:00Z" }), service)).toBe(false);
});

test("a subset becomes a slice with its labels and annotations", () => {
  const annotations = { mine: "1", "kubectl.kubernetes.io/last-applied-configuration": "{}" };
  const subsets = [{ addresses: at("10.0.0.1"), notReadyAddresses: at("10.0.0.2"), ports }];
  expect(plan(endpoints(subsets, { labels: { team: "a" }, annotations }), []).create).toEqual([
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        generateName: "db-",
        namespace: "default",
        labels: {
          team: "a",
          "kubernetes.io/service-name": "db",
          "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
        },
        annotations: { mine: "1" },
        ownerReferences: [
          { apiVersion: "v1", kind: "Endpoints", name: "db", uid: "e", controller: true, blockOwnerDeletion: true },
        ],
      },
      addressType: "IPv4",
      ports,
      endpoints: [
        { addresses: ["10.0.0.1"], conditions: { ready: true } },
        { addresses: ["10.0.0.2"], conditions: { ready: false } },
      ],
    },
  ]);
});

test("each family of addresses and each set of ports has its slice", () => {
  const subsets = [
    { addresses: at("10.0.0.1", "fd00::1"), ports },
    { addresses: at("10.0.0.2"), ports: [{ port: 80 }] },
  ];
  const { create } = plan(endpoints(subsets), []);
  const shown = create.map(({ addressType, ports: its, endpoints: all }) => [addressType, its?.[0]?.port, all?.length]);
  expect(shown).toEqual([
    ["IPv4", 80, 1],
    ["IPv4", 5432, 1],
    ["IPv6", 5432, 1],
  ]);
});

test("what is right stays, what differs is changed in place, what is left over goes", () => {
  const present = named(plan(endpoints([{ addresses: at("10.0.0.1"), ports }]), []).create);
  const same = plan(endpoints([{ addresses: at("10.0.0.1"), ports }]), present);
  expect([same.create, same.update, same.delete]).toEqual([[], [], []]);
  const more = plan(endpoints([{ addresses: at("10.0.0.1", "10.0.0.2"), ports }]), present);
  expect(more.update.map(({ metadata, endpoints: all }) => [metadata?.name, all?.length])).toEqual([["s0", 2]]);
  const other = plan(endpoints([{ addresses: at("10.0.0.1"), ports: [{ port: 80 }] }]), present);
  expect([other.create.length, other.delete.length]).toEqual([1, 1]);
  expect(plan(undefined, present).delete).toEqual(present);
});

test("names and addresses beyond the limit are left out and counted", () => {
  const ips = Array.from({ length: 1003 }, (_, i) => `10.0.${Math.floor(i / 250)}.${i % 250}`);
  const { create, invalid, excess } = plan(endpoints([{ addresses: at(...ips, "db.example.com"), ports }]), []);
  expect(create[0]?.endpoints).toHaveLength(1000);
  expect([invalid, excess]).toEqual([1, 3]);
});
