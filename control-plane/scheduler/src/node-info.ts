import type { Node, Pod } from "@tsukube/api/types/core-v1";
import { type Amounts, add, allocatableOf, podRequests, scoringRequests } from "./resources.ts";

/** A host port that a pod occupies. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** What the scheduler keeps of a node: the node, its pods and their sums. Mutated only by the cache and by preemption's trials. */
export class NodeInfo {
  readonly node: Node;
  readonly name: string;
  readonly allocatable: Amounts;
  readonly requested = new Map<string, number>();
  readonly scoringRequested = new Map<string, number>();
  readonly #pods = new Map<string, Pod>();
  readonly #withAffinity = new Map<string, Pod>();

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

  /** Those that want to be, or must not be, near to others. */
  get podsWithAffinity(): Iterable<Pod> {
    return this.#withAffinity.values();
  }

  get podCount(): number {
    return this.#pods.size;
  }

  add(pod: Pod): void {
    this.remove(pod);
    this.#pods.set(pod.metadata?.uid ?? "", pod);
    const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
    if (podAffinity !== undefined || podAntiAffinity !== undefined)
      this.#withAffinity.set(pod.metadata?.uid ?? "", pod);
    add(this.requested, podRequests(pod));
    add(this.scoringRequested, scoringRequests(pod));
  }

  remove(pod: Pod): void {
    const present = this.#pods.get(pod.metadata?.uid ?? "");
    if (present === undefined) return;
    this.#pods.delete(pod.metadata?.uid ?? "");
    this.#withAffinity.delete(pod.metadata?.uid ?? "");
    add(this.requested, podRequests(present), -1);
    add(this.scoringRequested, scoringRequests(present), -1);
  }

  /** A copy that preemption can take pods out of. */
  clone(): NodeInfo {
    return new NodeInfo(this.node, this.#pods.values());
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

/** The higher, the more important; pods made before there were priorities have 0. */
export function priorityOf({ spec }: Pod): number {
  return spec?.priority ?? 0;
}
