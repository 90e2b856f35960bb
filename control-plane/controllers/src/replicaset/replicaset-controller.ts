import type { ReplicaSet } from "@tsukube/api/types/apps-v1";
import { type ControllerContext, REPLICA_SETS } from "../context.ts";
import { ReplicatedController } from "./replicated-controller.ts";

/** Keeps the number of active pods of each ReplicaSet equal to `spec.replicas`. */
export class ReplicaSetController extends ReplicatedController<ReplicaSet> {
  /** @param tellsTerminating Of the gate DeploymentReplicaSetTerminatingReplicas. */
  constructor(context: ControllerContext, tellsTerminating: boolean) {
    super(context, {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      resource: REPLICA_SETS,
      tellsTerminating,
      selectorOf: (set) => set.spec?.selector,
    });
  }
}
