import type { PodTemplateSpec } from "@tsukube/api/types/core-v1";
import { contentHash } from "../history/content-hash.ts";

/** The hash by which a ReplicaSet of this template is named. `collisions` makes another hash of the same template. */
export function templateHash(template: PodTemplateSpec, collisions = 0): string {
  return contentHash(template, collisions);
}
