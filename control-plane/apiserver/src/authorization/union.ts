import type { AuthorizationDecision, Authorizer } from "../contracts.ts";

/** system:masters may do everything; then each authorizer in turn until one decides. */
export function unionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  return {
    async authorize(attributes): Promise<AuthorizationDecision> {
      if (attributes.user.groups.includes("system:masters")) return { decision: "allow", reason: "" };
      const reasons: string[] = [];
      for (const authorizer of authorizers) {
        const made = await authorizer.authorize(attributes);
        if (made.decision !== "no-opinion") return made;
        if (made.reason !== "") reasons.push(made.reason);
      }
      return { decision: "no-opinion", reason: reasons.join(", ") };
    },
  };
}
