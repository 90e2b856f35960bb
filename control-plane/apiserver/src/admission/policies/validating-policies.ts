import { ApiError, CelError, POLICY_ENVIRONMENT } from "@tsukube/api";
import type {
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
  Validation,
} from "@tsukube/api/types/admissionregistration-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import { evaluate } from "../cel-request.ts";
import { isExempt } from "../webhooks/webhook-admission.ts";
import { type Encounter, encounters, type Policy, type PolicyDeps, policiesOf } from "./policy.ts";

type ValidatingPolicy = Policy<ValidatingAdmissionPolicySpec, ValidatingAdmissionPolicyBindingSpec>;

/** What a policy has against a request. */
interface Objection {
  readonly message: string;
  readonly reason: string;
}

const CODES: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};
const MAX_MESSAGE_BYTES = 5 * 1024;

/** ValidatingAdmissionPolicies (KEP-3488): expressions that objects must fulfil, denied or warned of as the binding says. */
export function validatingPolicies(deps: PolicyDeps): AdmissionPlugin {
  return {
    name: "ValidatingAdmissionPolicy",
    handles: (attributes) => !isExempt(attributes),
    async validate(attributes) {
      const denials: ApiError[] = [];
      for (const policy of policiesOf<ValidatingAdmissionPolicySpec, ValidatingAdmissionPolicyBindingSpec>(
        deps.cache,
        "validating",
      )) {
        for (const binding of policy.bindings) {
          const actions = binding.spec.validationActions ?? [];
          for (const objection of objections(deps, policy, binding, attributes)) {
            const about = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}'`;
            if (actions.includes("Warn"))
              attributes.context.warn(`Validation failed for ${about}: ${objection.message}`);
            if (actions.includes("Deny")) denials.push(denial(attributes, about, objection));
          }
        }
      }
      if (denials[0] !== undefined) throw denials[0];
    },
  };
}

function objections(
  deps: PolicyDeps,
  policy: ValidatingPolicy,
  binding: ValidatingPolicy["bindings"][number],
  attributes: AdmissionAttributes,
): readonly Objection[] {
  const failure = (error: unknown): readonly Objection[] => {
    if (!(error instanceof CelError)) throw error;
    return policy.spec.failurePolicy === "Ignore" ? [] : [{ message: error.message, reason: "Invalid" }];
  };
  try {
    return encounters(deps, policy, binding, attributes).flatMap((encounter) =>
      (policy.spec.validations ?? []).flatMap((validation) => {
        try {
          const holds = evaluate(validation.expression, POLICY_ENVIRONMENT, encounter.bindings, encounter.budget);
          if (holds === true) return [];
          return [{ message: messageOf(validation, encounter), reason: validation.reason || "Invalid" }];
        } catch (error) {
          return failure(error);
        }
      }),
    );
  } catch (error) {
    return failure(error);
  }
}

/** The message that the policy computes, or its fixed one, or the expression. */
function messageOf({ messageExpression, message, expression }: Validation, { bindings, budget }: Encounter): string {
  const fixed = (message ?? "").trim() || `failed expression: ${expression.trim()}`;
  if ((messageExpression ?? "") === "") return fixed;
  try {
    const computed = evaluate(messageExpression ?? "", POLICY_ENVIRONMENT, bindings, budget);
    const text = typeof computed === "string" ? computed.trim() : "";
    return text === "" || text.includes("\n") || Buffer.byteLength(text) > MAX_MESSAGE_BYTES ? fixed : text;
  } catch (error) {
    if (error instanceof CelError) return fixed;
    throw error;
  }
}

function denial({ resource, name }: AdmissionAttributes, about: string, { message, reason }: Objection): ApiError {
  const text = `${about} denied request: ${message}`;
  const { status } = ApiError.forbidden(resource, name, text, [{ message: text }]);
  return new ApiError({ ...status, reason, code: CODES[reason] ?? 422 });
}
