import { resourceOfKind } from "../resources/index.ts";
import type { GroupVersionKind } from "../schema.ts";
import { AUTOSCALING } from "./groups/autoscaling.ts";
import { REVIEWS } from "./groups/reviews.ts";
import type { KindRules } from "./kind-rules.ts";

const META_ONLY: KindRules = {};

/** What is sent to subresources alone. */
const PARTS: Readonly<Record<string, KindRules>> = {
  "authentication.k8s.io/TokenRequest": REVIEWS["authentication.k8s.io/TokenRequest"],
  "autoscaling/Scale": AUTOSCALING["autoscaling/Scale"],
};

/** The rules of a kind; kinds without any are checked for metadata. */
export function rulesOf(kind: GroupVersionKind): KindRules {
  const resource = resourceOfKind(kind);
  if (resource === undefined) return PARTS[`${kind.group}/${kind.kind}`] ?? META_ONLY;
  return resource.versions?.[kind.version]?.rules ?? resource.rules ?? META_ONLY;
}
