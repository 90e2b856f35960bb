import { jsonEqual } from "@tsukube/api";
import type { ControllerRevision } from "@tsukube/api/types/apps-v1";
import type { PodTemplateSpec } from "@tsukube/api/types/core-v1";

/** What a revision keeps: a strategic merge patch that brings its owner's template back. `kubectl rollout undo` sends it. */
export interface RevisionData {
  readonly spec: { readonly template: PodTemplateSpec & { readonly $patch: "replace" } };
}

/** What to do so that there is a revision of the present template, the newest of all. */
export type RevisionPlan =
  | { readonly action: "keep"; readonly revision: ControllerRevision }
  | { readonly action: "renumber"; readonly revision: ControllerRevision; readonly number: number }
  | { readonly action: "create"; readonly number: number };

/** The data of the revision of a template. */
export function revisionDataOf(template: PodTemplateSpec): RevisionData {
  return { spec: { template: { ...template, $patch: "replace" } } };
}

/** The template that a revision keeps. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const data = revision.data as Partial<RevisionData> | null | undefined;
  const { $patch: _, ...template } = data?.spec?.template ?? {};
  return template as PodTemplateSpec;
}

/** Whether both keep the same template. */
export function isSameRevision(revision: ControllerRevision, template: PodTemplateSpec): boolean {
  return jsonEqual(templateOf(revision), template);
}

/** Pure: going back to a former template gives its revision the newest number; a new template gets a new revision. */
export function planRevision(revisions: readonly ControllerRevision[], template: PodTemplateSpec): RevisionPlan {
  const ordered = oldestFirst(revisions);
  const newest = ordered.at(-1);
  const number = numberOf(newest) + 1;
  const revision = ordered.findLast((known) => isSameRevision(known, template));
  if (revision === undefined) return { action: "create", number };
  return revision === newest ? { action: "keep", revision } : { action: "renumber", revision, number };
}

/** Pure: what goes because `limit` others than the `live` ones (names) are enough; oldest first. */
export function planTruncation(
  revisions: readonly ControllerRevision[],
  live: ReadonlySet<string>,
  limit: number,
): readonly ControllerRevision[] {
  const idle = oldestFirst(revisions).filter(({ metadata }) => !live.has(metadata?.name ?? ""));
  return idle.slice(0, Math.max(0, idle.length - limit));
}

/** By number; equal ones by age, then by name. */
export function oldestFirst(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  const key = ({ metadata }: ControllerRevision): string =>
    `${metadata?.creationTimestamp ?? ""} ${metadata?.name ?? ""}`;
  return [...revisions].sort((a, b) => numberOf(a) - numberOf(b) || (key(a) < key(b) ? -1 : 1));
}

/** 0 for none. */
function numberOf(revision: ControllerRevision | undefined): number {
  return revision?.revision ?? 0;
}
