import { ApiError, type KubeObject, labelMatcherOf } from "@tsukube/api";
import type { ControllerRevision } from "@tsukube/api/types/apps-v1";
import type { PodTemplateSpec } from "@tsukube/api/types/core-v1";
import type { LabelSelector } from "@tsukube/api/types/meta-v1";
import { controllerOf, controllerReference, type Informer, isControlledBy, type ResourceClient } from "@tsukube/client";
import { CONTROLLER_REVISIONS, type ControllerContext } from "../context.ts";
import { contentHash } from "./content-hash.ts";
import { isSameRevision, oldestFirst, planRevision, planTruncation, revisionDataOf } from "./revisions.ts";

/** An object whose pods follow a template that has revisions: a StatefulSet or a DaemonSet. */
export interface Revised extends KubeObject {
  readonly spec: {
    readonly template: PodTemplateSpec;
    readonly selector: LabelSelector;
    readonly revisionHistoryLimit?: number;
  };
  readonly status?: { readonly collisionCount?: number };
}

export interface RevisedKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** The label of a revision that holds the hash of its content. */
  readonly hashLabel: string;
}

export interface Recorded {
  readonly revision: ControllerRevision;
  /** How often a hash was taken by another revision; belongs into the owner's status. */
  readonly collisions: number;
}

const NAME_LIMIT = 223;
const DEFAULT_LIMIT = 10;

/** Keeps the former templates of the objects of one kind as ControllerRevisions. */
export class RevisionHistory {
  readonly #context: ControllerContext;
  readonly #kind: RevisedKind;
  readonly #revisions: Informer<ControllerRevision>;

  constructor(context: ControllerContext, kind: RevisedKind) {
    this.#context = context;
    this.#kind = kind;
    this.#revisions = context.informers.informer<ControllerRevision>(CONTROLLER_REVISIONS);
  }

  /** The revisions that `owner` controls, oldest first; orphans that its selector matches are adopted. */
  async of(owner: Revised): Promise<readonly ControllerRevision[]> {
    const { apiVersion, kind } = this.#kind;
    const matcher = labelMatcherOf(owner.spec.selector);
    const deleting = owner.metadata?.deletionTimestamp !== undefined;
    const owned: ControllerRevision[] = [];
    for (const revision of this.#revisions.byIndex("namespace", owner.metadata?.namespace ?? "")) {
      if (isControlledBy(revision, owner)) owned.push(revision);
      else if (!deleting && isOrphan(revision) && matcher.matches(revision.metadata?.labels))
        owned.push(await this.#adopt(revision, controllerReference(owner, apiVersion, kind)));
    }
    return oldestFirst(owned);
  }

  /** Makes sure that the newest revision is that of the owner's present template. */
  async record(owner: Revised, revisions: readonly ControllerRevision[]): Promise<Recorded> {
    const collisions = owner.status?.collisionCount ?? 0;
    const plan = planRevision(revisions, owner.spec.template);
    if (plan.action === "keep") return { revision: plan.revision, collisions };
    if (plan.action === "create") return this.#create(owner, plan.number, collisions);
    const revision = await this.#client(owner).update({ ...plan.revision, revision: plan.number });
    return { revision, collisions };
  }

  /** Deletes the oldest revisions beyond the owner's limit; `live` (names) stay and do not count. */
  async truncate(owner: Revised, revisions: readonly ControllerRevision[], live: ReadonlySet<string>): Promise<void> {
    const limit = owner.spec.revisionHistoryLimit ?? DEFAULT_LIMIT;
    for (const { metadata } of planTruncation(revisions, live, limit)) {
      const preconditions = { uid: metadata?.uid ?? "" };
      await this.#client(owner)
        .delete(metadata?.name ?? "", { preconditions })
        .catch(unlessGone);
    }
  }

  async #create(owner: Revised, number: number, collisions: number): Promise<Recorded> {
    const client = this.#client(owner);
    const made = this.#revisionOf(owner, number, collisions);
    try {
      return { revision: await client.create(made), collisions };
    } catch (error) {
      if (!ApiError.is(error, "AlreadyExists")) throw error;
      const present = await client.get(made.metadata?.name ?? "");
      // our own, which the cache did not show yet; anything else has taken the name
      if (isControlledBy(present, owner) && isSameRevision(present, owner.spec.template))
        return { revision: present, collisions };
      return this.#create(owner, number, collisions + 1);
    }
  }

  #revisionOf(owner: Revised, number: number, collisions: number): ControllerRevision {
    const { name = "", namespace, annotations } = owner.metadata ?? {};
    const { apiVersion, kind, hashLabel } = this.#kind;
    const data = revisionDataOf(owner.spec.template);
    const hash = contentHash(data, collisions);
    return {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        name: `${name.slice(0, NAME_LIMIT)}-${hash}`,
        ...(namespace === undefined ? {} : { namespace }),
        labels: { ...owner.spec.template.metadata?.labels, [hashLabel]: hash },
        ...(annotations === undefined ? {} : { annotations }),
        ownerReferences: [controllerReference(owner, apiVersion, kind)],
      },
      data,
      revision: number,
    };
  }

  #adopt(revision: ControllerRevision, reference: object): Promise<ControllerRevision> {
    const { name = "", uid } = revision.metadata ?? {};
    const body = { metadata: { uid, ownerReferences: [reference] } };
    return this.#client(revision).patch(name, { type: "strategic", body });
  }

  #client(object: KubeObject): ResourceClient<ControllerRevision> {
    return this.#context.client.resource<ControllerRevision>(CONTROLLER_REVISIONS, object.metadata?.namespace);
  }
}

function isOrphan(revision: ControllerRevision): boolean {
  return controllerOf(revision) === undefined && revision.metadata?.deletionTimestamp === undefined;
}

function unlessGone(error: unknown): void {
  if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
}
