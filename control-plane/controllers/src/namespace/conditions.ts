import type { NamespaceCondition } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";

/** What the emptying of a namespace has come to. */
export interface Remains {
  /** Resources as "pods." or "deployments.apps", with how many of them are there. */
  readonly resources: ReadonlyMap<string, number>;
  /** Finalizers, with how many objects have them. */
  readonly finalizers: ReadonlyMap<string, number>;
  /** Group versions whose server does not answer: what they have of the namespace is not known. */
  readonly stale: readonly string[];
  /** Why resources could not be emptied. */
  readonly failures: readonly string[];
}

/** Pure: all conditions of a namespace that is being emptied; those of others stay. @param now Ms since the epoch. */
export function conditionsOf(
  remains: Remains,
  before: readonly NamespaceCondition[],
  now: number,
): readonly NamespaceCondition[] {
  const ours = findingsOf(remains).map((finding): NamespaceCondition => {
    const old = before.find(({ type }) => type === finding.type);
    const since = old?.status === finding.status ? old.lastTransitionTime : undefined;
    return { ...finding, lastTransitionTime: since ?? formatTime(now) };
  });
  const types = new Set(ours.map(({ type }) => type));
  return [...before.filter(({ type }) => !types.has(type)), ...ours];
}

function findingsOf({ resources, finalizers, stale, failures }: Remains): readonly NamespaceCondition[] {
  const undiscovered = `Discovery failed for some groups, ${stale.length} failing: unable to retrieve the complete list of server APIs`;
  return [
    finding(
      "NamespaceDeletionDiscoveryFailure",
      ["ResourcesDiscovered", "All resources successfully discovered"],
      ["DiscoveryFailed", undiscovered],
      stale.map((version) => `${version}: stale GroupVersion discovery: ${version}`),
    ),
    finding("NamespaceDeletionGroupVersionParsingFailure", [
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ]),
    finding(
      "NamespaceDeletionContentFailure",
      ["ContentDeleted", "All content successfully deleted, may be waiting on finalization"],
      ["ContentDeletionFailed", `Failed to delete all resource types, ${failures.length} remaining`],
      failures,
    ),
    finding(
      "NamespaceContentRemaining",
      ["ContentRemoved", "All content successfully removed"],
      ["SomeResourcesRemain", "Some resources are remaining"],
      [...resources].map(([resource, count]) => `${resource} has ${count} resource instances`),
    ),
    finding(
      "NamespaceFinalizersRemaining",
      ["ContentHasNoFinalizers", "All content-preserving finalizers finished"],
      ["SomeFinalizersRemain", "Some content in the namespace has finalizers remaining"],
      [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`),
    ),
  ];
}

type Said = readonly [reason: string, message: string];

function finding(type: string, good: Said, bad: Said = good, items: readonly string[] = []): NamespaceCondition {
  if (items.length === 0) return { type, status: "False", reason: good[0], message: good[1] };
  return { type, status: "True", reason: bad[0], message: `${bad[1]}: ${[...items].sort().join(", ")}` };
}
