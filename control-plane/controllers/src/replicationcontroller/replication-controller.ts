import type { ReplicationController } from "@tsukube/api/types/core-v1";
import { type ControllerContext, REPLICATION_CONTROLLERS } from "../context.ts";
import { ReplicatedController } from "../replicaset/replicated-controller.ts";

/** Keeps the number of active pods of each ReplicationController equal to `spec.replicas`. */
export class ReplicationManager extends ReplicatedController<ReplicationController> {
  constructor(context: ControllerContext) {
    super(context, {
      apiVersion: "v1",
      kind: "ReplicationController",
      resource: REPLICATION_CONTROLLERS,
      selectorOf: ({ spec }) => (spec?.selector === undefined ? undefined : { matchLabels: spec.selector }),
    });
  }
}
