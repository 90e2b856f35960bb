import type { Pod } from "@tsukube/api/types/core-v1";
import type { Misfit, Prepared, SchedulerPlugin, Snapshot } from "./framework.ts";
import { type NodeInfo, priorityOf } from "./node-info.ts";

interface PreparedPlugin {
  readonly plugin: SchedulerPlugin;
  readonly run: Prepared;
}

/** Which nodes a pod fits on, of a snapshot as it is or with other pods on one of its nodes. */
export class PodFilters {
  readonly prepared: readonly PreparedPlugin[];
  readonly #pod: Pod;
  readonly #snapshot: Snapshot;
  readonly #plugins: readonly SchedulerPlugin[];

  /** @param before What plugins need not look at again. */
  constructor(pod: Pod, snapshot: Snapshot, plugins: readonly SchedulerPlugin[], before?: PodFilters) {
    this.#pod = pod;
    this.#snapshot = snapshot;
    this.#plugins = plugins;
    const known = new Map(before?.prepared.map(({ plugin, run }) => [plugin, run]));
    this.prepared = plugins.flatMap((plugin) => {
      const isKnown = before !== undefined && plugin.seesOtherNodes !== true;
      const run = isKnown ? known.get(plugin) : plugin.prepare(pod, snapshot);
      return run === undefined ? [] : [{ plugin, run }];
    });
  }

  /** A plugin that fails the pod whatever the node. */
  get failure(): { readonly plugin: string; readonly reason: string } | undefined {
    for (const { plugin, run } of this.prepared)
      if (run.failure !== undefined) return { plugin: plugin.name, reason: run.failure };
    return undefined;
  }

  /**
   * Why the pod does not fit on a node; empty: it does. It has to fit beside the pods that wait for room there which was
   * made for them, if they are not less important, and also without: they may go elsewhere.
   * @param guilty Collects the names of plugins that refuse nodes.
   */
  misfits(node: NodeInfo, guilty?: Set<string>): readonly Misfit[] {
    const guests = this.#snapshot
      .nominated(node.name)
      .filter((other) => uidOf(other) !== uidOf(this.#pod) && priorityOf(other) >= priorityOf(this.#pod));
    if (guests.length > 0) {
      const crowded = node.clone();
      for (const guest of guests) crowded.add(guest);
      const misfits = this.on(crowded).#first(crowded, guilty);
      if (misfits.length > 0) return misfits;
    }
    return this.#first(node, guilty);
  }

  /** The same question with another state of one node. Plugins that look at one node at a time see that in it alone. */
  on(node: NodeInfo): PodFilters {
    const nodes = this.#snapshot.nodes.map((each) => (each.name === node.name ? node : each));
    return new PodFilters(this.#pod, { ...this.#snapshot, nodes }, this.#plugins, this);
  }

  /** The first plugin that refuses a node decides: the others need not look. */
  #first(node: NodeInfo, guilty?: Set<string>): readonly Misfit[] {
    for (const { plugin, run } of this.prepared) {
      const misfits = run.filter?.(node) ?? [];
      if (misfits.length > 0) {
        guilty?.add(plugin.name);
        return misfits;
      }
    }
    return [];
  }
}

function uidOf({ metadata }: Pod): string {
  return metadata?.uid ?? "";
}
