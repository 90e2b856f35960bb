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
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import { evaluate } from "../cel-request.ts";
import { inForm, jsonOf, objectOf } from "../object-forms.ts";
import { toldName } from "../refusal.ts";
import { type Encounter, encounters, isOfPolicies, type PolicyDeps, policiesOf } from "./policy.ts";

/** MutatingAdmissionPolicies (KEP-3962): expressions that make a configuration to apply, or a JSON patch. */
export function mutatingPolicies(deps: PolicyDeps): AdmissionPlugin {
  return {
    name: "MutatingAdmissionPolicy",
    handles: (attributes) => !isOfPolicies(attributes) && attributes.object !== undefined,
    async mutate(attributes) {
      const { reinvocation } = attributes;
      let { object } = attributes;
      if (reinvocation.isAgain && !jsonEqual(reinvocation.lastPolicyOutput, object)) reinvocation.requireAll();
      for (const { policy, binding } of pairs(deps)) {
        const about = `policy '${policy.name}' with binding '${binding.name}'`;
        try {
          for (const encounter of await encounters(deps, policy, binding, { ...attributes, object })) {
            if (reinvocation.isAgain && !reinvocation.isRequired(encounter.id)) continue;
            const before = object;
            object = await mutated(deps, policy.spec.mutations ?? [], encounter, { ...attributes, object });
            if (!jsonEqual(before, object)) {
              reinvocation.requireAll();
              reinvocation.request();
            }
            if (policy.spec.reinvocationPolicy === "IfNeeded") reinvocation.remember(encounter.id);
          }
        } catch (error) {
          if (!(error instanceof CelError)) throw error;
          if (policy.spec.failurePolicy !== "Ignore")
            throw denial(attributes, `${about} denied request: ${error.message}`);
        }
      }
      reinvocation.lastPolicyOutput = object;
      return object;
    },
  };
}

function pairs({ cache }: PolicyDeps) {
  return policiesOf<MutatingAdmissionPolicySpec, MutatingAdmissionPolicyBindingSpec>(cache, "mutating").flatMap(
    (policy) => policy.bindings.map((binding) => ({ policy, binding })),
  );
}

/** Each mutation sees what those before it made. @throws {CelError} */
async function mutated(
  { registry }: PolicyDeps,
  mutations: readonly Mutation[],
  { form, bindings, budget }: Encounter,
  attributes: AdmissionAttributes,
): Promise<Unstructured | undefined> {
  let { object } = attributes;
  for (const mutation of mutations) {
    if (object === undefined) return object;
    const shown = await inForm(registry, form, { ...attributes, object });
    const live = jsonOf(registry, form, shown.object ?? object);
    const source = mutation.applyConfiguration?.expression ?? mutation.jsonPatch?.expression ?? "";
    const current = object;
    const scope = (name: string): unknown => (name === "object" ? adapt(live) : bindings(name));
    const value = toJson(
      evaluate(source, POLICY_ENVIRONMENT, current === attributes.object ? bindings : scope, budget),
    );
    object = await objectOf(registry, form, attributes, applied(mutation, form, live, value));
  }
  return object;
}

function applied(mutation: Mutation, { kind }: Encounter["form"], live: Json, value: Json): Json {
  if (mutation.patchType === "ApplyConfiguration") return mergeObjects(schemaOf(kind), live, value) ?? live;
  try {
    return jsonPatch(live, value);
  } catch (error) {
    throw new CelError(`JSON Patch: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function denial(attributes: AdmissionAttributes, text: string): ApiError {
  const { status } = ApiError.forbidden(attributes.resource, toldName(attributes), text, [{ message: text }]);
  return new ApiError({ ...status, reason: "Invalid", code: 422 });
}
