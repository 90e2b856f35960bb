import { ApiError, jsonEqual, type Unstructured } from "@tsukube/api";
import type { ClusterRole, PolicyRule, RoleRef } from "@tsukube/api/types/rbac-v1";
import type { RbacAuthorizer } from "../authorization/rbac.ts";
import { describeRules, goList, uncovered } from "../authorization/rule-cover.ts";
import type { AdmissionAttributes, AdmissionPlugin, Authorizer } from "../contracts.ts";

const GROUP = "rbac.authorization.k8s.io";
const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];
const ROLES = new Set(["roles", "clusterroles"]);
const BINDINGS = new Set(["rolebindings", "clusterrolebindings"]);

/**
 * Nobody grants what they do not hold themselves, unless a role lets them `escalate` that role or `bind` it. Not a plugin
 * upstream but part of the registries; it runs at the same place, after the others have changed the object.
 */
export function roleEscalation(rbac: RbacAuthorizer, authorizer: Authorizer): AdmissionPlugin {
  const check = new EscalationCheck(rbac, authorizer);
  return {
    name: "RoleEscalation",
    handles: ({ resource, operation, subresource, context }) =>
      resource.group === GROUP &&
      subresource === "" &&
      (operation === "CREATE" || operation === "UPDATE") &&
      !context.user.groups.includes("system:masters"),
    async mutate(attributes) {
      if (!isBookkeeping(attributes)) {
        if (ROLES.has(attributes.resource.resource)) await check.role(attributes);
        if (BINDINGS.has(attributes.resource.resource)) await check.binding(attributes);
      }
      return attributes.object;
    },
  };
}

/** The garbage collector may change owners and finalizers of roles that it could not grant. */
function isBookkeeping({ object, oldObject }: AdmissionAttributes): boolean {
  if (oldObject === undefined) return false;
  const rest = (of: Unstructured | undefined): unknown => {
    const {
      ownerReferences: _owners,
      finalizers: _finalizers,
      managedFields: _managed,
      ...metadata
    } = of?.metadata ?? {};
    return { ...of, metadata };
  };
  return jsonEqual(rest(object), rest(oldObject));
}

class EscalationCheck {
  readonly #rbac: RbacAuthorizer;
  readonly #authorizer: Authorizer;

  constructor(rbac: RbacAuthorizer, authorizer: Authorizer) {
    this.#rbac = rbac;
    this.#authorizer = authorizer;
  }

  async role(attributes: AdmissionAttributes): Promise<void> {
    const { resource, context, namespace } = attributes;
    if (await this.#may(attributes, "escalate", resource.resource, context.info.name, namespace)) return;
    const role = attributes.object as ClusterRole & Unstructured;
    this.#confirm(attributes, role.rules ?? []);
    const aggregates = (of: ClusterRole | undefined): boolean =>
      (of?.aggregationRule?.clusterRoleSelectors ?? []).length > 0;
    if (!aggregates(role) && !aggregates(attributes.oldObject as ClusterRole | undefined)) return;
    if (this.#missing(attributes, EVERYTHING).length > 0)
      refuse(attributes, "must have cluster-admin privileges to use the aggregationRule");
  }

  async binding(attributes: AdmissionAttributes): Promise<void> {
    const { namespace } = attributes;
    const ref = (attributes.object as { readonly roleRef?: RoleRef } | undefined)?.roleRef;
    const resource = ref?.kind === "ClusterRole" ? "clusterroles" : "roles";
    if (ref === undefined || (ref.kind !== "ClusterRole" && ref.kind !== "Role"))
      throw ApiError.unknown(`unsupported role reference kind: "${ref?.kind ?? ""}"`);
    if (await this.#may(attributes, "bind", resource, ref.name ?? "", namespace)) return;
    const rules = this.#rbac.rulesOfRole(ref, namespace);
    // upstream looks the role up as if the request were about it
    if (rules === undefined) throw ApiError.notFound(attributes.resource, ref.name ?? "");
    this.#confirm(attributes, rules);
  }

  #missing({ context, namespace }: AdmissionAttributes, rules: readonly PolicyRule[]): readonly PolicyRule[] {
    return uncovered(this.#rbac.rulesFor(context.user, namespace), rules);
  }

  #confirm(attributes: AdmissionAttributes, rules: readonly PolicyRule[]): void {
    const missing = this.#missing(attributes, rules);
    if (missing.length === 0) return;
    const { name, groups } = attributes.context.user;
    refuse(
      attributes,
      `user "${name}" (groups=${goList(groups)}) is attempting to grant RBAC permissions not currently held:\n${describeRules(missing)}`,
    );
  }

  async #may(
    { context }: AdmissionAttributes,
    verb: string,
    resource: string,
    name: string,
    namespace: string,
  ): Promise<boolean> {
    const attributes = { user: context.user, verb, isResource: true, group: GROUP, version: "*", path: "" };
    const { decision } = await this.#authorizer.authorize({
      ...attributes,
      resource,
      subresource: "",
      namespace,
      name,
    });
    return decision === "allow";
  }
}

function refuse({ resource, object }: AdmissionAttributes, why: string): never {
  throw ApiError.forbidden(resource, object?.metadata?.name ?? "", why);
}
