import { expect, test } from "vitest";
import { parseRequestInfo } from "../chain/request-info.ts";
import { type Extent, seatsFor } from "./work-estimate.ts";

const pods = "/api/v1/pods";
const THOUSAND: Extent = { objects: 1000, bytes: 500 };

function seats(method: string, path: string, extent: Extent | undefined, bySize = true, widest?: number): number {
  return seatsFor(parseRequestInfo(method, path), { widest }, { bySize, extentOf: () => extent });
}

test("a request takes one seat", () => {
  for (const [method, path] of [
    ["GET", `${pods}/x`],
    ["POST", "/api/v1/namespaces/default/pods"],
    ["GET", "/version"],
  ] as const)
    expect(seats(method, path, { objects: 1e6, bytes: 1e6 })).toBe(1);
});

test("a list takes a seat for each 100 kB that it reads, up to ten", () => {
  expect(seats("GET", pods, { objects: 0, bytes: 0 })).toBe(1);
  expect(seats("GET", pods, THOUSAND)).toBe(5);
  expect(seats("GET", `${pods}?limit=250`, THOUSAND)).toBe(2);
  expect(seats("GET", pods, { objects: 1e6, bytes: 1000 })).toBe(10);
});

test("without the gate it takes a seat for each hundred objects, up to ten", () => {
  expect(seats("GET", pods, { objects: 101, bytes: 1 }, false)).toBe(2);
  expect(seats("GET", pods, { objects: 1e6, bytes: 1 }, false)).toBe(10);
});

test("no request takes more than its priority level gives one", () => {
  expect(seats("GET", pods, THOUSAND, true, 3)).toBe(3);
});

test("a watch is as wide as a list where it begins with what is there", () => {
  expect(seats("GET", `${pods}?watch=true`, THOUSAND)).toBe(5);
  expect(seats("GET", `${pods}?watch=true&resourceVersion=0`, THOUSAND)).toBe(5);
  expect(seats("GET", `${pods}?watch=true&resourceVersion=7&sendInitialEvents=true`, THOUSAND)).toBe(5);
  expect(seats("GET", `${pods}?watch=true&resourceVersion=7`, THOUSAND)).toBe(1);
});

test("a list of what others serve takes one seat", () => {
  expect(seats("GET", "/apis/metrics.k8s.io/v1beta1/pods", undefined)).toBe(1);
});
