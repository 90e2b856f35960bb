import {
  ApiError,
  adapt,
  CelError,
  type Json,
  jsonEqual,
  jsonPatch,
  mergeObjects,
  POLICY_ENVIRONMENT,
  schemaOf,
  toJson,
  type Unstructured,
} from "@tsukube/api";
import type {
  MutatingAdmissionPolicyBindingSpec,
  MutatingAdmissionPolicySpec,
  Mutation,
} from "@tsukube/api/types/admissionregistration-v1";
import { messageOf } from "@tsukube/foundation";
import { settled } from "../../authorization/awaited.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import { evaluate } from "../cel-request.ts";
import { inForm, jsonOf, objectOf } from "../object-forms.ts";
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

type MutatingPolicy = Policy<MutatingAdmissionPolicySpec, MutatingAdmissionPolicyBindingSpec>;
type Binding = MutatingPolicy["bindings"][number];

/** A policy that a request is about, and how. */
interface Match {
  readonly policy: MutatingPolicy;
  readonly binding: Binding;
  readonly meeting: Meeting;
}

const POLICIES = "policies";

/** MutatingAdmissionPolicies (KEP-3962): expressions that make a configuration to apply, or a JSON patch. */
export function mutatingPolicies(deps: PolicyDeps): AdmissionPlugin {
  return {
    name: "MutatingAdmissionPolicy",
    handles: (attributes) => !isOfPolicies(attributes) && attributes.object !== undefined,
    async mutate(attributes) {
      const { reinvocation } = attributes;
      const asked = reinvocation.of(POLICIES);
      const failures = new Failures();
      let { object } = attributes;
      if (reinvocation.isAgain && !jsonEqual(asked.lastOutput, object)) asked.requireAll();
      for (const match of matchesOf(deps, attributes, failures)) {
        const before = object;
        object = await changedBy(deps, match, { ...attributes, object }, failures);
        if (jsonEqual(before, object)) continue;
        asked.requireAll();
        reinvocation.request();
      }
      asked.lastOutput = object;
      failures.announce(attributes);
      return object;
    },
  };
}

/** By the request as it came: what one policy changes makes no other match. */
function matchesOf(deps: PolicyDeps, attributes: AdmissionAttributes, failures: Failures): readonly Match[] {
  const policies = policiesOf<MutatingAdmissionPolicySpec, MutatingAdmissionPolicyBindingSpec>(deps.cache, "mutating");
  return policies.flatMap((policy) =>
    policy.bindings.flatMap((binding) => {
      try {
        return meetings(deps, policy, binding, attributes).map((meeting) => ({ policy, binding, meeting }));
      } catch (error) {
        failures.note(policy, binding, error);
        return [];
      }
    }),
  );
}

async function changedBy(
  deps: PolicyDeps,
  { policy, binding, meeting }: Match,
  attributes: AdmissionAttributes,
  failures: Failures,
): Promise<Unstructured | undefined> {
  const { reinvocation } = attributes;
  const asked = reinvocation.of(POLICIES);
  const isDue = !reinvocation.isAgain || asked.isRequired(meeting.id);
  let { object } = attributes;
  try {
    const shown = isDue ? await shownIn(deps, meeting, attributes) : undefined;
    const met = shown && (await settled(() => encounter(deps, policy, meeting, shown)));
    if (met === undefined) return object;
    // each sees what those before it made
    for (const mutation of policy.spec.mutations ?? []) {
      try {
        object = await mutated(deps, mutation, met, attributes, object);
      } catch (error) {
        failures.note(policy, binding, error);
      }
    }
  } catch (error) {
    failures.note(policy, binding, error);
    return object;
  }
  if (policy.spec.reinvocationPolicy === "IfNeeded") asked.remember(meeting.id);
  return object;
}

/** @throws {CelError} */
async function mutated(
  { registry }: PolicyDeps,
  mutation: Mutation,
  { form, bindings, budget }: Encounter,
  attributes: AdmissionAttributes,
  object: Unstructured | undefined,
): Promise<Unstructured | undefined> {
  if (object === undefined) return object;
  const shown = await inForm(registry, form, { ...attributes, object });
  const live = jsonOf(registry, form, shown.object ?? object);
  const source = mutation.applyConfiguration?.expression ?? mutation.jsonPatch?.expression ?? "";
  const scope = (name: string): unknown => (name === "object" ? adapt(live) : bindings(name));
  const seen = object === attributes.object ? bindings : scope;
  const value = toJson(await settled(() => evaluate(source, POLICY_ENVIRONMENT, seen, budget)));
  return objectOf(registry, form, attributes, applied(mutation, form, live, value));
}

function applied(mutation: Mutation, { kind }: Encounter["form"], live: Json, value: Json): Json {
  if (mutation.patchType === "ApplyConfiguration") return mergeObjects(schemaOf(kind), live, value) ?? live;
  try {
    return jsonPatch(live, value);
  } catch (error) {
    throw new CelError(`JSON Patch: ${messageOf(error instanceof ApiError ? (error.cause ?? error) : error)}`);
  }
}

/** What policies could not do, as far as their failures count. */
class Failures {
  readonly #found: { readonly message: string; readonly reason: string }[] = [];

  /** @throws what is no failure of the policy. */
  note({ name, spec }: MutatingPolicy, binding: Binding, error: unknown): void {
    const isProblem = error instanceof PolicyProblem;
    if (!isProblem && !(error instanceof CelError)) throw error;
    if (spec.failurePolicy === "Ignore") return;
    const about = isProblem && !error.isOfBinding ? `"${name}"` : `'${name}' with binding '${binding.name}'`;
    const reason = isProblem ? "Forbidden" : "Invalid";
    this.#found.push({ message: `policy ${about} denied request: ${error.message}`, reason });
  }

  /** @throws {ApiError} 403, which the first failure gives message and reason. */
  announce(attributes: AdmissionAttributes): void {
    const [first] = this.#found;
    if (first === undefined) return;
    const causes = this.#found.map(({ message }) => ({ message }));
    const { status } = ApiError.forbidden(attributes.resource, toldName(attributes), "", causes);
    throw new ApiError({ ...status, ...first });
  }
}
