import type { ResourceInfo } from "@tsukube/api";

/** What is served, but acted on by nothing of Tsukube's; by "group/resource", or by group where all of it is meant. */
const UNRECONCILED = new Set([
  "coordination.k8s.io/leasecandidates",
  "internal.apiserver.k8s.io",
  "lifecycle.k8s.io",
  "networking.k8s.io/networkpolicies",
  "resource.k8s.io",
  "scheduling.k8s.io/compositepodgroups",
  "scheduling.k8s.io/podgroups",
  "scheduling.k8s.io/workloads",
  "storage.k8s.io/csidrivers",
  "storage.k8s.io/csinodes",
  "storage.k8s.io/csistoragecapacities",
  "storage.k8s.io/volumeattachments",
  "storage.k8s.io/volumeattributesclasses",
]);

/** The warning for everyone who writes an object that changes nothing yet; undefined: it does. */
export function noticeOf({ group, resource, kind }: ResourceInfo): string | undefined {
  if (!UNRECONCILED.has(group) && !UNRECONCILED.has(`${group}/${resource}`)) return undefined;
  return `Tsukube does not act on a ${kind} yet: it is stored, for others who do`;
}
