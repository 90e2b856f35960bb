import type { Node, Pod } from "@tsukube/api/types/core-v1";
import { isTerminal, keyOf, NodeInfo } from "./node-info.ts";

/**
 * The nodes with the pods that hold their resources, kept current change by change: a decision costs what it looks at, not
 * what the cluster holds. Pods count that are bound and those that the scheduler has placed but not yet seen as bound.
 */
export class NodeCache {
  readonly #infos = new Map<string, NodeInfo>();
  /** By "namespace/name": what counts now, also on nodes that are not known (yet). */
  readonly #pods = new Map<string, Pod>();
  /** Keys of `#pods` by node. */
  readonly #onNode = new Map<string, Set<string>>();

  get size(): { readonly nodes: number; readonly pods: number } {
    return { nodes: this.#infos.size, pods: this.#pods.size };
  }

  get nodes(): readonly NodeInfo[] {
    return [...this.#infos.values()];
  }

  node(name: string): NodeInfo | undefined {
    return this.#infos.get(name);
  }

  setNode(node: Node): void {
    const name = node.metadata?.name ?? "";
    const pods = [...(this.#onNode.get(name) ?? [])].map((key) => this.#pods.get(key)!);
    this.#infos.set(name, this.#infos.get(name)?.withNode(node) ?? new NodeInfo(node, pods));
  }

  removeNode(node: Node): void {
    this.#infos.delete(node.metadata?.name ?? "");
  }

  /** What is known of a pod now; it counts while it has a node and has not ended. */
  setPod(pod: Pod): void {
    const key = keyOf(pod);
    const node = pod.spec?.nodeName ?? "";
    const before = this.#pods.get(key);
    if (before !== undefined) this.removePod(before);
    if (node === "" || isTerminal(pod)) return;
    this.#pods.set(key, pod);
    this.#onNode.set(node, (this.#onNode.get(node) ?? new Set()).add(key));
    this.#infos.get(node)?.add(pod);
  }

  removePod(pod: Pod): void {
    const key = keyOf(pod);
    const present = this.#pods.get(key);
    if (present === undefined) return;
    const node = present.spec?.nodeName ?? "";
    this.#pods.delete(key);
    this.#infos.get(node)?.remove(present);
    const keys = this.#onNode.get(node);
    keys?.delete(key);
    if (keys?.size === 0) this.#onNode.delete(node);
  }
}
