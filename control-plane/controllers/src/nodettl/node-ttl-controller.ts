import { ApiError } from "@tsukube/api";
import type { Node } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { type ControllerContext, NODES } from "../context.ts";
import { secondsFor } from "./plan.ts";

const TTL = "node.alpha.kubernetes.io/ttl";

/** Tells kubelets by an annotation of their nodes for how long they may use ConfigMaps and Secrets that they have read. */
export class NodeTtlController {
  readonly #context: ControllerContext;
  readonly #nodes: Informer<Node>;
  #seconds = 0;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#nodes = context.informers.informer<Node>(NODES);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "nodes",
      startController({ name: "node-ttl", queueName: "ttlcontroller", clock, logger, queues, reconcile }),
    );
    const counted = (): void => {
      const seconds = secondsFor(this.#nodes.list().length, this.#seconds);
      if (seconds === this.#seconds) return;
      this.#seconds = seconds;
      for (const node of this.#nodes.list()) queue.add(keyOf(node));
    };
    const added = (node: Node): void => {
      counted();
      queue.add(keyOf(node));
    };
    const updated = (_: Node, now: Node): void => queue.add(keyOf(now));
    lifetime.add("changes", this.#nodes.onChange({ added, updated, deleted: counted }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const node = this.#nodes.get(key);
    const value = String(this.#seconds);
    if (node === undefined || node.metadata?.annotations?.[TTL] === value) return SETTLED;
    const body = { metadata: { annotations: { [TTL]: value } } };
    try {
      await this.#context.client.resource<Node>(NODES).patch(key, { type: "strategic", body });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }
}
