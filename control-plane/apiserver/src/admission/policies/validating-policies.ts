import { ApiError, CelError, POLICY_ENVIRONMENT } from "@tsukube/api";
import type {
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
  Validation,
} from "@tsukube/api/types/admissionregistration-v1";
import { settled } from "../../authorization/awaited.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import { evaluate, POLICY_BUDGET } from "../cel-request.ts";
import { toldName } from "../refusal.ts";
import {
  type Encounter,
  encounter,
  isOfPolicies,
  type Meeting,
  meetings,
  type Policy,
  type PolicyDeps,
  PolicyProblem,
  policiesOf,
  shownIn,
} from "./policy.ts";

type ValidatingPolicy = Policy<ValidatingAdmissionPolicySpec, ValidatingAdmissionPolicyBindingSpec>;
type Binding = ValidatingPolicy["bindings"][number];

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
      const verdict = new Verdict(attributes);
      for (const policy of policiesOf<ValidatingAdmissionPolicySpec, ValidatingAdmissionPolicyBindingSpec>(
        deps.cache,
        "validating",
      )) {
        const notes = new Notes();
        for (const binding of policy.bindings) await judge(deps, policy, binding, attributes, verdict, notes);
        notes.publish(policy.name, attributes.context);
      }
      verdict.announce();
    },
  };
}

async function judge(
  deps: PolicyDeps,
  policy: ValidatingPolicy,
  binding: Binding,
  attributes: AdmissionAttributes,
  verdict: Verdict,
  notes: Notes,
): Promise<void> {
  try {
    const met = meetings(deps, policy, binding, attributes);
    if (met.length === 0) return;
    const shown = await shownIn(deps, met[0]!, attributes);
    for (const meeting of met) {
      const { objections, problems } = await settled(() => outcomeOf(deps, policy, meeting, shown, notes));
      for (const objection of objections) verdict.object(policy, binding, objection);
      for (const why of problems) verdict.deny(policy, binding, failed(why));
    }
  } catch (error) {
    if (!(error instanceof PolicyProblem)) throw error;
    if (!ignoresFailures(policy)) verdict.deny(policy, error.isOfBinding ? binding : undefined, failed(error.message));
  }
}

/** What the policy objects, and what of its annotations could not be computed. */
function outcomeOf(
  deps: PolicyDeps,
  policy: ValidatingPolicy,
  meeting: Meeting,
  shown: AdmissionAttributes,
  notes: Notes,
): { readonly objections: readonly Objection[]; readonly problems: readonly string[] } {
  try {
    const met = encounter(deps, policy, meeting, shown);
    if (met === undefined) return { objections: [], problems: [] };
    return { objections: objectionsOf(policy, met), problems: notes.take(policy, met) };
  } catch (error) {
    return { objections: failure(policy, error), problems: [] };
  }
}

function objectionsOf(policy: ValidatingPolicy, met: Encounter): readonly Objection[] {
  return (policy.spec.validations ?? []).flatMap((validation, expressionIndex) => {
    try {
      if (evaluate(validation.expression, POLICY_ENVIRONMENT, met.bindings, met.budget) === true) return [];
      return [{ message: messageOf(validation, met), reason: validation.reason || "Invalid", expressionIndex }];
    } catch (error) {
      return failure(policy, error, expressionIndex);
    }
  });
}

function failure(policy: ValidatingPolicy, error: unknown, expressionIndex = 0): readonly Objection[] {
  if (!(error instanceof CelError)) throw error;
  return ignoresFailures(policy) ? [] : [failed(error.message, expressionIndex)];
}

function failed(message: string, expressionIndex = 0): Objection {
  return { message, reason: "Invalid", expressionIndex };
}

function ignoresFailures({ spec }: ValidatingPolicy): boolean {
  return spec.failurePolicy === "Ignore";
}

const FAILURES = "validation.policy.admission.k8s.io/validation_failure";
/** Failures that one annotation tells of. */
const MOST_FAILURES = 50;

/** What all policies together have against a request. */
class Verdict {
  readonly #attributes: AdmissionAttributes;
  readonly #failures: object[] = [];
  #denial: ApiError | undefined;

  constructor(attributes: AdmissionAttributes) {
    this.#attributes = attributes;
  }

  /** As the binding says. */
  object(policy: ValidatingPolicy, binding: Binding, objection: Objection): void {
    const { message, expressionIndex } = objection;
    const validationActions = binding.spec.validationActions ?? [];
    const names = { policy: policy.name, binding: binding.name };
    if (validationActions.includes("Audit"))
      this.#failures.push({ message, ...names, expressionIndex, validationActions });
    if (validationActions.includes("Warn"))
      this.#attributes.context.warn(`Validation failed for ${aboutOf(policy, binding)}: ${message}`);
    if (validationActions.includes("Deny")) this.deny(policy, binding, objection);
  }

  /** The first that denies tells why. */
  deny(policy: ValidatingPolicy, binding: Binding | undefined, objection: Objection): void {
    this.#denial ??= denial(this.#attributes, aboutOf(policy, binding), objection);
  }

  /** @throws {ApiError} when the request is denied. */
  announce(): void {
    if (this.#failures.length > 0)
      this.#attributes.context.annotate?.(FAILURES, JSON.stringify(this.#failures.slice(0, MOST_FAILURES)));
    if (this.#denial !== undefined) throw this.#denial;
  }
}

function aboutOf({ name }: ValidatingPolicy, binding: Binding | undefined): string {
  return `ValidatingAdmissionPolicy '${name}'${binding === undefined ? "" : ` with binding '${binding.name}'`}`;
}

const MAX_ANNOTATION = 10 * 1024;

/** Annotations of the request that a policy computes: of several meetings all values that differ. */
class Notes {
  readonly #values = new Map<string, Set<string>>();

  /** @returns why some could not be computed. */
  take({ spec: { auditAnnotations, failurePolicy } }: ValidatingPolicy, { bindings }: Encounter): readonly string[] {
    const budget = { left: POLICY_BUDGET };
    return (auditAnnotations ?? []).flatMap(({ key, valueExpression }) => {
      try {
        const value = evaluate(valueExpression, POLICY_ENVIRONMENT, bindings, budget);
        if (typeof value === "string") this.#add(key, value.trim());
        else if (value !== null) return [unsupported(valueExpression)];
        return [];
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        return failurePolicy === "Ignore" ? [] : [error.message];
      }
    });
  }

  #add(key: string, value: string): void {
    if (value === "") return;
    const values = this.#values.get(key) ?? new Set();
    this.#values.set(key, values.add(value.slice(0, MAX_ANNOTATION)));
  }

  publish(policy: string, { annotate }: AdmissionAttributes["context"]): void {
    for (const [key, values] of this.#values) annotate?.(`${policy}/${key}`, [...values].join(", "));
  }
}

function unsupported(expression: string): string {
  return `valueExpression '${expression}' resulted in unsupported return type. Return type must be either string or null.`;
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
