import type { KubeObject } from "@tsukube/api";
import type { Pod, Volume } from "@tsukube/api/types/core-v1";
import {
  type Client,
  createInformerFactory,
  type Informer,
  type InformerDeps,
  type InformerFactory,
} from "@tsukube/client";

/** A ConfigMap or Secret that the files of a pod's volumes come from. */
export interface ObjectReference {
  readonly resource: "configmaps" | "secrets";
  readonly name: string;
}

export interface ReferencedObjectsDeps extends InformerDeps {
  readonly client: Client;
  /** An object that the pod shows in a volume was made, changed or removed. */
  changed(podUid: string): void;
}

interface Watched {
  readonly pods: Set<string>;
  readonly informers: InformerFactory;
  readonly informer: Informer<Immutable>;
}

type Immutable = KubeObject & { readonly immutable?: boolean };

/** Watches exactly the objects that pods of this node show in volumes, one by one, as the Node authorizer allows. */
export class ReferencedObjects {
  readonly #deps: ReferencedObjectsDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: ReferencedObjectsDeps) {
    this.#deps = deps;
  }

  /** Idempotent: what a pod refers to does not change. */
  hold(pod: Pod): void {
    const { uid = "", namespace = "" } = pod.metadata ?? {};
    for (const reference of volumeReferences(pod)) {
      const key = keyOf(reference, namespace);
      const watched = this.#watched.get(key) ?? this.#watch(key, namespace, reference);
      watched.pods.add(uid);
    }
  }

  /** The object as last seen (undefined: it is absent); "unknown" when nothing follows it: ask for it. */
  seen(reference: ObjectReference, namespace: string): KubeObject | undefined | "unknown" {
    const informer = this.#watched.get(keyOf(reference, namespace))?.informer;
    if (informer?.hasSynced !== true) return "unknown";
    const object = informer.get(`${namespace}/${reference.name}`);
    return object?.immutable === true ? "unknown" : object; // its watch has ended: another may have taken its name
  }

  release(podUid: string): void {
    for (const [key, { pods, informers }] of this.#watched) {
      if (!pods.delete(podUid) || pods.size > 0) continue;
      this.#watched.delete(key);
      void informers.close();
    }
  }

  async close(): Promise<void> {
    const all = [...this.#watched.values()];
    this.#watched.clear();
    await Promise.all(all.map(({ informers }) => informers.close()));
  }

  #watch(key: string, namespace: string, { resource, name }: ObjectReference): Watched {
    const informers = createInformerFactory(this.#deps.client, this.#deps);
    const options = { namespace, fieldSelector: `metadata.name=${name}` };
    const informer = informers.informer<Immutable>({ group: "", version: "v1", resource }, options);
    const watched: Watched = { pods: new Set(), informers, informer };
    this.#watched.set(key, watched);
    const tell = (): void => {
      for (const uid of watched.pods) this.#deps.changed(uid);
    };
    const seen = (object: Immutable): void => {
      tell();
      if (object.immutable === true) void informers.close(); // it stays as it is: nothing more to see
    };
    informer.onChange({ added: seen, updated: (_, object) => seen(object), deleted: tell });
    return watched;
  }
}

function keyOf({ resource, name }: ObjectReference, namespace: string): string {
  return `${resource}/${namespace}/${name}`;
}

/** Pure: the objects behind a pod's volumes, each once. */
export function volumeReferences(pod: Pod): readonly ObjectReference[] {
  const found = (pod.spec?.volumes ?? []).flatMap(referencesOf);
  const unique = new Map(found.map((reference) => [`${reference.resource}/${reference.name}`, reference]));
  return [...unique.values()];
}

function referencesOf({ configMap, secret, projected }: Volume): readonly ObjectReference[] {
  const sources = [{ configMap, secret: secret && { name: secret.secretName } }, ...(projected?.sources ?? [])];
  return sources.flatMap((source) => [
    ...(source.configMap?.name !== undefined ? [{ resource: "configmaps" as const, name: source.configMap.name }] : []),
    ...(source.secret?.name !== undefined ? [{ resource: "secrets" as const, name: source.secret.name }] : []),
  ]);
}
