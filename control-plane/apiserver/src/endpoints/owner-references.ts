import { encodeUnstructuredText, type Json, type Unstructured } from "@tsukube/api";
import type { RequestContext } from "../contracts.ts";

/**
 * An object that names no owner twice; who does is warned.
 * @param made What made the object, where it is not the body itself: upstream looks at what a patch makes after admission.
 */
export function withDistinctOwners(
  context: RequestContext,
  object: Unstructured,
  made: "body" | "patch" | "admission",
): Unstructured {
  const owners = object.metadata?.ownerReferences ?? [];
  if (owners.length < 2) return object;
  const seen = new Set<string>();
  const again: string[] = [];
  const distinct = owners.filter((owner) => {
    const whole = encodeUnstructuredText(owner as unknown as Json); // keys in order
    if (seen.has(whole)) again.push(owner.uid ?? "");
    else if (seen.add(whole)) return true;
    return false;
  });
  if (distinct.length === owners.length) return object;
  const when = made === "body" ? "" : " after mutating admission happens";
  context.warn(
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject ` +
      `such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${again.join(", ")}`,
  );
  return { ...object, metadata: { ...object.metadata, ownerReferences: distinct } };
}
