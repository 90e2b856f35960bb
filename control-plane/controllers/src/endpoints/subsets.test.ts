import type { EndpointSubset } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { repack, truncated } from "./subsets.ts";

const many = (count: number, from = 0) => Array.from({ length: count }, (_, i) => ({ ip: `10.0.0.${from + i}` }));
const sizes = (subsets: readonly EndpointSubset[] | undefined) =>
  subsets?.map(({ addresses, notReadyAddresses }) => [addresses?.length ?? 0, notReadyAddresses?.length ?? 0]);

test("addresses with the same ports share a subset, sorted", () => {
  const [http, dns] = [
    { name: "http", port: 80, protocol: "TCP" },
    { name: "dns", port: 53, protocol: "UDP" },
  ];
  const packed = repack([
    { addresses: [{ ip: "10.0.0.2" }, { ip: "10.0.0.1" }], ports: [http] },
    { addresses: [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }], ports: [dns] },
    { notReadyAddresses: [{ ip: "10.0.0.3" }], ports: [http] },
  ]);
  expect(packed).toEqual([
    { addresses: [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }], ports: [dns, http] },
    { notReadyAddresses: [{ ip: "10.0.0.3" }], ports: [http] },
  ]);
  expect(repack(packed)).toEqual(packed);
});

test("an address that is named both ready and not ready is not ready", () => {
  const ports = [{ port: 80 }];
  const [a] = [{ ip: "10.0.0.1" }];
  expect(repack([{ addresses: [a], notReadyAddresses: [a], ports }])).toEqual([{ notReadyAddresses: [a], ports }]);
});

test("addresses without ports stay", () => {
  expect(repack([{ addresses: [{ ip: "10.0.0.1" }] }])).toEqual([{ addresses: [{ ip: "10.0.0.1" }] }]);
  expect(repack([])).toEqual([]);
});

test("within the limit nothing is cut", () => {
  expect(truncated([{ addresses: many(5), notReadyAddresses: many(5) }], 10)).toBeUndefined();
});

test("those that are not ready are cut first, each subset by its share", () => {
  const subsets = [
    { addresses: many(4), notReadyAddresses: many(8) },
    { addresses: many(2), notReadyAddresses: many(4) },
  ];
  expect(sizes(truncated(subsets, 12))).toEqual([
    [4, 4],
    [2, 2],
  ]);
});

test("too many ready ones leave no room for others", () => {
  expect(sizes(truncated([{ addresses: many(9), notReadyAddresses: many(2) }, { addresses: many(3) }], 10))).toEqual([
    [8, 0],
    [2, 0],
  ]);
});
