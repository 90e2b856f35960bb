import { ApiError, type FieldRequirement, parseFieldSelector, type Unstructured } from "@tsukube/api";
import type {
  FieldSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
} from "@tsukube/api/types/authorization-v1";
import type { BootstrapTokenAuthenticator } from "../authentication/bootstrap-tokens.ts";
import type { ServiceAccountAuthenticator } from "../authentication/tokens.ts";
import type { AuthorizationAttributes, Authorizer, RequestContext, User } from "../contracts.ts";
import type { RbacAuthorizer } from "./rbac.ts";

export interface ReviewDeps {
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly accounts: ServiceAccountAuthenticator;
  readonly bootstrapTokens: BootstrapTokenAuthenticator;
  /** Of the API server itself. */
  readonly audiences: readonly string[];
}

type Spec = Readonly<Record<string, unknown>>;
type Review = (context: RequestContext, object: Unstructured, deps: ReviewDeps) => Promise<unknown>;

/** Resources that answer a question and store nothing: what `create` gives as their status. */
export const REVIEWS: Readonly<Record<string, Review>> = {
  selfsubjectaccessreviews: async ({ user }, object, deps) => decide(deps, user, specOf(object)),
  subjectaccessreviews: async (_context, object, deps) => decide(deps, subjectOf(specOf(object)), specOf(object)),
  localsubjectaccessreviews: async (context, object, deps) => {
    const spec = specOf(object);
    const { namespace } = (spec["resourceAttributes"] ?? {}) as ResourceAttributes;
    if (namespace !== context.info.namespace) {
      throw ApiError.badRequest(`spec.resourceAttributes.namespace must match namespace: ${context.info.namespace}`);
    }
    return decide(deps, subjectOf(spec), spec);
  },
  selfsubjectrulesreviews: async ({ user }, object, { rbac }) => {
    const rules = rbac.rulesFor(user, String(specOf(object)["namespace"] ?? ""));
    return {
      resourceRules: rules
        .filter((rule) => (rule.resources ?? []).length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          apiGroups,
          resources,
          ...(resourceNames && { resourceNames }),
        })),
      nonResourceRules: rules
        .filter((rule) => (rule.nonResourceURLs ?? []).length > 0)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: false,
    };
  },
  selfsubjectreviews: async ({ user }) => ({ userInfo: userInfo(user) }),
  tokenreviews: async (_context, object, { accounts, bootstrapTokens, audiences }) => {
    const spec = specOf(object) as { token?: string; audiences?: readonly string[] };
    const asked = spec.audiences === undefined || spec.audiences.length === 0 ? audiences : spec.audiences;
    const joining = bootstrapTokens.userOf(spec.token ?? "");
    const common = audiences.filter((audience) => asked.includes(audience));
    if (joining !== undefined && common.length > 0)
      return { authenticated: true, user: userInfo(joining), audiences: common };
    const reviewed = spec.token === undefined ? undefined : accounts.review(spec.token, asked);
    if (reviewed === undefined) return { user: {}, error: "invalid bearer token" };
    return { authenticated: true, user: userInfo(reviewed.user), audiences: reviewed.audiences };
  },
};

function specOf(object: Unstructured): Spec {
  return (object["spec"] ?? {}) as Spec;
}

function subjectOf(spec: Spec): User {
  const {
    user = "",
    groups = [],
    uid,
    extra = {},
  } = spec as { user?: string; groups?: readonly string[]; uid?: string; extra?: User["extra"] };
  return { name: user, groups, extra, ...(uid !== undefined && uid !== "" && { uid }) };
}

async function decide({ authorizer }: ReviewDeps, user: User, spec: Spec): Promise<unknown> {
  const { decision, reason } = await authorizer.authorize(attributesOf(user, spec));
  return {
    allowed: decision === "allow",
    ...(decision === "deny" && { denied: true }),
    ...(reason !== "" && { reason }),
  };
}

function attributesOf(user: User, spec: Spec): AuthorizationAttributes {
  const resource = spec["resourceAttributes"] as ResourceAttributes | undefined | null;
  const nonResource = spec["nonResourceAttributes"] as NonResourceAttributes | undefined | null;
  return {
    user,
    isResource: resource !== undefined && resource !== null,
    verb: resource?.verb ?? nonResource?.verb ?? "",
    group: resource?.group ?? "",
    version: resource?.version ?? "",
    resource: resource?.resource ?? "",
    subresource: resource?.subresource ?? "",
    namespace: resource?.namespace ?? "",
    name: resource?.name ?? "",
    path: nonResource?.path ?? "",
    ...(resource?.fieldSelector && { fieldSelector: requirementsOf(resource.fieldSelector) }),
  };
}

/** Selectors that cannot be understood confine nothing: the decision is then about everything. */
function requirementsOf({ rawSelector, requirements }: FieldSelectorAttributes): readonly FieldRequirement[] {
  if (rawSelector !== undefined && rawSelector !== "") {
    try {
      return parseFieldSelector(rawSelector).requirements;
    } catch {
      return [];
    }
  }
  return (requirements ?? []).flatMap(({ key, operator, values }) => {
    if ((values ?? []).length !== 1 || (operator !== "In" && operator !== "NotIn")) return [];
    return [{ field: key ?? "", operator: operator === "In" ? ("=" as const) : ("!=" as const), value: values![0]! }];
  });
}

function userInfo(user: User): object {
  return {
    username: user.name,
    ...(user.uid !== undefined && { uid: user.uid }),
    groups: user.groups,
    ...(Object.keys(user.extra).length > 0 && { extra: user.extra }),
  };
}
