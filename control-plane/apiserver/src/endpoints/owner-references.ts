import { jsonEqual, type Unstructured } from "@tsukube/api";
import type { RequestContext } from "../contracts.ts";

/**
 * An object that names no owner twice; who does is warned.
 * @param made What made the object, where it is not the body itself: upstream looks at what a patch makes after admission.
 */
export function withDistinctOwners(
  context: RequestContext,
  object: Unstructured,
  made: "body" | "patch",
): Unstructured {
  const owners = object.metadata?.ownerReferences ?? [];
  const distinct = owners.filter((owner, index) => owners.findIndex((other) => jsonEqual(other, owner)) === index);
  if (distinct.length === owners.length) return object;
  const again = owners.filter((owner) => !distinct.includes(owner)).map(({ uid = "" }) => uid);
  const when = made === "patch" ? " after mutating admission happens" : "";
  context.warn(
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject ` +
      `such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${again.join(", ")}`,
  );
  return { ...object, metadata: { ...object.metadata, ownerReferences: distinct } };
}
