import type { Binding, Pod, PodStatus } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import type { Cluster } from "./cluster.ts";

/** Plays scheduler and kubelet for the pods of one namespace, as far as a test tells it to. */
export class PodActor {
  readonly #cluster: Cluster;
  readonly pods: ResourceClient<Pod>;

  constructor(cluster: Cluster, namespace = "default") {
    this.#cluster = cluster;
    this.pods = cluster.client.resource({ group: "", version: "v1", resource: "pods" }, namespace);
  }

  /** Pods that are there, those on their way out included. */
  async list(): Promise<readonly Pod[]> {
    return (await this.pods.list()).items;
  }

  async names(): Promise<readonly string[]> {
    return (await this.list()).map(({ metadata }) => metadata?.name ?? "").sort();
  }

  /** As the scheduler does: from now on only `release` takes the pod away. */
  async bind(pod: Pod, node: string): Promise<void> {
    const name = pod.metadata?.name ?? "";
    const target = { apiVersion: "v1", kind: "Node", name: node };
    await this.pods.createSubresource(name, "binding", { metadata: { name }, target } as Binding);
  }

  /** As a kubelet does when the containers of a deleted pod are gone. */
  async release(pod: Pod): Promise<void> {
    await this.pods.delete(pod.metadata?.name ?? "", { gracePeriodSeconds: 0 });
  }

  async ready(pod: Pod): Promise<void> {
    await this.report(pod, "Running", true);
  }

  async unready(pod: Pod): Promise<void> {
    await this.report(pod, "Running", false);
  }

  async fail(pod: Pod): Promise<void> {
    await this.report(pod, "Failed", false);
  }

  /** Makes the pending pods ready that `which` accepts. @returns how many. */
  async act(which: (pod: Pod) => boolean = () => true): Promise<number> {
    const todo = (await this.list()).filter((pod) => pod.status?.phase === "Pending" && which(pod));
    for (const pod of todo) await this.ready(pod);
    await this.#cluster.clock.advance(1000);
    return todo.length;
  }

  /** Acts until nothing is left to do. @throws when that takes more than 100 rounds. */
  async settle(which?: (pod: Pod) => boolean): Promise<void> {
    for (let round = 0; (await this.act(which)) > 0; round += 1) {
      if (round > 100) throw new Error("the pods do not settle");
    }
  }

  async report(pod: Pod, phase: string, isReady: boolean): Promise<void> {
    const lastTransitionTime = formatTime(this.#cluster.clock.now());
    const ready = { type: "Ready", status: isReady ? "True" : "False", lastTransitionTime };
    const status: PodStatus = { ...pod.status, phase, conditions: [ready] };
    await this.pods.updateStatus({ ...pod, status });
  }
}
