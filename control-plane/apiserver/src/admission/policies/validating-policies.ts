import { ApiError, CelError, POLICY_ENVIRONMENT } from "@tsukube/api";
import type {
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
  Validation,
} from "@tsukube/api/types/admissionregistration-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import { evaluate } from "../cel-request.ts";
import { toldName } from "../refusal.ts";
import { type Encounter, encounters, isOfPolicies, type Policy, type PolicyDeps, policiesOf } from "./policy.ts";

type ValidatingPolicy = Policy<ValidatingAdmissionPolicySpec, ValidatingAdmissionPolicyBindingSpec>;

/** What a policy has against a request. */
interface Objection {
  readonly message: string;
  readonly reason: string;
  readonly expressionIndex: number;
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
    handles: (attributes) => !isOfPolicies(attributes),
    async validate(attributes) {
      const denials: ApiError[] = [];
      for (const policy of policiesOf<ValidatingAdmissionPolicySpec, ValidatingAdmissionPolicyBindingSpec>(
        deps.cache,
        "validating",
      )) {
        for (const binding of policy.bindings) {
          const actions = binding.spec.validationActions ?? [];
          const found = await objections(deps, policy, binding, attributes);
          if (actions.includes("Audit") && found.length > 0)
            attributes.context.annotate?.(FAILURES, failuresText(policy.name, binding.name, found, actions));
          for (const objection of found) {
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

const FAILURES = "validation.policy.admission.k8s.io/validation_failure";

/** The value of the annotation about what a binding only audits. */
function failuresText(
  policy: string,
  binding: string,
  found: readonly Objection[],
  validationActions: readonly string[],
): string {
  return JSON.stringify(
    found.map(({ message, expressionIndex }) => ({ message, policy, binding, expressionIndex, validationActions })),
  );
}

/** Annotations of the request that the policy computes; null is none. @throws {CelError} */
function annotate(policy: ValidatingPolicy, { bindings, budget }: Encounter, { context }: AdmissionAttributes): void {
  if (context.annotate === undefined) return;
  for (const { key, valueExpression } of policy.spec.auditAnnotations ?? []) {
    const value = evaluate(valueExpression, POLICY_ENVIRONMENT, bindings, budget);
    if (typeof value === "string" && value.trim() !== "")
      context.annotate(`${policy.name}/${key}`, value.trim().slice(0, MAX_ANNOTATION));
  }
}

const MAX_ANNOTATION = 10 * 1024;

async function objections(
  deps: PolicyDeps,
  policy: ValidatingPolicy,
  binding: ValidatingPolicy["bindings"][number],
  attributes: AdmissionAttributes,
): Promise<readonly Objection[]> {
  const failure = (error: unknown, expressionIndex = 0): readonly Objection[] => {
    if (!(error instanceof CelError)) throw error;
    return policy.spec.failurePolicy === "Ignore"
      ? []
      : [{ message: error.message, reason: "Invalid", expressionIndex }];
  };
  try {
    return (await encounters(deps, policy, binding, attributes)).flatMap((encounter) => {
      annotate(policy, encounter, attributes);
      return (policy.spec.validations ?? []).flatMap((validation, expressionIndex) => {
        try {
          const holds = evaluate(validation.expression, POLICY_ENVIRONMENT, encounter.bindings, encounter.budget);
          if (holds === true) return [];
          return [
            { message: messageOf(validation, encounter), reason: validation.reason || "Invalid", expressionIndex },
          ];
        } catch (error) {
          return failure(error, expressionIndex);
        }
      });
    });
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

function denial(attributes: AdmissionAttributes, about: string, { message, reason }: Objection): ApiError {
  const text = `${about} denied request: ${message}`;
  const { status } = ApiError.forbidden(attributes.resource, toldName(attributes), text, [{ message: text }]);
  return new ApiError({ ...status, reason, code: CODES[reason] ?? 422 });
}
