import type { Unstructured } from "@tsukube/api";

type Tree = Readonly<Record<string, unknown>>;
type Confine = (next: Unstructured, live: Unstructured) => Unstructured;

/** Of subresources that write a part of the object: the object with that part of `next` and all else as it is. */
const CONFINED: Readonly<Record<string, Confine>> = {
  ephemeralcontainers: (next, live) => {
    const { ephemeralContainers: _before, ...spec } = partOf(live, "spec");
    const { ephemeralContainers } = partOf(next, "spec");
    return {
      ...live,
      metadata: keptMetadata(next, live),
      spec: { ...spec, ...(ephemeralContainers !== undefined && { ephemeralContainers }) },
    };
  },
  resize: resized,
  approval: (next, live) => ({
    ...live,
    metadata: next.metadata ?? {},
    status: { ...partOf(live, "status"), conditions: partOf(next, "status")["conditions"] },
  }),
  finalize: (next, live) => ({ ...live, metadata: next.metadata ?? {}, spec: next["spec"] }),
};

/** What a write through `subresource` comes to; undefined for those that are not about a part of the object. */
export function confined(subresource: string, next: Unstructured, live: Unstructured): Unstructured | undefined {
  return CONFINED[subresource]?.(next, live);
}

const IDENTITY = ["name", "namespace", "uid", "resourceVersion", "creationTimestamp", "managedFields"] as const;

/** What identifies the object and who owns its fields may be written, nothing else of the metadata. */
function keptMetadata(next: Unstructured, live: Unstructured): NonNullable<Unstructured["metadata"]> {
  const { managedFields: _managed, ...kept } = live.metadata ?? {};
  const written = IDENTITY.map((name) => [name, next.metadata?.[name]]).filter(([, value]) => value !== undefined);
  return { ...kept, ...Object.fromEntries(written) };
}

/** Containers that came, went or changed places are left as they were sent, for validation to refuse. */
function resized(next: Unstructured, live: Unstructured): Unstructured {
  const [wanted, before] = [partOf(next, "spec"), partOf(live, "spec")];
  const lists = ["containers", "initContainers"] as const;
  if (lists.some((name) => listOf(wanted[name]).length !== listOf(before[name]).length)) return next;
  const spec: Record<string, unknown> = { ...before };
  for (const name of lists)
    if (before[name] != null) spec[name] = withResources(listOf(wanted[name]), listOf(before[name]));
  // clients that know nothing of a pod's own resources leave them out
  if (wanted["resources"] != null) spec["resources"] = wanted["resources"];
  return { ...live, metadata: keptMetadata(next, live), spec };
}

function withResources(wanted: readonly Tree[], before: readonly Tree[]): readonly Tree[] {
  if (wanted.some(({ name }, index) => name !== before[index]?.["name"])) return wanted;
  return before.map((container, index) => {
    const { resources, resizePolicy } = wanted[index] ?? {};
    const { resizePolicy: _policy, ...rest } = container;
    return { ...rest, resources, ...(resizePolicy !== undefined && { resizePolicy }) };
  });
}

function partOf(object: Unstructured, name: string): Tree {
  return (object[name] ?? {}) as Tree;
}

function listOf(value: unknown): readonly Tree[] {
  return (value ?? []) as readonly Tree[];
}
