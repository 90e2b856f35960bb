import { expect, test } from "vitest";
import type { ServiceSpec } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";
import { withoutFormerType } from "./service-type.ts";

const NODE_PORT: ServiceSpec = {
  type: "NodePort",
  clusterIP: "10.0.0.7",
  clusterIPs: ["10.0.0.7"],
  ipFamilies: ["IPv4"],
  ipFamilyPolicy: "SingleStack",
  externalTrafficPolicy: "Cluster",
  internalTrafficPolicy: "Cluster",
  selector: { app: "web" },
  ports: [{ port: 80, nodePort: 30_001 }],
};
const BALANCED: ServiceSpec = {
  ...NODE_PORT,
  type: "LoadBalancer",
  externalTrafficPolicy: "Local",
  healthCheckNodePort: 30_002,
  allocateLoadBalancerNodePorts: true,
  loadBalancerClass: "example.com/own",
};

function update(old: ServiceSpec, more: Partial<ServiceSpec>): ServiceSpec {
  const status = { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } };
  const object = (spec: ServiceSpec): Unstructured => ({ metadata: { name: "web" }, spec, status }) as Unstructured;
  const next = withoutFormerType(object({ ...old, ...more }), object(old));
  const isBalanced = (more.type ?? old.type) === "LoadBalancer";
  expect(next["status"]).toEqual(isBalanced ? status : { loadBalancer: {} });
  return next["spec"] as ServiceSpec;
}

test("a Service that becomes a name elsewhere has no address and no ports of nodes any more", () => {
  expect(update(NODE_PORT, { type: "ExternalName", externalName: "a.example.com" })).toEqual({
    type: "ExternalName",
    externalName: "a.example.com",
    internalTrafficPolicy: "Cluster",
    selector: { app: "web" },
    ports: [{ port: 80 }],
  });
});

test("one that is balanced no longer loses what the balancer needed", () => {
  const {
    healthCheckNodePort: _port,
    allocateLoadBalancerNodePorts: _all,
    loadBalancerClass: _class,
    ...rest
  } = BALANCED;
  expect(update(BALANCED, { type: "NodePort" })).toEqual({ ...rest, type: "NodePort" });
  const { externalTrafficPolicy: _policy, ...inside } = rest;
  expect(update(BALANCED, { type: "ClusterIP" })).toEqual({ ...inside, type: "ClusterIP", ports: [{ port: 80 }] });
});

test("what the user changes as well stays, for validation to refuse", () => {
  const ports = [{ port: 80, nodePort: 30_009 }];
  const spec = update(NODE_PORT, { type: "ClusterIP", ports, externalTrafficPolicy: "Local" });
  expect(spec).toMatchObject({ ports, externalTrafficPolicy: "Local" });
});

test("one that keeps its type keeps everything, also one that is reached by addresses of its own", () => {
  expect(update(BALANCED, { selector: { app: "shop" } })).toEqual({ ...BALANCED, selector: { app: "shop" } });
  const spec = update(NODE_PORT, { type: "ClusterIP", externalIPs: ["1.2.3.4"] });
  expect(spec.externalTrafficPolicy).toBe("Cluster");
});
