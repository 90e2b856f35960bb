import type { Lease } from "@tsukube/api/types/coordination-v1";
import type { Node } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { type Cancel, formatMicroTime, formatTime } from "@tsukube/foundation";
import type { Cluster } from "./cluster.ts";

const RENEW_MS = 10_000;

/** Plays the kubelets of nodes: says how they are, and gives signs of life until told to stop. */
export class NodeActor {
  readonly #cluster: Cluster;
  readonly #beats = new Map<string, Cancel>();
  readonly nodes: ResourceClient<Node>;
  readonly #leases: ResourceClient<Lease>;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.nodes = cluster.client.resource({ group: "", version: "v1", resource: "nodes" });
    const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
    this.#leases = cluster.client.resource(leases, "kube-node-lease");
  }

  /** A new node that is ready. */
  async join(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.nodes.create({ metadata: { name, labels } });
    await this.report(name);
    await this.#leases.create({ metadata: { name }, spec: { holderIdentity: name, renewTime: this.#now() } });
    this.#beat(name);
  }

  /** Says how the node is, by type of condition. */
  async report(name: string, conditions: Readonly<Record<string, string>> = { Ready: "True" }): Promise<void> {
    const lastHeartbeatTime = formatTime(this.#cluster.clock.now());
    const all = Object.entries(conditions).map(([type, status]) => ({ type, status, lastHeartbeatTime }));
    const body = { status: { conditions: all } };
    await this.nodes.patch(name, { type: "strategic", body }, { subresource: "status" });
  }

  /** From now on nothing is heard of the node. */
  stop(name: string): void {
    this.#beats.get(name)?.();
    this.#beats.delete(name);
  }

  /** The node is back. */
  async resume(name: string): Promise<void> {
    await this.report(name);
    this.#beat(name);
  }

  #beat(name: string): void {
    const body = (): object => ({ spec: { renewTime: this.#now() } });
    const renew = (): void => void this.#leases.patch(name, { type: "merge", body: body() }).catch(() => {});
    this.#beats.set(name, this.#cluster.clock.every(RENEW_MS, renew));
  }

  #now(): string {
    return formatMicroTime(this.#cluster.clock.now());
  }
}
