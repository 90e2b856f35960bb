import { nodeUpdate } from "../core/node.ts";
import type { UpdateCheck } from "../kind-rules.ts";
import { claimStatus } from "./claim.ts";
import * as cluster from "./cluster.ts";
import { jobStatus } from "./job.ts";
import { ingressStatus, serviceStatus } from "./load-balancer.ts";
import { podStatus } from "./pod.ts";
import { poolStatus } from "./pool.ts";
import * as workloads from "./workloads.ts";

/** What may be written to the status endpoint of a kind, by "<group>/<Kind>". */
export const STATUSES = {
  "/Namespace": cluster.namespaceStatus,
  "/Node": nodeUpdate,
  "/Pod": podStatus,
  "/ReplicationController": workloads.replicationControllerStatus,
  "/Service": serviceStatus,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": cluster.policyStatus,
  "apiextensions.k8s.io/CustomResourceDefinition": cluster.definitionStatus,
  "apiregistration.k8s.io/APIService": cluster.apiServiceStatus,
  "apps/DaemonSet": workloads.daemonSetStatus,
  "apps/Deployment": workloads.deploymentStatus,
  "apps/ReplicaSet": workloads.replicaSetStatus,
  "apps/StatefulSet": workloads.statefulSetStatus,
  "autoscaling/HorizontalPodAutoscaler": workloads.autoscalerStatus,
  "batch/Job": jobStatus,
  "certificates.k8s.io/PodCertificateRequest": cluster.podCertificateStatus,
  "flowcontrol.apiserver.k8s.io/FlowSchema": cluster.flowStatus,
  "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": cluster.flowStatus,
  "networking.k8s.io/Ingress": ingressStatus,
  "policy/PodDisruptionBudget": cluster.budgetStatus,
  "resource.k8s.io/DeviceTaintRule": cluster.taintRuleStatus,
  "resource.k8s.io/ResourceClaim": claimStatus,
  "resource.k8s.io/ResourcePoolStatusRequest": poolStatus,
  "storage.k8s.io/VolumeAttachment": cluster.attachmentStatus,
  "storagemigration.k8s.io/StorageVersionMigration": cluster.migrationStatus,
} satisfies Readonly<Record<string, UpdateCheck>>;
