import {
  ApiError,
  adapt,
  type Bindings,
  CelLazyObject,
  type GroupVersionKind,
  labelMatcherOf,
  POLICY_ENVIRONMENT,
  parseApiVersion,
  type Unstructured,
} from "@tsukube/api";
import type {
  MatchResources,
  MutatingAdmissionPolicyBindingSpec,
  MutatingAdmissionPolicySpec,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
} from "@tsukube/api/types/admissionregistration-v1";
import type { AdmissionAttributes, ImmediateAuthorizer } from "../../contracts.ts";
import type { ResourceDefinition } from "../../registry/definition.ts";
import type { Registry } from "../../registry/registry.ts";
import { derived } from "../../storage/derived.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { conditionsHold, evaluate, POLICY_BUDGET, requestBindings } from "../cel-request.ts";
import { inForm, jsonOf } from "../object-forms.ts";
import { formFor, type MatchRule, type RequestForm, type RequestSelector } from "../request-rules.ts";

/** A policy with its bindings. */
export interface Policy<P, B> {
  readonly name: string;
  readonly spec: P;
  readonly bindings: readonly { readonly name: string; readonly spec: B }[];
}

type AnyPolicySpec = ValidatingAdmissionPolicySpec | MutatingAdmissionPolicySpec;
type AnyBindingSpec = ValidatingAdmissionPolicyBindingSpec | MutatingAdmissionPolicyBindingSpec;

/** A policy is about a request through one of its bindings, with one set of parameters. */
export interface Meeting {
  readonly form: RequestForm;
  readonly params: unknown;
  /** Unlike for others, for this policy, binding and parameters. */
  readonly id: string;
}

/** What a policy's expressions see in a meeting. */
export interface Encounter extends Meeting {
  readonly bindings: Bindings;
  /** Steps that are left to its expressions. */
  readonly budget: { left: number };
}

/** A policy or its binding is not fit for use, which is for the failure policy to decide, whatever the binding does with objections. */
export class PolicyProblem extends Error {
  readonly isOfBinding: boolean;

  constructor(why: string, isOfBinding = true) {
    super(`failed to configure ${isOfBinding ? "binding" : "policy"}: ${why}`);
    this.isOfBinding = isOfBinding;
  }
}

export interface PolicyDeps {
  readonly cache: WatchCache;
  readonly registry: Registry;
  readonly authorizer: ImmediateAuthorizer;
}

/** Policies by name. @param kind "validating" or "mutating". */
export function policiesOf<P, B>(cache: WatchCache, kind: "validating" | "mutating"): readonly Policy<P, B>[] {
  return POLICIES[kind](cache) as readonly Policy<P, B>[];
}

const POLICIES = { validating: policiesBelow("validating"), mutating: policiesBelow("mutating") };

function policiesBelow(kind: "validating" | "mutating"): (cache: WatchCache) => readonly Policy<unknown, unknown>[] {
  const ofBindings = `/registry/${kind}admissionpolicybindings/`;
  const ofPolicies = `/registry/${kind}admissionpolicies/`;
  return derived([ofBindings, ofPolicies], ({ head }) => {
    const bindings = [...head.range(ofBindings)].map(([, { object }]) => ({
      name: object.metadata?.name ?? "",
      spec: object["spec"] as { readonly policyName?: string },
    }));
    if (bindings.length === 0) return [];
    return [...head.range(ofPolicies)].map(([, { object }]) => {
      const name = object.metadata?.name ?? "";
      return { name, spec: object["spec"], bindings: bindings.filter(({ spec }) => spec.policyName === name) };
    });
  });
}

const OF_POLICIES = /^(?:validating|mutating)admissionpolic(?:ies|ybindings)$/;

/** Whether the request is about a policy or a binding: policies do not decide about one another. */
export function isOfPolicies({ resource: { group, resource } }: AdmissionAttributes): boolean {
  return group === "admissionregistration.k8s.io" && OF_POLICIES.test(resource);
}

/** How the policy meets the request through this binding: once for each set of parameters. @throws {PolicyProblem} */
export function meetings(
  { cache, registry }: PolicyDeps,
  policy: Policy<AnyPolicySpec, AnyBindingSpec>,
  binding: { readonly name: string; readonly spec: AnyBindingSpec },
  attributes: AdmissionAttributes,
): readonly Meeting[] {
  const { matchConstraints, paramKind } = policy.spec;
  const form = formFor(cache, registry, selectorOf(matchConstraints, false), attributes);
  if (form === undefined) return [];
  const kind = paramKind ? kindOfParams(registry, paramKind) : undefined;
  const { matchResources, paramRef } = binding.spec;
  if (matchResources && formFor(cache, registry, selectorOf(matchResources, true), attributes) === undefined) return [];
  const sets = kind && paramRef ? paramsOf({ cache, registry }, kind, paramRef, attributes.namespace) : [null];
  return sets.map((params) => {
    const { namespace = "", name = "" } = (params as { raw?: Unstructured } | null)?.raw?.metadata ?? {};
    return { form, params, id: `${policy.name}/${binding.name}/${namespace}/${name}` };
  });
}

/** The request as it is shown in a meeting. @throws {PolicyProblem} when no webhook brings its objects into that form. */
export async function shownIn(
  { registry }: PolicyDeps,
  { form }: Meeting,
  attributes: AdmissionAttributes,
): Promise<AdmissionAttributes> {
  try {
    return await inForm(registry, form, attributes);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new PolicyProblem(`failed to convert object version: ${error.message}`);
  }
}

/** @param shown Of {@link shownIn}. @returns undefined: the policy's conditions leave the request out. @throws {CelError} when they have no value. */
export function encounter(
  deps: PolicyDeps,
  { spec: { variables, matchConditions } }: Policy<AnyPolicySpec, AnyBindingSpec>,
  meeting: Meeting,
  shown: AdmissionAttributes,
): Encounter | undefined {
  const budget = { left: POLICY_BUDGET };
  const bindings = scopeOf(deps, meeting.form, shown, meeting.params, variables ?? [], budget);
  const isConcerned = conditionsHold(matchConditions ?? [], POLICY_ENVIRONMENT, bindings);
  return isConcerned ? { ...meeting, bindings, budget } : undefined;
}

/** @param isOpen Without rules everything matches. */
function selectorOf(resources: MatchResources | undefined, isOpen: boolean): RequestSelector {
  const rules = (resources?.resourceRules ?? []) as readonly MatchRule[];
  return {
    ...resources,
    rules: isOpen && rules.length === 0 ? [EVERYTHING] : rules,
    exclude: (resources?.excludeResourceRules ?? []) as readonly MatchRule[],
  };
}

const EVERYTHING: MatchRule = { operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] };

function scopeOf(
  { cache, registry, authorizer }: PolicyDeps,
  form: RequestForm,
  attributes: AdmissionAttributes,
  params: unknown,
  variables: readonly { readonly name: string; readonly expression: string }[],
  budget: { left: number },
): Bindings {
  const isNamespace = attributes.kind.group === "" && attributes.kind.kind === "Namespace";
  const namespace = isNamespace ? undefined : cache.get(`/registry/namespaces/${attributes.namespace}`)?.object;
  const bindings: Bindings = requestBindings({ registry, authorizer }, form, attributes, {
    params: () => params,
    namespaceObject: () => (namespace === undefined ? null : adapt(namespace)),
    variables: () => own,
  });
  const own = new CelLazyObject(
    new Map(
      variables.map(({ name, expression }) => [name, () => evaluate(expression, POLICY_ENVIRONMENT, bindings, budget)]),
    ),
  );
  return bindings;
}

/** @throws {PolicyProblem} */
function kindOfParams(registry: Registry, { apiVersion = "", kind = "" }: ParamKind): ResourceDefinition {
  const wanted = { ...parseApiVersion(apiVersion), kind };
  const definition = [...registry.all()].find((one) => isKind(one, wanted));
  if (definition !== undefined) return definition;
  throw new PolicyProblem(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${kind}'`, false);
}

/** Each set of parameters. @throws {PolicyProblem} */
function paramsOf(
  { cache, registry }: Pick<PolicyDeps, "cache" | "registry">,
  definition: ResourceDefinition,
  ref: ParamRef,
  requestNamespace: string,
): readonly unknown[] {
  if (!definition.namespaced && (ref.namespace ?? "") !== "")
    throw new PolicyProblem("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
  const namespace = definition.namespaced ? ref.namespace || requestNamespace : "";
  if (definition.namespaced && namespace === "")
    throw new PolicyProblem("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources");
  const prefix = definition.storage.prefix + (definition.namespaced ? `${namespace}/` : "");
  const matcher = ref.selector ? labelMatcherOf(ref.selector) : undefined;
  const found = [...cache.head.range(prefix)]
    .map(([, cached]) => cached.object)
    .filter((object) =>
      ref.name ? object.metadata?.name === ref.name : (matcher?.matches(object.metadata?.labels) ?? true),
    );
  if (found.length === 0 && ref.parameterNotFoundAction === "Deny")
    throw new PolicyProblem("no params found for policy binding with `Deny` parameterNotFoundAction");
  const form = { kind: definition, resource: definition };
  return found.map((object) => adapt(jsonOf(registry, form, object)));
}

function isKind({ group, version, kind }: ResourceDefinition, wanted: GroupVersionKind): boolean {
  return group === wanted.group && version === wanted.version && kind === wanted.kind;
}
