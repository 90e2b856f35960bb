import type { AuthorizationAttributes, AuthorizationDecision, ImmediateAuthorizer } from "../contracts.ts";
import { settled } from "./awaited.ts";

/** One that is asked in its turn. */
export interface NamedAuthorizer {
  /** Before its reasons. */
  readonly name: string;
  decide(attributes: AuthorizationAttributes): AuthorizationDecision;
}

/** system:masters may do everything; then each authorizer in turn until one decides. */
export function unionAuthorizer(authorizers: () => readonly NamedAuthorizer[]): ImmediateAuthorizer {
  const decide = (attributes: AuthorizationAttributes): AuthorizationDecision => {
    if (attributes.user.groups.includes("system:masters")) return { decision: "allow", reason: "" };
    const [reasons, problems]: [string[], string[]] = [[], []];
    for (const authorizer of authorizers()) {
      const made = authorizer.decide(attributes);
      if (made.decision !== "no-opinion") return made;
      if (made.problem !== undefined) problems.push(made.problem);
      if (made.reason !== "") reasons.push(`${authorizer.name}: ${made.reason}`);
    }
    const [problem, ...more] = problems;
    return {
      ...{ decision: "no-opinion", reason: reasons.join("\n") },
      ...(problem !== undefined && { problem: more.length === 0 ? problem : `[${problems.join(", ")}]` }),
    };
  };
  return { decide, authorize: (attributes) => settled(() => decide(attributes)) };
}

const always = (decision: "allow" | "no-opinion"): ImmediateAuthorizer => {
  const made: AuthorizationDecision = { decision, reason: decision === "allow" ? "" : "Everything is forbidden." };
  return { decide: () => made, authorize: async () => made };
};

/** Lets everybody do everything, as upstream's mode of this name. */
export const alwaysAllow = always("allow");

/** Lets nobody but system:masters do anything, as upstream's mode of this name. */
export const alwaysDeny = always("no-opinion");
