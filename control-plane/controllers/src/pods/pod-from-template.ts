import type { KubeObject } from "@tsukube/api";
import type { Pod, PodTemplateSpec } from "@tsukube/api/types/core-v1";
import type { OwnerReference } from "@tsukube/api/types/meta-v1";

/** A pod of `owner` from a template, named by the server with the owner's name as prefix, which it tells even if `name` is given. */
export function podFromTemplate(
  owner: KubeObject,
  reference: OwnerReference,
  template: PodTemplateSpec | undefined,
  name?: string,
): Pod {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${owner.metadata?.name}-`,
      ...(name === undefined ? {} : { name }),
      namespace: owner.metadata?.namespace ?? "",
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [reference],
    },
    ...(template?.spec === undefined ? {} : { spec: template.spec }),
  };
}
