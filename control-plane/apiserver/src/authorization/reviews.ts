import { ApiError, aggregateMessage, type Unstructured, validateCreate } from "@tsukube/api";
import { type Clock, formatTime } from "@tsukube/foundation";
import type { Authentication } from "../authentication/authentication.ts";
import { TokenProblem } from "../authentication/token-problem.ts";
import type { Authorizer, RequestContext, User } from "../contracts.ts";
import type { RbacAuthorizer } from "./rbac.ts";
import { questionOf } from "./review-question.ts";

export interface ReviewDeps {
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly authentication: Authentication;
  /** Whether somebody is asked in this mode what users may do. */
  asks(mode: "Node" | "Webhook"): boolean;
  readonly clock: Clock;
}

type Spec = Readonly<Record<string, unknown>>;
type Answer = Pick<Unstructured, "metadata"> & { readonly spec?: unknown; readonly status: unknown };
type Review = (context: RequestContext, object: Unstructured, deps: ReviewDeps) => Promise<Answer>;

/** Resources that answer a question and store nothing: what `create` makes of it. */
export const REVIEWS: Readonly<Record<string, Review>> = {
  selfsubjectaccessreviews: async ({ user }, object, deps) => {
    checkQuestion("SelfSubjectAccessReview", object);
    return { ...object, status: await decide(deps, user, specOf(object)) };
  },
  subjectaccessreviews: async (_context, object, deps) => {
    checkQuestion("SubjectAccessReview", object);
    return { ...object, status: await decide(deps, subjectOf(specOf(object)), specOf(object)) };
  },
  localsubjectaccessreviews: async (_context, object, deps) => {
    checkQuestion("LocalSubjectAccessReview", object);
    return { ...object, status: await decide(deps, subjectOf(specOf(object)), specOf(object)) };
  },
  selfsubjectrulesreviews: async ({ user }, object, { rbac, asks }) => {
    const namespace = String(specOf(object)["namespace"] ?? "");
    if (namespace === "") throw ApiError.badRequest("no namespace on request");
    const rules = rbac.rulesFor(user, namespace);
    const status = {
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
      ...completeness(user, asks),
    };
    return { metadata: {}, spec: {}, status }; // the answer does not tell the question
  },
  selfsubjectreviews: async ({ user }, _object, { clock }) => ({
    metadata: { creationTimestamp: formatTime(clock.now()) },
    status: { userInfo: userInfo(user) },
  }),
  tokenreviews: async (_context, object, deps) => {
    const { token = "", audiences = [] } = specOf(object) as { token?: string; audiences?: readonly string[] };
    if (token === "") throw ApiError.badRequest("token is required for TokenReview in authentication");
    return { ...object, status: await reviewOf(token, audiences, deps.authentication) };
  },
};

async function reviewOf(token: string, wanted: readonly string[], authentication: Authentication): Promise<unknown> {
  const { audiences, reviewers } = authentication;
  const asked = wanted.length === 0 ? audiences : wanted;
  const common = asked.filter((audience) => audiences.includes(audience));
  const known = (user: User) => ({ authenticated: true, user: userInfo(user), audiences: common });
  const joining = authentication.userOf(token);
  if (joining !== undefined && common.length > 0) return known(joining);
  const problems: string[] = [];
  for (const reviewer of reviewers) {
    try {
      const reviewed = await reviewer.review(token, asked);
      if (reviewed !== undefined)
        return { authenticated: true, user: userInfo(reviewed.user), audiences: reviewed.audiences };
    } catch (error) {
      problems.push(problemOf(error));
    }
  }
  return { user: {}, error: aggregateMessage([INVALID, ...problems]) };
}

/** @throws what says nothing of the token. */
function problemOf(error: unknown): string {
  if (error instanceof TokenProblem) return error.message;
  throw error;
}

const INVALID = "invalid bearer token";

/** What these let users do depends on more than rules: no list of them tells it. */
function completeness({ name, groups }: User, asks: ReviewDeps["asks"]): object {
  const isNode = name.startsWith("system:node:") && groups.includes("system:nodes");
  const silent = [...(isNode && asks("Node") ? ["node"] : []), ...(asks("Webhook") ? ["webhook"] : [])];
  if (silent.length === 0) return { incomplete: false };
  const problems = silent.map((kind) => `${kind} authorizer does not support user rule resolution`);
  return { incomplete: true, evaluationError: aggregateMessage(problems) };
}

/** Upstream names no kind here. */
function checkQuestion(kind: string, object: Unstructured): void {
  const group = "authorization.k8s.io";
  const errors = validateCreate({ group, version: "v1", kind }, object);
  if (errors.length > 0) throw ApiError.invalid({ group, kind: "" }, "", errors);
}

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
  const { attributes, problems } = questionOf(user, spec);
  const { decision, reason, problem } = await authorizer.authorize(attributes);
  const all = problem === undefined ? problems : [...problems, problem];
  return {
    allowed: decision === "allow",
    ...(decision === "deny" && { denied: true }),
    ...(reason !== "" && { reason }),
    ...(all.length > 0 && { evaluationError: all.join("; ") }),
  };
}

function userInfo(user: User): object {
  return {
    username: user.name,
    ...(user.uid !== undefined && { uid: user.uid }),
    groups: user.groups,
    ...(Object.keys(user.extra).length > 0 && { extra: user.extra }),
  };
}
