import { aggregateMessage, type Unstructured } from "@tsukube/api";
import type { PolicyRule, RoleRef, Subject } from "@tsukube/api/types/rbac-v1";
import { withoutEnd } from "@tsukube/foundation";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer, User } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

const PREFIXES = {
  roles: "/registry/roles/",
  clusterRoles: "/registry/clusterroles/",
  roleBindings: "/registry/rolebindings/",
  clusterRoleBindings: "/registry/clusterrolebindings/",
} as const;

/** Rules that a binding gives, in one namespace or ("") everywhere. */
interface Grant {
  readonly namespace: string;
  readonly rules: readonly PolicyRule[];
  /** For the reason shown to users. */
  readonly because: string;
  /** Why there are no rules: the role is not there. */
  readonly problem?: string;
}

type RoleObject = Unstructured & { readonly rules?: readonly PolicyRule[] | null };
type BindingObject = Unstructured & { readonly subjects?: readonly Subject[] | null; readonly roleRef?: RoleRef };

/**
 * Role-based access control over the watch cache. Grants are indexed by subject; the index is made anew after a role or
 * binding changed, which is rare next to decisions.
 */
export class RbacAuthorizer implements Authorizer {
  readonly #cache: WatchCache;
  #grants: ReadonlyMap<string, readonly Grant[]> | undefined;

  constructor(cache: WatchCache) {
    this.#cache = cache;
    for (const prefix of Object.values(PREFIXES)) {
      cache.subscribe(prefix, () => {
        this.#grants = undefined;
      });
    }
  }

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationDecision> {
    return this.decide(attributes);
  }

  decide(attributes: AuthorizationAttributes): AuthorizationDecision {
    const problems: string[] = [];
    for (const grant of this.grantsOf(attributes.user)) {
      if (grant.namespace !== "" && (grant.namespace !== attributes.namespace || !attributes.isResource)) continue;
      if (grant.problem !== undefined) problems.push(grant.problem);
      if (grant.rules.some((rule) => allows(rule, attributes)))
        return { decision: "allow", reason: `RBAC: allowed by ${grant.because}` };
    }
    return { decision: "no-opinion", reason: problems.length === 0 ? "" : `RBAC: ${aggregateMessage(problems)}` };
  }

  /** Everything that is granted to a user, directly or through groups. */
  grantsOf(user: User): readonly Grant[] {
    this.#grants ??= this.#index();
    const grants = this.#grants;
    const keys = [`User ${user.name}`, ...user.groups.map((group) => `Group ${group}`)];
    return keys.flatMap((key) => grants.get(key) ?? []);
  }

  /** The rules that a user has in a namespace, cluster-wide ones included. */
  rulesFor(user: User, namespace: string): readonly PolicyRule[] {
    return this.grantsOf(user)
      .filter((grant) => grant.namespace === "" || grant.namespace === namespace)
      .flatMap((grant) => grant.rules);
  }

  /** The rules of a role that a binding refers to. */
  rulesOfRole(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    const key =
      ref.kind === "ClusterRole" ? PREFIXES.clusterRoles + ref.name : `${PREFIXES.roles}${namespace}/${ref.name}`;
    const role = this.#cache.get(key)?.object as RoleObject | undefined;
    return role === undefined ? undefined : (role.rules ?? []);
  }

  #index(): ReadonlyMap<string, readonly Grant[]> {
    const index = new Map<string, Grant[]>();
    for (const prefix of [PREFIXES.clusterRoleBindings, PREFIXES.roleBindings]) {
      for (const [, cached] of this.#cache.head.range(prefix)) {
        const binding = cached.object as BindingObject;
        const namespace = binding.metadata?.namespace ?? "";
        if (binding.roleRef === undefined) continue;
        const { kind, name } = binding.roleRef;
        const rules = this.rulesOfRole(binding.roleRef, namespace);
        const problem = `${kind?.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`;
        const given = rules === undefined ? { rules: [], problem } : { rules };
        for (const subject of binding.subjects ?? []) {
          const key = subjectKey(subject, namespace);
          const because = describe(binding, subject);
          index.set(key, [...(index.get(key) ?? []), { namespace, because, ...given }]);
        }
      }
    }
    return index;
  }
}

function subjectKey(subject: Subject, namespace: string): string {
  if (subject.kind === "ServiceAccount")
    return `User system:serviceaccount:${subject.namespace ?? namespace}:${subject.name}`;
  return `${subject.kind} ${subject.name}`;
}

function describe(binding: BindingObject, subject: Subject): string {
  const { name = "", namespace = "" } = binding.metadata ?? {};
  const kind = namespace === "" ? "ClusterRoleBinding" : "RoleBinding";
  const shown =
    subject.kind === "ServiceAccount" ? `"${subject.name}/${subject.namespace ?? namespace}"` : `"${subject.name}"`;
  return `${kind} "${name}${namespace === "" ? "" : `/${namespace}`}" of ${binding.roleRef?.kind} "${binding.roleRef?.name}" to ${subject.kind} ${shown}`;
}

/** Whether a rule covers a request (rbac/v1 PolicyRule). */
export function allows(rule: PolicyRule, attributes: AuthorizationAttributes): boolean {
  const has = (values: readonly string[] | undefined | null, value: string): boolean =>
    values?.includes("*") === true || values?.includes(value) === true;
  if (!has(rule.verbs, attributes.verb)) return false;
  if (!attributes.isResource)
    return (rule.nonResourceURLs ?? []).some((pattern) => matchesPath(pattern, attributes.path));
  if (!has(rule.apiGroups, attributes.group)) return false;
  const { resource, subresource } = attributes;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  const covers = (rule.resources ?? []).some(
    (value) => value === "*" || value === combined || (subresource !== "" && value === `*/${subresource}`),
  );
  if (!covers) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || names.includes(attributes.name);
}

function matchesPath(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === path) return true;
  return pattern.endsWith("*") && path.startsWith(withoutEnd(pattern, "*"));
}
