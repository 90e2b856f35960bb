import type { ClusterRole, PolicyRule } from "@tsukube/api/types/rbac-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { CLUSTER_ROLES, type ControllerContext } from "../context.ts";
import { isAggregated, plan } from "./plan.ts";

const MANAGER = "clusterrole-aggregation-controller";

/** Keeps the rules of each ClusterRole with an aggregationRule equal to those of the roles that it selects. */
export class ClusterRoleAggregationController {
  readonly #context: ControllerContext;
  readonly #roles: Informer<ClusterRole>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#roles = context.informers.informer<ClusterRole>(CLUSTER_ROLES);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "roles",
      startController({ name: MANAGER, queueName: "ClusterRoleAggregator", clock, logger, queues, reconcile }),
    );
    // any role may begin or cease to be part of any other
    const wake = (): void => {
      for (const role of this.#roles.list()) if (isAggregated(role)) queue.add(keyOf(role));
    };
    lifetime.add("changes", this.#roles.onChange({ added: wake, updated: wake, deleted: wake }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const role = this.#roles.get(key);
    if (role === undefined || !isAggregated(role)) return SETTLED;
    const rules = plan(role, this.#roles.list());
    if (rules !== undefined) await this.#apply(key, rules);
    return SETTLED;
  }

  /** As an apply that owns nothing but the rules: whoever changes labels meanwhile does not collide. */
  async #apply(name: string, rules: readonly PolicyRule[]): Promise<void> {
    const body = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name }, rules };
    const roles = this.#context.client.resource<ClusterRole>(CLUSTER_ROLES);
    await roles.patch(name, { type: "apply", body, fieldManager: MANAGER, force: true });
  }
}
