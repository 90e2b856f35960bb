import type { Pod, Service } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { plan } from "./plan.ts";

const service = (spec: Service["spec"] = {}, labels: Record<string, string> = {}): Service => ({
  metadata: { name: "web", namespace: "default", uid: "s", labels },
  spec: { clusterIP: "10.160.0.9", ports: [{ name: "http", port: 80, targetPort: 8080 }], ...spec },
});

function pod(index: number, { ready = true, deleted = false, phase = "Running" } = {}): Pod {
  return {
    metadata: {
      name: `p${index}`,
      namespace: "default",
      uid: `u${index}`,
      ...(deleted && { deletionTimestamp: "2025-01-01T00:00:00Z" }),
    },
    spec: { nodeName: "n", containers: [{ name: "c" }] },
    status: {
      phase,
      podIP: `10.64.${Math.floor(index / 200)}.${index % 200}`,
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

test("pods are addresses, by whether they are ready", () => {
  expect(plan(service({}, { team: "a" }), [pod(1), pod(2, { ready: false })], undefined)).toEqual({
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      name: "web",
      namespace: "default",
      labels: { team: "a", "endpoints.kubernetes.io/managed-by": "endpoint-controller" },
    },
    subsets: [
      {
        addresses: [
          {
            ip: "10.64.0.1",
            nodeName: "n",
            targetRef: { kind: "Pod", namespace: "default", name: "p1", uid: "u1" },
          },
        ],
        notReadyAddresses: [
          {
            ip: "10.64.0.2",
            nodeName: "n",
            targetRef: { kind: "Pod", namespace: "default", name: "p2", uid: "u2" },
          },
        ],
        ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      },
    ],
  });
});

test("pods that are going or have ended are none, unless all addresses are wanted", () => {
  const pods = [pod(1, { deleted: true, ready: false }), pod(2, { phase: "Failed" })];
  expect(plan(service(), pods, undefined)?.subsets).toEqual([]);
  const all = plan(service({ publishNotReadyAddresses: true }), pods, undefined)?.subsets;
  expect(all?.map(({ addresses }) => addresses?.map(({ ip }) => ip))).toEqual([["10.64.0.1"]]);
});

test("a headless Service is marked, and needs no ports", () => {
  const headless = plan(service({ clusterIP: "None", ports: [] }), [pod(1)], undefined);
  expect(headless?.metadata?.labels).toHaveProperty(["service.kubernetes.io/headless"], "");
  expect(headless?.subsets).toMatchObject([{ addresses: [{ ip: "10.64.0.1" }] }]);
  expect(headless?.subsets?.[0]).not.toHaveProperty("ports");
  expect(plan(service({ ports: [] }), [pod(1)], undefined)?.subsets).toEqual([]);
});

test("what is right stays, with annotations of others", () => {
  const made = plan(service(), [pod(1)], undefined);
  const present = { ...made, metadata: { ...made?.metadata, annotations: { mine: "1" } } };
  expect(plan(service(), [pod(1)], present)).toBeUndefined();
  expect(plan(service(), [pod(1), pod(2)], present)?.metadata?.annotations).toEqual({ mine: "1" });
  expect(plan(service({}, { team: "b" }), [pod(1)], present)?.metadata?.labels).toMatchObject({ team: "b" });
});

test("beyond a thousand addresses they are cut, which an annotation tells as long as it is so", () => {
  const pods = Array.from({ length: 1001 }, (_, index) => pod(index));
  const cut = plan(service(), pods, undefined);
  expect(cut?.subsets?.[0]?.addresses).toHaveLength(1000);
  expect(cut?.metadata?.annotations).toEqual({ "endpoints.kubernetes.io/over-capacity": "truncated" });
  expect(plan(service(), pods, cut)).toBeUndefined();
  expect(plan(service(), pods.slice(1), cut)?.metadata).not.toHaveProperty("annotations");
});

test("the name of a pod below the Service is told", () => {
  const named = pod(1);
  const withName = { ...named, spec: { ...named.spec, hostname: "a", subdomain: "web" } } as Pod;
  expect(plan(service(), [withName], undefined)?.subsets?.[0]?.addresses?.[0]?.hostname).toBe("a");
});

test.each([
  [["IPv4", "IPv6"], "10.64.0.1"],
  [["IPv6", "IPv4"], "fd00::1"],
  [undefined, "10.64.0.1"],
])("of families %j the addresses are of the first", (ipFamilies, address) => {
  const one = pod(1);
  const dual: Pod = { ...one, status: { ...one.status, podIPs: [{ ip: "10.64.0.1" }, { ip: "fd00::1" }] } };
  const subsets = plan(service(ipFamilies === undefined ? {} : { ipFamilies }), [dual], undefined)?.subsets;
  expect(subsets?.[0]?.addresses?.map(({ ip }) => ip)).toEqual([address]);
});
