import type { Unstructured } from "@tsukube/api";
import type { AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

const IS_DEFAULT = "ingressclass.kubernetes.io/is-default-class";

/** Ingresses that name no class get the default one; of several, the newest. */
export function defaultIngressClass(cache: WatchCache): AdmissionPlugin {
  return {
    name: "DefaultIngressClass",
    handles: ({ operation, resource, subresource }) =>
      operation === "CREATE" &&
      resource.group === "networking.k8s.io" &&
      resource.resource === "ingresses" &&
      subresource === "",
    async mutate({ object }) {
      const spec = (object?.["spec"] ?? {}) as { readonly ingressClassName?: string | null };
      const isNamed = spec.ingressClassName !== undefined && spec.ingressClassName !== null;
      if (isNamed || object?.metadata?.annotations?.["kubernetes.io/ingress.class"] !== undefined) return object;
      const made = (of: Unstructured): string => of.metadata?.creationTimestamp ?? "";
      const [newest] = [...cache.head.range("/registry/ingressclasses/")]
        .map(([, cached]) => cached.object)
        .filter((candidate) => candidate.metadata?.annotations?.[IS_DEFAULT] === "true")
        .sort((a, b) => (made(a) < made(b) ? 1 : made(a) > made(b) ? -1 : 0));
      return newest === undefined ? object : { ...object, spec: { ...spec, ingressClassName: newest.metadata?.name } };
    },
  };
}
