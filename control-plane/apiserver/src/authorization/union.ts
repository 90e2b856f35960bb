import type { AuthorizationAttributes, AuthorizationDecision, ImmediateAuthorizer } from "../contracts.ts";

/** system:masters may do everything; then each authorizer in turn until one decides. */
export function unionAuthorizer(authorizers: readonly ImmediateAuthorizer[]): ImmediateAuthorizer {
  const decide = (attributes: AuthorizationAttributes): AuthorizationDecision => {
    if (attributes.user.groups.includes("system:masters")) return { decision: "allow", reason: "" };
    const reasons: string[] = [];
    for (const authorizer of authorizers) {
      const made = authorizer.decide(attributes);
      if (made.decision !== "no-opinion") return made;
      if (made.reason !== "") reasons.push(made.reason);
    }
    return { decision: "no-opinion", reason: reasons.join(", ") };
  };
  return { decide, authorize: async (attributes) => decide(attributes) };
}

/** Lets everybody do everything, as upstream's mode of this name. */
export const alwaysAllow: ImmediateAuthorizer = {
  decide: () => ({ decision: "allow", reason: "" }),
  authorize: async () => ({ decision: "allow", reason: "" }),
};
