import { watch } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { ApiError } from "@tsukube/api";
import type { Node, Pod } from "@tsukube/api/types/core-v1";
import type { Client, Informer } from "@tsukube/client";
import { type Cancel, type Clock, Lifetime, type Logger, messageOf } from "@tsukube/foundation";
import { HASH, isMirror, MIRROR, mirrorOf, staticPodOf } from "./manifest.ts";

export interface StaticPodsDeps {
  /** Of manifests, one pod a file. */
  readonly folder: string;
  readonly nodeName: string;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Pods of this node as the API has them, mirrors among them. */
  readonly pods: Informer<Pod>;
  admit(pod: Pod): void;
  /** Its manifest is gone: it ends within its own grace period. */
  retire(pod: Pod): void;
}

const PODS = { group: "", version: "v1", resource: "pods" };
const NODES = { group: "", version: "v1", resource: "nodes" };
const EVERY_MS = 20_000;
/** An editor writes a file in several steps. */
const SETTLE_MS = 200;

/** Pods that the node runs from manifests in a folder, without the API, which shows a mirror of each. */
export class StaticPods {
  readonly #deps: StaticPodsDeps;
  readonly #lifetime = new Lifetime();
  readonly #pods = new Map<string, Pod>();
  #looking: Promise<void> = Promise.resolve();
  #soon: Cancel | undefined;

  constructor(deps: StaticPodsDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { folder, clock, pods } = this.#deps;
    await mkdir(folder, { recursive: true });
    await this.look();
    const watcher = watch(folder, () => {
      this.#soon?.();
      this.#soon = clock.after(SETTLE_MS, () => void this.look(), { background: true });
    });
    this.#lifetime.add("watcher", () => watcher.close());
    this.#lifetime.add(
      "looks",
      clock.every(EVERY_MS, () => void this.look(), { background: true }),
    );
    const seen = (pod: Pod): void => {
      if (isMirror(pod)) this.#mirrorSeen(pod);
    };
    const deleted = (pod: Pod): void => {
      if (isMirror(pod)) void this.look();
    };
    this.#lifetime.add("mirrors", pods.onChange({ added: seen, updated: (_, pod) => seen(pod), deleted }));
  }

  async close(): Promise<void> {
    this.#soon?.();
    await this.#lifetime.close();
    await this.#looking;
  }

  /** The mirror of a static pod, in whose place the API keeps its status. */
  mirror(pod: Pod): Pod | undefined {
    const found = this.#deps.pods.get(keyOf(pod));
    return found !== undefined && found.metadata?.annotations?.[MIRROR] === pod.metadata?.uid ? found : undefined;
  }

  isStatic(pod: Pod): boolean {
    return pod.metadata?.annotations?.[HASH] === pod.metadata?.uid && !isMirror(pod);
  }

  /** Reads the folder, runs what is new, ends what is gone, and brings the mirrors up to date. */
  look(): Promise<void> {
    this.#looking = this.#looking
      .then(() => this.#look())
      .catch((error: unknown) => this.#deps.logger.warn("cannot look after static pods", { error: messageOf(error) }));
    return this.#looking;
  }

  async #look(): Promise<void> {
    const wanted = await this.#read();
    for (const [uid, pod] of this.#pods) {
      if (wanted.has(uid)) continue;
      this.#pods.delete(uid);
      this.#deps.retire(pod);
    }
    for (const [uid, pod] of wanted) {
      if (this.#pods.has(uid)) continue;
      this.#pods.set(uid, pod);
      this.#deps.admit(pod);
    }
    await this.#reflect();
  }

  async #read(): Promise<ReadonlyMap<string, Pod>> {
    const { folder, nodeName, clock, logger } = this.#deps;
    const found = new Map<string, Pod>();
    for (const name of (await readdir(folder)).sort()) {
      if (name.startsWith(".") || ![".yaml", ".yml", ".json"].includes(extname(name))) continue;
      try {
        const pod = staticPodOf(name, await readFile(join(folder, name)), nodeName, clock.now());
        found.set(pod.metadata?.uid ?? "", pod);
      } catch (error) {
        logger.warn("cannot read a manifest", { file: name, error: messageOf(error) });
      }
    }
    return found;
  }

  async #reflect(): Promise<void> {
    const { client, nodeName, pods } = this.#deps;
    const byName = new Map([...this.#pods.values()].map((pod) => [keyOf(pod), pod]));
    for (const mirror of pods.list().filter(isMirror)) {
      const pod = byName.get(keyOf(mirror));
      const isLeft = mirror.metadata?.deletionTimestamp !== undefined;
      const isOld = pod === undefined || mirror.metadata?.annotations?.[MIRROR] !== pod.metadata?.uid;
      if (isLeft || isOld) await this.#remove(mirror);
      else byName.delete(keyOf(mirror));
    }
    if (byName.size === 0) return;
    const node = await client.resource<Node>(NODES).get(nodeName);
    const owner = { name: nodeName, uid: node.metadata?.uid ?? "" };
    for (const pod of byName.values()) {
      const there = client.resource<Pod>(PODS, pod.metadata?.namespace ?? "");
      await there.create(mirrorOf(pod, owner)).catch((error: unknown) => {
        if (!ApiError.is(error, "AlreadyExists")) throw error;
      });
    }
  }

  async #remove({ metadata }: Pod): Promise<void> {
    const there = this.#deps.client.resource<Pod>(PODS, metadata?.namespace ?? "");
    const preconditions = { uid: metadata?.uid ?? "" };
    await there.delete(metadata?.name ?? "", { gracePeriodSeconds: 0, preconditions }).catch((error: unknown) => {
      if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
    });
  }

  /** What the API knows of the status comes back, such as the times of conditions; a deletion means nothing to the pod. */
  #mirrorSeen(mirror: Pod): void {
    const pod = this.#pods.get(mirror.metadata?.annotations?.[MIRROR] ?? "");
    if (mirror.metadata?.deletionTimestamp !== undefined || pod === undefined) void this.look();
    else if (mirror.status !== undefined) this.#deps.admit({ ...pod, status: { ...pod.status, ...mirror.status } });
  }
}

function keyOf({ metadata }: Pod): string {
  return `${metadata?.namespace}/${metadata?.name}`;
}
