import type { GroupVersionResource, KubeObject } from "@tsukube/api";
import type { PodTemplateSpec } from "@tsukube/api/types/core-v1";
import type { LabelSelector } from "@tsukube/api/types/meta-v1";

/** What ReplicaSets and ReplicationControllers have in common: a number of equal pods. */
export interface Replicated extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly template?: PodTemplateSpec;
  };
  readonly status?: ReplicatedStatus;
}

export interface ReplicatedStatus {
  readonly replicas: number;
  readonly fullyLabeledReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly terminatingReplicas?: number;
  readonly observedGeneration?: number;
  readonly conditions?: readonly ReplicatedCondition[];
}

export interface ReplicatedCondition {
  readonly type?: string;
  readonly status?: string;
  readonly lastTransitionTime?: string;
  readonly reason?: string;
  readonly message?: string;
}

/** One of the kinds, and what differs between them. */
export interface ReplicatedKind<T extends Replicated> {
  readonly apiVersion: string;
  /** "ReplicaSet"; in lower case the name of its controller in logs. */
  readonly kind: string;
  readonly resource: GroupVersionResource;
  /** Whether its status has terminatingReplicas. */
  readonly tellsTerminating?: boolean;
  selectorOf(owner: T): LabelSelector | undefined;
}
