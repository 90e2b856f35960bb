import type { PersistentVolumeClaim, Pod, Service } from "../../generated/types/core-v1.ts";
import type { DeviceSubRequest, ExactDeviceRequest, ResourceClaim } from "../../generated/types/resource-v1.ts";
import type { KubeObject } from "../object.ts";
import { parseQuantity, roundUpQuantity } from "../quantity.ts";
import { storageClassOf } from "../volumes/index.ts";
import { isPodName, podUsage } from "./pod-usage.ts";
import { addUsage, count, maxUsage, type Usage } from "./usage.ts";

/** A namespaced resource of the API, whatever its version. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/** Counted under their plain names too, as before there were "count/..." names. */
const PLAIN = new Set(["configmaps", "resourcequotas", "replicationcontrollers", "secrets", "services"]);
const BY_CLASS = ".storageclass.storage.k8s.io/";
const BY_DEVICE_CLASS = ".deviceclass.resource.k8s.io/devices";
const CLAIM_NAMES = ["persistentvolumeclaims", "requests.storage"];
const SERVICE_NAMES = ["services", "services.nodeports", "services.loadbalancers"];
/** The most results that one allocation of devices can have. */
const MOST_DEVICES = 32;
const BYTE = 1_000_000_000n;

/**
 * What one object uses of the quotas of its namespace, under every name that a quota may count it by.
 * @param now Ms since the epoch: pods that outlive their grace period use nothing.
 */
export function usageOf(resource: GroupResource, object: KubeObject, now: number): Usage {
  const name = keyOf(resource);
  const counted = new Map([[countNameOf(resource), count(1)]]);
  if (name === "pods") return addUsage(counted, podUsage(object as Pod, now));
  if (name === "services") return addUsage(counted, serviceUsage(object as Service));
  if (name === "persistentvolumeclaims") return addUsage(counted, claimUsage(object as PersistentVolumeClaim));
  if (name === "resourceclaims.resource.k8s.io") return addUsage(counted, deviceUsage(object as ResourceClaim));
  return PLAIN.has(name) ? addUsage(counted, new Map([[name, count(1)]])) : counted;
}

/** Those of a quota's names that objects of the resource can use. */
export function trackedNames(resource: GroupResource, names: Iterable<string>): readonly string[] {
  const counted = countNameOf(resource);
  return [...names].filter((name) => name === counted || isOwnName(keyOf(resource), name));
}

function isOwnName(resource: string, name: string): boolean {
  switch (resource) {
    case "pods":
      return isPodName(name);
    case "services":
      return SERVICE_NAMES.includes(name);
    case "persistentvolumeclaims":
      return CLAIM_NAMES.some((plain) => name === plain || name.endsWith(`${BY_CLASS}${plain}`));
    case "resourceclaims.resource.k8s.io":
      return name.endsWith(BY_DEVICE_CLASS);
    default:
      return name === resource && PLAIN.has(name);
  }
}

function keyOf({ group, resource }: GroupResource): string {
  return group === "" ? resource : `${resource}.${group}`;
}

function countNameOf(resource: GroupResource): string {
  return `count/${keyOf(resource)}`;
}

function serviceUsage({ spec }: Service): Usage {
  const ports = spec?.ports ?? [];
  const isBalanced = spec?.type === "LoadBalancer";
  const asksPorts = spec?.type === "NodePort" || (isBalanced && spec?.allocateLoadBalancerNodePorts !== false);
  // its own choice of ports counts even where none are allocated
  const chosen = isBalanced ? ports.filter(({ nodePort = 0 }) => nodePort !== 0).length : 0;
  return new Map([
    ["services", count(1)],
    ["services.nodeports", count(asksPorts ? ports.length : chosen)],
    ["services.loadbalancers", count(isBalanced ? 1 : 0)],
  ]);
}

function claimUsage(claim: PersistentVolumeClaim): Usage {
  const asked = claim.spec?.resources?.requests?.["storage"];
  const allocated = claim.status?.allocatedResources?.["storage"];
  const sizes = [asked, asked === undefined ? undefined : allocated].filter((size) => size !== undefined);
  const storage = sizes
    .map((size) => new Map([["requests.storage", roundUpQuantity(parseQuantity(size), BYTE)]]) as Usage)
    .reduce(maxUsage, new Map());
  const plain = addUsage(new Map([["persistentvolumeclaims", count(1)]]), storage);
  const className = storageClassOf(claim);
  if (className === "") return plain;
  return new Map([
    ...plain,
    ...[...plain].map(([name, amount]) => [`${className}${BY_CLASS}${name}`, amount] as const),
  ]);
}

function deviceUsage({ spec }: ResourceClaim): Usage {
  return (spec?.devices?.requests ?? [])
    .map(({ exactly, firstAvailable = [] }) =>
      exactly === undefined ? firstAvailable.map(devicesOf).reduce(maxUsage, new Map()) : devicesOf(exactly),
    )
    .reduce(addUsage, new Map());
}

/** The worst case of what a request can be given. */
function devicesOf({
  deviceClassName,
  allocationMode,
  count: wanted = 1,
}: ExactDeviceRequest | DeviceSubRequest): Usage {
  return new Map([[`${deviceClassName}${BY_DEVICE_CLASS}`, count(allocationMode === "All" ? MOST_DEVICES : wanted)]]);
}
