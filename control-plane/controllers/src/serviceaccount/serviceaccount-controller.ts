import { ApiError } from "@tsukube/api";
import type { Namespace, ServiceAccount } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { type ControllerContext, NAMESPACES, SERVICE_ACCOUNTS } from "../context.ts";

/** Keeps a ServiceAccount "default" in each active namespace. */
export class ServiceAccountController {
  readonly #context: ControllerContext;
  readonly #namespaces: Informer<Namespace>;
  readonly #accounts: Informer<ServiceAccount>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#namespaces = context.informers.informer<Namespace>(NAMESPACES);
    this.#accounts = context.informers.informer<ServiceAccount>(SERVICE_ACCOUNTS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "accounts",
      startController({ name: "serviceaccount", clock, logger, queues, reconcile }),
    );
    const add = (namespace: Namespace): void => queue.add(keyOf(namespace));
    lifetime.add("namespaces", this.#namespaces.onChange({ added: add, updated: (_, namespace) => add(namespace) }));
    const deleted = (account: ServiceAccount): void => queue.add(account.metadata?.namespace ?? "");
    lifetime.add("deletions", this.#accounts.onChange({ deleted }));
  }

  async reconcile(namespace: Key): Promise<Outcome> {
    if (this.#namespaces.get(namespace)?.status?.phase !== "Active") return SETTLED;
    if (this.#accounts.get(`${namespace}/default`) !== undefined) return SETTLED;
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } };
    try {
      await this.#context.client.resource<ServiceAccount>(SERVICE_ACCOUNTS, namespace).create(account);
    } catch (error) {
      if (!ApiError.is(error, "AlreadyExists")) throw error;
    }
    return SETTLED;
  }
}
