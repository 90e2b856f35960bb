import type { Unstructured } from "@tsukube/api";
import type { PersistentVolume, Pod } from "@tsukube/api/types/core-v1";
import type { WatchCache } from "../storage/watch-cache.ts";
import { claimsOf, configMapsOf, resourceClaimsOf, secretsOf, secretsOfPersistentVolume } from "./pod-references.ts";

const PODS = "/registry/pods/";
const VOLUMES = "/registry/persistentvolumes/";
const MIRROR = "kubernetes.io/config.mirror";

/** What a node can be related to. */
export type NodeRelation =
  | "configmap"
  | "persistentvolume"
  | "persistentvolumeclaim"
  | "pod"
  | "podcertificaterequest"
  | "resourceclaim"
  | "resourceslice"
  | "secret"
  | "serviceaccount"
  | "volumeattachment";

/** Objects that name their node themselves: where they are kept, and whether their namespace is part of the key. */
const DIRECT: Readonly<Partial<Record<NodeRelation, string>>> = {
  podcertificaterequest: "/registry/podcertificaterequests/",
  resourceslice: "/registry/resourceslices/",
  volumeattachment: "/registry/volumeattachments/",
};

/** Which objects a node has to do with: its pods, what they name, and what names the node. Always as new as the cache. */
export class NodeGraph {
  readonly #cache: WatchCache;
  #known: ReadonlyMap<string, ReadonlySet<string>> | undefined;

  constructor(cache: WatchCache) {
    this.#cache = cache;
  }

  /** Pods by node. Found when a node asks first: a start, or a fork of a cluster, must not decode every pod. */
  get #podsOf(): ReadonlyMap<string, ReadonlySet<string>> {
    if (this.#known !== undefined) return this.#known;
    const podsOf = new Map<string, Set<string>>();
    this.#known = podsOf;
    for (const [key, cached] of this.#cache.head.range(PODS)) place(podsOf, key, undefined, cached.object);
    this.#cache.subscribe(PODS, (events) => {
      for (const { key, previous, current } of events) place(podsOf, key, previous?.object, current?.object);
    });
    return podsOf;
  }

  /** Whether there is a way from the object to the node. */
  relates(node: string, type: NodeRelation, namespace: string, name: string): boolean {
    switch (type) {
      case "pod":
        return this.#podsOf.get(node)?.has(`${PODS}${namespace}/${name}`) === true;
      case "podcertificaterequest":
      case "resourceslice":
      case "volumeattachment":
        return nodeOf(this.#cache.get(DIRECT[type] + (namespace === "" ? name : `${namespace}/${name}`))) === node;
      case "persistentvolume":
        return this.#mounts(node, this.#cache.get(VOLUMES + name)?.object);
      case "secret":
        return this.#uses(node, namespace, secretsOf, name) || this.#mountsWith(node, namespace, name);
      case "configmap":
        return this.#uses(node, namespace, configMapsOf, name);
      case "persistentvolumeclaim":
        return this.#uses(node, namespace, claimsOf, name);
      case "resourceclaim":
        return this.#uses(node, namespace, resourceClaimsOf, name);
      case "serviceaccount":
        return this.#uses(node, namespace, (pod) => [pod.spec?.serviceAccountName ?? ""], name);
    }
  }

  /** A mirror pod gives its node nothing: the node wrote it itself. */
  #uses(node: string, namespace: string, namesOf: (pod: Pod) => readonly string[], name: string): boolean {
    for (const key of this.#podsOf.get(node) ?? []) {
      if (!key.startsWith(`${PODS}${namespace}/`)) continue;
      const pod = this.#cache.get(key)?.object as (Pod & Unstructured) | undefined;
      if (pod === undefined || pod.metadata?.annotations?.[MIRROR] !== undefined) continue;
      if (namesOf(pod).includes(name)) return true;
    }
    return false;
  }

  #mounts(node: string, volume: Unstructured | undefined): boolean {
    const claim = (volume as PersistentVolume | undefined)?.spec?.claimRef;
    return claim ? this.#uses(node, claim.namespace ?? "", claimsOf, claim.name ?? "") : false;
  }

  #mountsWith(node: string, namespace: string, secret: string): boolean {
    for (const [, cached] of this.#cache.head.range(VOLUMES)) {
      const volume = cached.object as PersistentVolume & Unstructured;
      const isNamed = secretsOfPersistentVolume(volume).some(
        (reference) => reference.name === secret && reference.namespace === namespace,
      );
      if (isNamed && this.#mounts(node, volume)) return true;
    }
    return false;
  }
}

function place(
  podsOf: Map<string, Set<string>>,
  key: string,
  before: Unstructured | undefined,
  now: Unstructured | undefined,
): void {
  const nodeName = (object: Unstructured | undefined): string => (object as Pod | undefined)?.spec?.nodeName ?? "";
  if (nodeName(before) === nodeName(now)) return;
  podsOf.get(nodeName(before))?.delete(key);
  if (nodeName(now) === "") return;
  const set = podsOf.get(nodeName(now)) ?? new Set();
  podsOf.set(nodeName(now), set.add(key));
}

function nodeOf(cached: { readonly object: Unstructured } | undefined): string | undefined {
  return (cached?.object["spec"] as { readonly nodeName?: string } | undefined)?.nodeName;
}
