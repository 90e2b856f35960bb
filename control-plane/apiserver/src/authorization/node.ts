import { factsText, type Unstructured } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { PolicyRule } from "@tsukube/api/types/rbac-v1";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { allows } from "./rbac.ts";

const PODS = "/registry/pods/";
const PREFIX = "system:node:";
const NO_OPINION: AuthorizationDecision = { decision: "no-opinion", reason: "" };

/** The name of the node that a user is; undefined for others. */
export function nodeNameOf(user: { readonly name: string; readonly groups: readonly string[] }): string | undefined {
  return user.groups.includes("system:nodes") && user.name.startsWith(PREFIX)
    ? user.name.slice(PREFIX.length)
    : undefined;
}

/**
 * Nodes reach what the pods bound to them use, and nothing else of Secrets, ConfigMaps, volumes, claims and tokens; for the
 * rest they have the rules of `system:node` (upstream's Node authorizer).
 */
export class NodeAuthorizer implements Authorizer {
  readonly #cache: WatchCache;
  readonly #podsOf = new Map<string, Set<string>>();
  #rules: readonly PolicyRule[] | undefined;

  constructor(cache: WatchCache) {
    this.#cache = cache;
    for (const [key, cached] of cache.head.range(PODS)) this.#place(key, undefined, cached.object);
    cache.subscribe(PODS, (events) => {
      for (const { key, previous, current } of events) this.#place(key, previous?.object, current?.object);
    });
  }

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationDecision> {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return NO_OPINION;
    const guarded = attributes.isResource ? this.#guarded(node, attributes) : undefined;
    if (guarded !== undefined) return guarded;
    this.#rules ??= nodeRules();
    return this.#rules.some((rule) => allows(rule, attributes)) ? { decision: "allow", reason: "" } : NO_OPINION;
  }

  /** Decisions that depend on which pods run there; undefined: the static rules decide. */
  #guarded(node: string, attributes: AuthorizationAttributes): AuthorizationDecision | undefined {
    const { group, resource, subresource, verb, namespace, name } = attributes;
    const reads = verb === "get" || verb === "list" || verb === "watch";
    const deny = (): AuthorizationDecision => ({
      decision: "no-opinion",
      reason: `no relationship found between node '${node}' and this object`,
    });
    const ifUsed = (uses: (pod: Pod) => boolean): AuthorizationDecision =>
      name !== "" && this.#pods(node).some(uses) ? { decision: "allow", reason: "" } : deny();
    const inNamespace = (pod: Pod): boolean => pod.metadata?.namespace === namespace;
    switch (`${group}/${resource}`) {
      case "/secrets":
        return reads ? ifUsed((pod) => inNamespace(pod) && referenced(pod, "secret").has(name)) : deny();
      case "/configmaps":
        return reads ? ifUsed((pod) => inNamespace(pod) && referenced(pod, "configMap").has(name)) : deny();
      case "/persistentvolumeclaims":
        return verb === "get" || subresource === "status"
          ? ifUsed((pod) => inNamespace(pod) && claimsOf(pod).includes(name))
          : deny();
      case "/persistentvolumes":
        return verb === "get"
          ? ifUsed((pod) => claimsOf(pod).some((claim) => this.#volumeOf(pod, claim) === name))
          : deny();
      case "/serviceaccounts":
        return subresource === "token" && verb === "create"
          ? ifUsed((pod) => inNamespace(pod) && (pod.spec?.serviceAccountName ?? "") === name)
          : undefined;
      case "coordination.k8s.io/leases":
        return namespace === "kube-node-lease" && (name === node || verb === "create")
          ? { decision: "allow", reason: "" }
          : deny();
      case "storage.k8s.io/csinodes":
        return name === node || verb === "create" ? { decision: "allow", reason: "" } : deny();
      case "/nodes":
        return verb === "get" && name !== node ? deny() : undefined;
      default:
        return undefined;
    }
  }

  #volumeOf(pod: Pod, claim: string): string {
    const cached = this.#cache.get(`/registry/persistentvolumeclaims/${pod.metadata?.namespace}/${claim}`);
    return (cached?.object["spec"] as { volumeName?: string } | undefined)?.volumeName ?? "";
  }

  #pods(node: string): readonly Pod[] {
    return [...(this.#podsOf.get(node) ?? [])].flatMap((key) => {
      const cached = this.#cache.get(key);
      return cached === undefined ? [] : [cached.object as Pod];
    });
  }

  #place(key: string, before: Unstructured | undefined, now: Unstructured | undefined): void {
    const nodeOf = (object: Unstructured | undefined): string => (object as Pod | undefined)?.spec?.nodeName ?? "";
    if (nodeOf(before) === nodeOf(now)) return;
    this.#podsOf.get(nodeOf(before))?.delete(key);
    if (nodeOf(now) === "") return;
    const set = this.#podsOf.get(nodeOf(now)) ?? new Set();
    this.#podsOf.set(nodeOf(now), set.add(key));
  }
}

/** Names of Secrets or ConfigMaps anywhere in a pod's spec: volumes, environment, pull secrets. */
function referenced(pod: Pod, kind: "secret" | "configMap"): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (value: unknown, member: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) {
        if (kind === "secret" && member === "imagePullSecrets") names.add((item as { name?: string }).name ?? "");
        visit(item, member);
      }
      return;
    }
    const record = value as Record<string, unknown>;
    const isReference =
      member === kind ||
      member === `${kind}KeyRef` ||
      member === `${kind}Ref` ||
      (kind === "secret" && /Secret(Ref)?$|^secretRef$/.test(member));
    const name = record["secretName"] ?? record["name"];
    if (isReference && typeof name === "string") names.add(name);
    for (const [key, inner] of Object.entries(record)) visit(inner, key);
  };
  visit(pod.spec, "");
  return names;
}

function claimsOf(pod: Pod): readonly string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [volume.persistentVolumeClaim.claimName ?? ""];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata?.name}-${volume.name}`];
  });
}

function nodeRules(): readonly PolicyRule[] {
  const bootstrap = JSON.parse(factsText("bootstrap.json")) as Record<
    string,
    { metadata: { name: string }; rules?: PolicyRule[] }[]
  >;
  return (
    bootstrap["rbac.authorization.k8s.io/v1 clusterroles"]?.find((role) => role.metadata.name === "system:node")
      ?.rules ?? []
  );
}
