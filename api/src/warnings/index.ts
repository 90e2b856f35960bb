import type { PersistentVolume, PodTemplateSpec, Service } from "../../generated/types/core-v1.ts";
import type { Ingress } from "../../generated/types/networking-v1.ts";
import type { Unstructured } from "../object.ts";
import type { GroupVersionKind } from "../schema.ts";
import { valueAt } from "../validation/check.ts";
import { dnsLabel } from "../validation/names.ts";
import { nodeTermWarnings, OLD_VOLUMES, podWarnings } from "./pod.ts";

/** Where kinds have pod templates. */
const TEMPLATES: Readonly<Record<string, string>> = {
  "/PodTemplate": "template",
  "/ReplicationController": "spec.template",
  "apps/DaemonSet": "spec.template",
  "apps/Deployment": "spec.template",
  "apps/ReplicaSet": "spec.template",
  "apps/StatefulSet": "spec.template",
  "batch/CronJob": "spec.jobTemplate.spec.template",
  "batch/Job": "spec.template",
};

/** Kinds whose names become part of the names of pods. */
const NAMING = new Set(["/ReplicationController", "apps/Deployment", "apps/ReplicaSet", "batch/CronJob", "batch/Job"]);

/** Old volume plugins that upstream warns of in PersistentVolumes. */
const OLD_PERSISTENT = new Set<string>(["cephfs", "photonPersistentDisk", "scaleIO", "storageos", "glusterfs", "rbd"]);

/**
 * Warnings for whoever writes an object of a built-in kind: accepted, but old or probably not meant. As upstream words them.
 * @param old The object before an update; undefined for a new one.
 */
export function warningsOf(kind: GroupVersionKind, object: Unstructured, old: Unstructured | undefined): string[] {
  const name = `${kind.group}/${kind.kind}`;
  const at = TEMPLATES[name];
  if (at !== undefined) return workloadWarnings(name, at, object, old);
  switch (name) {
    case "/Pod":
      return old === undefined ? [...nameWarnings(object, "the Pod's hostname"), ...podWarnings(object, "")] : [];
    case "/PersistentVolume":
      return volumeWarnings(object as PersistentVolume & Unstructured);
    case "/Service":
      return serviceWarnings(object as Service);
    case "networking.k8s.io/Ingress":
      return old === undefined ? ingressWarnings(object as Ingress & Unstructured) : [];
    default:
      return [];
  }
}

function workloadWarnings(name: string, at: string, object: Unstructured, old: Unstructured | undefined): string[] {
  if (old !== undefined && old.metadata?.generation === object.metadata?.generation) return [];
  const template = (valueAt(object, at) ?? {}) as PodTemplateSpec;
  const own = old === undefined && NAMING.has(name) ? nameWarnings(object, "Pod names and hostnames") : [];
  return [...own, ...podWarnings(template, at)];
}

function nameWarnings(object: Unstructured, use: string): string[] {
  const problems = dnsLabel(object.metadata?.name ?? "");
  if (problems.length === 0) return [];
  return [
    `metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${problems.join(" ")}]`,
  ];
}

function serviceWarnings({ metadata, spec = {} }: Service): string[] {
  const warnings: string[] = [];
  const hints = "service.kubernetes.io/topology-aware-hints";
  const external = (spec.externalIPs ?? []).length > 0;
  if (metadata?.annotations?.[hints] !== undefined)
    warnings.push(`annotation ${hints} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  const isHeadless = spec.type === "ClusterIP" && spec.clusterIP === "None";
  if (isHeadless) {
    if ((spec.loadBalancerIP ?? "") !== "") warnings.push("spec.loadBalancerIP is ignored for headless services");
    if (external) warnings.push("spec.externalIPs is ignored for headless services");
    if (spec.sessionAffinity !== "None") warnings.push("spec.SessionAffinity is ignored for headless services");
  }
  if (external && !isHeadless && spec.type !== "ExternalName")
    warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  if (external && spec.type === "ExternalName")
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (spec.type !== "ExternalName" && (spec.externalName ?? "") !== "")
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === "PreferClose")
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}

function volumeWarnings({ spec }: PersistentVolume): string[] {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return [
    ...(spec?.persistentVolumeReclaimPolicy === "Recycle"
      ? [
          "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
        ]
      : []),
    ...terms.flatMap((term, index) => nodeTermWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`)),
    ...OLD_VOLUMES.filter(([source]) => OLD_PERSISTENT.has(source)).flatMap(([source, why]) => {
      const member = source as keyof typeof spec;
      return spec?.[member] ? [`spec.${source === "storageos" ? "storageOS" : source}: ${why}`] : [];
    }),
  ];
}

function ingressWarnings({ metadata, spec }: Ingress): string[] {
  const annotation = "kubernetes.io/ingress.class";
  if (metadata?.annotations?.[annotation] === undefined || spec?.ingressClassName) return [];
  return [`annotation "${annotation}" is deprecated, please use 'spec.ingressClassName' instead`];
}
