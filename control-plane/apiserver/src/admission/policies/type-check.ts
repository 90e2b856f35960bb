import {
  apiVersionOf,
  CelCompileError,
  type CelEnvironment,
  compileCel,
  DYN,
  POLICY_ENVIRONMENT,
  type StaticType,
  typeOfSchema,
  type Unstructured,
  withVariables,
} from "@tsukube/api";
import type {
  ExpressionWarning,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
} from "@tsukube/api/types/admissionregistration-v1";
import { type Clock, detach, type Logger } from "@tsukube/foundation";
import { statusAppliedByServer } from "../../ownership/own-fields.ts";
import type { ResourceDefinition } from "../../registry/definition.ts";
import type { Registry } from "../../registry/registry.ts";
import type { ObjectStore } from "../../storage/object-store.ts";

const PREFIX = "/registry/validatingadmissionpolicies/";
const MAX_TYPES = 10;

/** Looks once at every generation of a ValidatingAdmissionPolicy for what is wrong with the types, and notes it in its status. */
export class PolicyTypeChecker {
  readonly #store: ObjectStore;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(store: ObjectStore, registry: Registry, clock: Clock, logger: Logger) {
    this.#store = store;
    this.#registry = registry;
    this.#clock = clock;
    this.#logger = logger;
    for (const [, cached] of store.cache.head.range(PREFIX)) this.#look(cached.object);
    store.cache.subscribe(PREFIX, (events) => {
      for (const { current } of events) if (current !== undefined) this.#look(current.object);
    });
  }

  #look(policy: Unstructured): void {
    if (isChecked(policy)) return;
    detach(this.#report(policy), this.#logger, "cannot write the status of a ValidatingAdmissionPolicy");
  }

  async #report({ metadata }: Unstructured): Promise<void> {
    const definition = this.#registry.get("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies")!;
    await this.#store.update(definition, PREFIX + (metadata?.name ?? ""), async (live) => {
      if (live === undefined || isChecked(live)) return { type: "none" };
      const { spec = {}, status } = live as unknown as ValidatingAdmissionPolicy;
      const expressionWarnings = typeWarnings(this.#registry, spec);
      const typeChecking = expressionWarnings.length === 0 ? {} : { expressionWarnings };
      const next = { ...status, observedGeneration: live.metadata?.generation ?? 0, typeChecking };
      const deps = { registry: this.#registry, clock: this.#clock };
      return {
        type: "put",
        object: statusAppliedByServer(deps, definition, live, next, "validatingadmissionpolicy-status"),
      };
    });
  }
}

function isChecked({ metadata, status }: Unstructured & { readonly status?: unknown }): boolean {
  const { observedGeneration = 0 } = (status ?? {}) as { readonly observedGeneration?: number };
  return Number(metadata?.generation ?? 0) <= observedGeneration;
}

/** What the types of the resources that a policy names say against its expressions. */
function typeWarnings(registry: Registry, spec: ValidatingAdmissionPolicySpec): readonly ExpressionWarning[] {
  const definitions = definitionsFor(registry, spec);
  const params = paramsType(registry, spec);
  const environments = definitions.map((definition) => ({
    definition,
    environment: withVariables(environmentOf(definition, params), spec.variables ?? []),
  }));
  const warnings: ExpressionWarning[] = [];
  const check = (fieldRef: string, expression: string | undefined): void => {
    if ((expression ?? "") === "") return;
    const found = environments
      .map(({ definition, environment }) => ({ definition, problem: problemOf(expression!, environment) }))
      .filter(({ problem }) => problem !== undefined)
      .map(({ definition, problem }) => `${apiVersionOf(definition)}, Kind=${definition.kind}: ${problem}\n`);
    if (found.length > 0) warnings.push({ fieldRef, warning: found.join("\n") });
  };
  (spec.validations ?? []).forEach(({ expression, messageExpression }, index) => {
    check(`spec.validations[${index}].expression`, expression);
    check(`spec.validations[${index}].messageExpression`, messageExpression);
  });
  return warnings;
}

function environmentOf({ schema }: ResourceDefinition, params: StaticType): CelEnvironment {
  const object = typeOfSchema(schema);
  const { variables } = POLICY_ENVIRONMENT;
  return { variables: { ...variables, object, oldObject: object, params } };
}

function paramsType(registry: Registry, { paramKind }: ValidatingAdmissionPolicySpec): StaticType {
  if (!paramKind) return DYN;
  for (const definition of registry.all()) {
    if (definition.kind === paramKind.kind && apiVersionOf(definition) === paramKind.apiVersion)
      return typeOfSchema(definition.schema);
  }
  return DYN;
}

function problemOf(expression: string, environment: CelEnvironment): string | undefined {
  try {
    compileCel(expression, environment);
    return undefined;
  } catch (error) {
    if (error instanceof CelCompileError) return error.message;
    throw error;
  }
}

/** The kinds that rules without wildcards name, sorted; ten at most. */
function definitionsFor(registry: Registry, spec: ValidatingAdmissionPolicySpec): readonly ResourceDefinition[] {
  const found = new Map<string, ResourceDefinition>();
  for (const { apiGroups, apiVersions, resources } of spec.matchConstraints?.resourceRules ?? []) {
    if ([...(apiGroups ?? []), ...(apiVersions ?? [])].some((name) => name.includes("*"))) continue;
    for (const group of sorted(apiGroups)) {
      for (const version of sorted(apiVersions)) {
        for (const resource of sorted(resources)) {
          const definition = registry.get(group, version, resource);
          if (definition !== undefined) found.set(`${group}\0${version}\0${definition.kind}`, definition);
        }
      }
    }
  }
  return [...found.entries()]
    .slice(0, MAX_TYPES)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, definition]) => definition);
}

function sorted(names: readonly string[] | undefined): readonly string[] {
  return [...(names ?? [])].sort();
}
