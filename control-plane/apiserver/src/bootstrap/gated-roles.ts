import type { FeatureGates } from "@tsukube/api";
import type { PolicyRule } from "@tsukube/api/types/rbac-v1";
import type { BootstrapObjects } from "./bootstrap.ts";

const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];
const SCHEDULING = "scheduling.k8s.io";
const DEVICES = "resource.k8s.io";

const VIEW = "system:aggregate-to-view";
const EDIT = "system:aggregate-to-edit";
const SCHEDULER = "system:kube-scheduler";
const CONTROLLER = "system:controller:";

function rule(verbs: readonly string[], group: string, ...resources: readonly string[]): PolicyRule {
  return { verbs, apiGroups: [group], resources };
}

const events: PolicyRule = {
  verbs: ["create", "patch", "update"],
  apiGroups: ["", "events.k8s.io"],
  resources: ["events"],
};

/** By gate: what upstream's roles allow besides while it is on. */
const RULES: Readonly<Record<string, Readonly<Record<string, readonly PolicyRule[]>>>> = {
  GenericWorkload: {
    [VIEW]: [rule(READ, SCHEDULING, "podgroups", "podgroups/status", "workloads")],
    [EDIT]: [rule(WRITE, SCHEDULING, "podgroups", "workloads")],
    [SCHEDULER]: [rule(READ, SCHEDULING, "podgroups"), rule(["patch", "update"], SCHEDULING, "podgroups/status")],
    [`${CONTROLLER}podgroup-protection-controller`]: [
      rule(["get", "list", "update", "watch"], SCHEDULING, "podgroups"),
      rule(READ, "", "pods"),
    ],
  },
  CompositePodGroup: {
    [VIEW]: [rule(READ, SCHEDULING, "compositepodgroups", "compositepodgroups/status")],
    [EDIT]: [rule(WRITE, SCHEDULING, "compositepodgroups")],
    [SCHEDULER]: [
      rule(READ, SCHEDULING, "compositepodgroups"),
      rule(["patch", "update"], SCHEDULING, "compositepodgroups/status"),
    ],
  },
  EvictionRequestAPI: {
    [VIEW]: [rule(READ, "lifecycle.k8s.io", "evictionrequests", "evictions")],
    [EDIT]: [rule(WRITE, "lifecycle.k8s.io", "evictionrequests")],
  },
  CSIVolumeHealth: { "system:node": [rule(["get", "patch", "update"], "storage.k8s.io", "csinodes/status")] },
  DRAWorkloadResourceClaims: {
    [`${CONTROLLER}resource-claim-controller`]: [
      rule(READ, SCHEDULING, "podgroups"),
      rule(["patch", "update"], SCHEDULING, "podgroups/status"),
    ],
  },
  WorkloadWithJob: {
    [`${CONTROLLER}job-controller`]: [
      rule(["create", "get", "list", "patch", "update", "watch"], SCHEDULING, "podgroups", "workloads"),
    ],
  },
  DRAResourcePoolStatus: {
    [`${CONTROLLER}resourcepoolstatusrequest-controller`]: [
      rule(["delete", ...READ], DEVICES, "resourcepoolstatusrequests"),
      rule(["patch", "update"], DEVICES, "resourcepoolstatusrequests/status"),
      rule(READ, DEVICES, "resourceslices"),
      rule(READ, DEVICES, "resourceclaims"),
      rule(READ, DEVICES, "devicetaintrules"),
      events,
    ],
  },
  StorageVersionAPI: {
    [`${CONTROLLER}storage-version-garbage-collector`]: [
      rule(READ, "coordination.k8s.io", "leases"),
      rule(["delete", "get", "list", "patch", "update", "watch"], "internal.apiserver.k8s.io", "storageversions"),
      rule(["get", "patch", "update"], "internal.apiserver.k8s.io", "storageversions/status"),
    ],
  },
};

const OWN = {
  labels: { "kubernetes.io/bootstrapping": "rbac-defaults" },
  annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
};

/** What the gates that are on add to upstream's roles, and the bindings of controllers that come with them; as `bootstrap` takes it. */
export function gatedRoles(gates: FeatureGates): BootstrapObjects {
  const rules = new Map<string, readonly PolicyRule[]>();
  for (const [gate, roles] of Object.entries(RULES)) {
    if (!gates.isOn(gate)) continue;
    for (const [name, more] of Object.entries(roles)) rules.set(name, [...(rules.get(name) ?? []), ...more]);
  }
  const controllers = [...rules.keys()].filter((name) => name.startsWith(CONTROLLER));
  return {
    "rbac.authorization.k8s.io/v1 clusterroles": [...rules].map(([name, all]) => ({
      metadata: { name, ...OWN },
      rules: all,
    })),
    "rbac.authorization.k8s.io/v1 clusterrolebindings": controllers.map((name) => ({
      metadata: { name, ...OWN },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name: name.slice(CONTROLLER.length), namespace: "kube-system" }],
    })),
  };
}
