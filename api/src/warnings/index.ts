import type { Pod } from "../../generated/types/core-v1.ts";
import type { Unstructured } from "../object.ts";
import type { GroupVersionKind } from "../schema.ts";
import { addressWarnings } from "./addresses.ts";
import {
  nodeWarnings,
  quotaWarnings,
  resourceSliceWarnings,
  runtimeClassWarnings,
  serviceAccountWarnings,
  staticNameWarnings,
  webhookWarnings,
} from "./cluster.ts";
import {
  balancerWarnings,
  endpointsWarnings,
  ingressWarnings,
  networkPolicyWarnings,
  serviceWarnings,
  sliceWarnings,
} from "./networking.ts";
import { podWarnings } from "./pod.ts";
import {
  claimWarnings,
  driverWarnings,
  persistentVolumeWarnings,
  storageCapacityWarnings,
  storageClassWarnings,
} from "./storage.ts";
import { isWorkload, nameWarnings, workloadWarnings } from "./workloads.ts";

/** @param old The object before an update; undefined for a new one. */
type Warner = (object: never, old: Unstructured | undefined) => readonly string[];

const onlyNew =
  (warn: (object: never) => readonly string[]): Warner =>
  (object, old) =>
    old === undefined ? warn(object) : [];
const staticName: Warner = (object, old) => (old === undefined ? [] : staticNameWarnings(object));
const webhooks: Warner = (object, old) => [...staticName(object, old), ...webhookWarnings(object)];

const WARNERS: Readonly<Record<string, Warner>> = {
  "/Endpoints": endpointsWarnings,
  "/Node": nodeWarnings,
  "/PersistentVolume": persistentVolumeWarnings,
  "/PersistentVolumeClaim": claimWarnings,
  "/Pod": onlyNew((pod: Unstructured) => [...nameWarnings(pod, "the Pod's hostname"), ...podWarnings(pod, "")]),
  "/Pod status": (pod: Pod) => podStatusWarnings(pod),
  "/ResourceQuota": onlyNew(quotaWarnings),
  "/Service": serviceWarnings,
  "/Service status": balancerWarnings,
  "/ServiceAccount": (account: never, old) => serviceAccountWarnings(account, old as never),
  "admissionregistration.k8s.io/MutatingAdmissionPolicy": staticName,
  "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": staticName,
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": webhooks,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": staticName,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": staticName,
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": webhooks,
  "discovery.k8s.io/EndpointSlice": (slice: never, old) => sliceWarnings(slice, old === undefined),
  "networking.k8s.io/Ingress": onlyNew(ingressWarnings),
  "networking.k8s.io/Ingress status": balancerWarnings,
  "networking.k8s.io/NetworkPolicy": networkPolicyWarnings,
  "node.k8s.io/RuntimeClass": runtimeClassWarnings,
  "resource.k8s.io/ResourceSlice": resourceSliceWarnings,
  "storage.k8s.io/CSIDriver": (driver: never, old) => driverWarnings(driver, old as never),
  "storage.k8s.io/CSIStorageCapacity": storageCapacityWarnings,
  "storage.k8s.io/StorageClass": storageClassWarnings,
};

/**
 * Warnings for whoever writes an object of a built-in kind: accepted, but old or probably not meant. As upstream words them.
 * @param old The object before an update; undefined for a new one.
 * @param subresource What is written of it; "" for the whole.
 */
export function warningsOf(
  kind: GroupVersionKind,
  object: Unstructured,
  old: Unstructured | undefined,
  subresource = "",
): readonly string[] {
  const name = `${kind.group}/${kind.kind}`;
  if (subresource === "" && isWorkload(name)) return workloadWarnings(name, object, old);
  return WARNERS[subresource === "" ? name : `${name} ${subresource}`]?.(object as never, old) ?? [];
}

function podStatusWarnings({ status }: Pod): readonly string[] {
  return (["podIPs", "hostIPs"] as const).flatMap((list) =>
    (status?.[list] ?? []).flatMap(({ ip }, index) => addressWarnings(ip, `status.${list}[${index}].ip`)),
  );
}
