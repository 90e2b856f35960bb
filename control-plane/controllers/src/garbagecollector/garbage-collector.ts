import { ApiError, type KubeObject, parseApiVersion } from "@tsukube/api";
import type { ObjectMeta, OwnerReference } from "@tsukube/api/types/meta-v1";
import {
  type DiscoveredResource,
  type EventSink,
  followMetadata,
  type Key,
  type MetadataEvent,
  type Outcome,
  type RunningController,
  SETTLED,
  startController,
} from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import type { ControllerContext } from "../context.ts";
import { judge, type OwnerState } from "./plan.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";
/** Resources that come with CustomResourceDefinitions are found this often. */
const DISCOVER_MS = 10_000;
/** It looks at everything that is there: whatever else begins goes first. */
const BEGIN_MS = 500;
const NEVER_COLLECTED = new Set(["events", "componentstatuses"]);

/** An object in the graph of owners. */
interface Vertex {
  readonly resource: DiscoveredResource;
  readonly object: KubeObject;
}

/** Removes objects whose owners are gone, and carries out foreground and orphaning deletion. */
export class GarbageCollector {
  readonly #context: ControllerContext;
  readonly #vertices = new Map<string, Vertex>();
  /** uids of dependents, by the uid of an owner. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #watched = new Set<string>();
  #kinds = new Map<string, DiscoveredResource>();
  /** uids of what has an owner of a kind that is not known (yet), by that kind. */
  readonly #undecided = new Map<string, Set<string>>();
  #running: RunningController | undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (uid: Key): Promise<Outcome> => this.reconcile(uid);
    this.#running = lifetime.own(
      "objects",
      startController({
        name: "garbagecollector",
        queueName: "garbage_collector_attempt_to_delete",
        clock,
        logger,
        queues,
        reconcile,
      }),
    );
    const discover = (): void =>
      void this.#discover().catch((error: unknown) =>
        logger.debug("cannot discover resources", { error: messageOf(error) }),
      );
    lifetime.add("first discovery", clock.after(BEGIN_MS, discover, { background: true }));
    lifetime.add("discovery", clock.every(DISCOVER_MS, discover, { background: true }));
  }

  async reconcile(uid: Key): Promise<Outcome> {
    const vertex = this.#vertices.get(uid);
    if (vertex === undefined) return SETTLED;
    const { metadata } = vertex.object;
    const finalizers = metadata?.finalizers ?? [];
    if (metadata?.deletionTimestamp !== undefined) {
      if (finalizers.includes(ORPHAN)) return this.#orphan(vertex);
      if (finalizers.includes(FOREGROUND)) return this.#foreground(vertex);
      return SETTLED;
    }
    const references = metadata?.ownerReferences ?? [];
    const states = new Map<string, OwnerState>();
    for (const reference of references)
      states.set(reference.uid ?? "", await this.#stateOf(uid, reference, metadata?.namespace ?? ""));
    const verdict = judge(
      references,
      (reference) => states.get(reference.uid ?? "") ?? "solid",
      finalizers,
      (this.#dependents.get(uid)?.size ?? 0) > 0,
    );
    if (verdict.action === "drop-owners") await this.#dropOwners(vertex, verdict.uids);
    if (verdict.action !== "delete") return SETTLED;
    const closesCircle = verdict.policy === "Foreground" && this.#dependentsOf(uid).some(isDeletingDependents);
    const deleted = closesCircle ? await this.#stopBlocking(vertex) : vertex;
    if (deleted !== undefined) await this.#delete(deleted, verdict.policy);
    return SETTLED;
  }

  async #discover(): Promise<void> {
    const resources = await this.#context.client.discover();
    this.#kinds = new Map(resources.map((resource) => [`${resource.group}/${resource.kind}`, resource]));
    for (const resource of resources) {
      const key = `${resource.group}/${resource.resource}`;
      const collectable = ["list", "watch", "delete"].every((verb) => resource.verbs.includes(verb));
      if (!collectable || this.#watched.has(key) || NEVER_COLLECTED.has(resource.resource)) continue;
      this.#watched.add(key);
      this.#watch(resource);
    }
    this.#decide();
  }

  /** Looks again at those whose owner's kind has become known: it may be gone already. */
  #decide(): void {
    for (const [kind, uids] of this.#undecided) {
      if (!this.#kinds.has(kind)) continue;
      this.#undecided.delete(kind);
      for (const uid of uids) this.#running?.queue.add(uid);
    }
  }

  /** Who watches whole objects anyway is listened to. Of others metadata comes, which is looked into only where owners or deletion play a part. */
  #watch(resource: DiscoveredResource): void {
    const { group, version, resource: name } = resource;
    const informer = this.#context.informers.present<KubeObject>({ group, version, resource: name });
    if (informer === undefined) {
      this.#follow(resource);
      return;
    }
    const seen = (object: KubeObject): void => {
      if (this.#concerns(object.metadata?.uid ?? "", isInvolved(object.metadata))) this.#put({ resource, object });
      else this.#forget(object.metadata?.uid ?? "");
    };
    const stop = informer.onChange({
      added: seen,
      updated: (_before, now) => seen(now),
      deleted: (object) => this.#remove(object.metadata?.uid ?? ""),
    });
    this.#context.lifetime.add(`${group}/${name}`, stop);
  }

  #follow(resource: DiscoveredResource): void {
    const { client, lifetime } = this.#context;
    const { group, version, resource: name } = resource;
    const stop = new AbortController();
    let seen: Set<string> | undefined;
    let isFirst = true;
    const sink: EventSink<MetadataEvent> = {
      listing: () => {
        seen = new Set();
      },
      take: (event) => {
        const uid = event.text("uid");
        if (event.type === "DELETED") this.#remove(uid);
        else if (this.#concerns(uid, event.has(INVOLVED))) {
          seen?.add(uid);
          this.#put({ resource, object: { metadata: graphed(event.metadata) } });
        } else this.#forget(uid);
      },
      listed: () => {
        if (!isFirst) this.#removeUnseen(resource, seen ?? new Set());
        isFirst = false;
        seen = undefined;
      },
    };
    const following = followMetadata(
      client.resource({ group, version, resource: name }),
      sink,
      this.#context,
      stop.signal,
    );
    lifetime.add(`${group}/${name}`, async () => {
      stop.abort();
      await following;
    });
  }

  /** Owners of which nothing else is to be known are looked at when their dependents are: see {@link #stateOf}. */
  #concerns(uid: string, isInvolved: boolean): boolean {
    return isInvolved || this.#dependents.has(uid);
  }

  /** Nothing is to be known of it any more, but it is there. */
  #forget(uid: string): void {
    this.#unlink(uid);
    this.#vertices.delete(uid);
  }

  /** After a new list: what went meanwhile may have been an owner that nothing was known of. */
  #removeUnseen({ group, kind, resource: name }: DiscoveredResource, seen: ReadonlySet<string>): void {
    for (const [uid, { resource, object }] of this.#vertices) {
      if (resource.group === group && resource.resource === name) {
        if (!seen.has(uid)) this.#remove(uid);
      } else if ((object.metadata?.ownerReferences ?? []).some((reference) => isOfKind(reference, group, kind)))
        this.#running?.queue.add(uid);
    }
  }

  #put(vertex: Vertex): void {
    const { metadata } = vertex.object;
    const uid = metadata?.uid ?? "";
    this.#unlink(uid);
    this.#vertices.set(uid, vertex);
    for (const { uid: owner = "" } of metadata?.ownerReferences ?? []) {
      const set = this.#dependents.get(owner) ?? new Set();
      this.#dependents.set(owner, set.add(uid));
      // an owner that is deleted in the foreground waits for this one
      if (this.#vertices.get(owner)?.object.metadata?.deletionTimestamp !== undefined) this.#running?.queue.add(owner);
    }
    const isDeleting = metadata?.deletionTimestamp !== undefined;
    if (isDeleting || (metadata?.ownerReferences ?? []).length > 0) this.#running?.queue.add(uid);
    if (isDeleting && metadata?.finalizers?.includes(FOREGROUND) === true) this.#enqueueDependents(uid);
  }

  #remove(uid: string): void {
    const owners = this.#vertices.get(uid)?.object.metadata?.ownerReferences ?? [];
    this.#unlink(uid);
    this.#vertices.delete(uid);
    this.#enqueueDependents(uid);
    for (const owner of owners) this.#running?.queue.add(owner.uid ?? "");
  }

  #unlink(uid: string): void {
    for (const { uid: owner = "" } of this.#vertices.get(uid)?.object.metadata?.ownerReferences ?? []) {
      const set = this.#dependents.get(owner);
      set?.delete(uid);
      if (set?.size === 0) this.#dependents.delete(owner);
    }
  }

  #enqueueDependents(uid: string): void {
    for (const dependent of this.#dependents.get(uid) ?? []) this.#running?.queue.add(dependent);
  }

  /** Absent is only what the API server itself does not have: the cache may be behind. */
  async #stateOf(uid: string, reference: OwnerReference, namespace: string): Promise<OwnerState> {
    const known = this.#vertices.get(reference.uid ?? "");
    if (known !== undefined) {
      const { namespace: home = "" } = known.object.metadata ?? {};
      if (home !== "" && home !== namespace) return "absent"; // owners do not reach across namespaces
      return isDeletingDependents(known) ? "waiting" : "solid";
    }
    const kind = `${parseApiVersion(reference.apiVersion ?? "").group}/${reference.kind}`;
    const resource = this.#kinds.get(kind);
    if (resource === undefined) {
      this.#undecided.set(kind, (this.#undecided.get(kind) ?? new Set()).add(uid));
      return "solid"; // a kind that is not served (yet): better keep too much
    }
    try {
      const live = await this.#resource(resource, resource.namespaced ? namespace : "").get(reference.name ?? "");
      return live.metadata?.uid === reference.uid ? "solid" : "absent";
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return "absent";
      throw error;
    }
  }

  #resource({ group, version, resource }: DiscoveredResource, namespace: string) {
    return this.#context.client.resource<KubeObject>({ group, version, resource }, namespace);
  }

  async #delete(
    { resource, object }: Vertex,
    propagationPolicy: "Background" | "Foreground" | "Orphan",
  ): Promise<void> {
    const { name = "", namespace = "", uid = "", resourceVersion = "" } = object.metadata ?? {};
    const preconditions = { uid, resourceVersion };
    await ignoringAbsent(this.#resource(resource, namespace).delete(name, { propagationPolicy, preconditions }));
  }

  async #dropOwners({ resource, object }: Vertex, uids: readonly string[]): Promise<void> {
    const { name = "", namespace = "", uid = "", resourceVersion = "", ownerReferences = [] } = object.metadata ?? {};
    const left = ownerReferences.filter((reference) => !uids.includes(reference.uid ?? ""));
    const body = { metadata: { uid, resourceVersion, ownerReferences: left.length === 0 ? null : left } };
    await ignoringAbsent(this.#resource(resource, namespace).patch(name, { type: "merge", body }));
  }

  async #dropFinalizer({ resource, object }: Vertex, finalizer: string): Promise<void> {
    const { name = "", namespace = "", uid = "", resourceVersion = "", finalizers = [] } = object.metadata ?? {};
    const body = { metadata: { uid, resourceVersion, finalizers: finalizers.filter((other) => other !== finalizer) } };
    await ignoringAbsent(this.#resource(resource, namespace).patch(name, { type: "merge", body }));
  }

  /** Its owners no longer wait for it: in a circle of owners that wait, each would wait for itself. */
  async #stopBlocking({ resource, object }: Vertex): Promise<Vertex | undefined> {
    const { name = "", namespace = "", uid = "", resourceVersion = "", ownerReferences = [] } = object.metadata ?? {};
    const unblocked = ownerReferences.map((reference) => ({ ...reference, blockOwnerDeletion: false }));
    const body = { metadata: { uid, resourceVersion, ownerReferences: unblocked } };
    const patched = this.#resource(resource, namespace).patch(name, { type: "merge", body });
    return ignoringAbsent(patched.then((changed) => ({ resource, object: changed })));
  }

  async #orphan(vertex: Vertex): Promise<Outcome> {
    const uid = vertex.object.metadata?.uid ?? "";
    for (const dependent of this.#dependents.get(uid) ?? []) {
      const found = this.#vertices.get(dependent);
      if (found !== undefined) await this.#dropOwners(found, [uid]);
    }
    await this.#dropFinalizer(vertex, ORPHAN);
    return SETTLED;
  }

  async #foreground(vertex: Vertex): Promise<Outcome> {
    const uid = vertex.object.metadata?.uid ?? "";
    const blocking = this.#dependentsOf(uid).filter(({ object }) =>
      object.metadata?.ownerReferences?.some(
        (reference) => reference.uid === uid && reference.blockOwnerDeletion === true,
      ),
    );
    if (blocking.length === 0) await this.#dropFinalizer(vertex, FOREGROUND);
    for (const dependent of blocking)
      if (!isDeletingDependents(dependent)) this.#running?.queue.add(dependent.object.metadata?.uid ?? "");
    return SETTLED;
  }

  #dependentsOf(uid: string): readonly Vertex[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#vertices.get(dependent) ?? []);
  }
}

/** Without one of these an object plays no part, unless others name it as their owner. */
const INVOLVED = ["ownerReferences", "finalizers", "deletionTimestamp"] as const;

function isInvolved(metadata: ObjectMeta | undefined): boolean {
  return metadata !== undefined && INVOLVED.some((member) => metadata[member] !== undefined);
}

/** What the graph of owners needs to know. */
function graphed(metadata: ObjectMeta): ObjectMeta {
  const { managedFields: _fields, annotations: _annotations, labels: _labels, ...rest } = metadata;
  return rest;
}

function isOfKind(reference: OwnerReference, group: string, kind: string): boolean {
  return reference.kind === kind && parseApiVersion(reference.apiVersion ?? "").group === group;
}

/** It is deleted in the foreground, and waits for those that name it as their owner. */
function isDeletingDependents({ object: { metadata } }: Vertex): boolean {
  return metadata?.deletionTimestamp !== undefined && metadata.finalizers?.includes(FOREGROUND) === true;
}

/** Gone already, or changed meanwhile: the next event tells. */
async function ignoringAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
    return undefined;
  }
}
