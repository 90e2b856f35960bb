import type { Node, Pod } from "@tsukube/api/types/core-v1";
import { type Amounts, add, allocatableOf, podRequests, scoringRequests } from "./resources.ts";

/** A host port that a pod occupies. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** What the scheduler keeps of a node: the node, its pods and their sums. Mutated only by the cache. */
export class NodeInfo {
  readonly node: Node;
  readonly name: string;
  readonly allocatable: Amounts;
  readonly requested = new Map<string, number>();
  readonly scoringRequested = new Map<string, number>();
  readonly #pods = new Map<string, Pod>();

  constructor(node: Node, pods: Iterable<Pod> = []) {
    this.node = node;
    this.name = node.metadata?.name ?? "";
    this.allocatable = allocatableOf(node);
    for (const pod of pods) this.add(pod);
  }

  get labels(): Readonly<Record<string, string>> {
    return this.node.metadata?.labels ?? {};
  }

  get pods(): readonly Pod[] {
    return [...this.#pods.values()];
  }

  get podCount(): number {
    return this.#pods.size;
  }

  add(pod: Pod): void {
    this.remove(pod);
    this.#pods.set(pod.metadata?.uid ?? "", pod);
    add(this.requested, podRequests(pod));
    add(this.scoringRequested, scoringRequests(pod));
  }

  remove(pod: Pod): void {
    const present = this.#pods.get(pod.metadata?.uid ?? "");
    if (present === undefined) return;
    this.#pods.delete(pod.metadata?.uid ?? "");
    add(this.requested, podRequests(present), -1);
    add(this.scoringRequested, scoringRequests(present), -1);
  }

  /** The same pods on a newer state of the node. */
  withNode(node: Node): NodeInfo {
    return node === this.node ? this : new NodeInfo(node, this.#pods.values());
  }
}

export function hostPortsOf(pod: Pod): readonly HostPort[] {
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always"),
  ];
  return containers.flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map((port) => ({ ip: port.hostIP ?? "0.0.0.0", protocol: port.protocol ?? "TCP", port: port.hostPort ?? 0 })),
  );
}

/** "namespace/name". */
export function keyOf(pod: Pod): string {
  return `${pod.metadata?.namespace ?? ""}/${pod.metadata?.name ?? ""}`;
}

/** A pod that has ended holds nothing of its node. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
