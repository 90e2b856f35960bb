import {
  adapt,
  type Bindings,
  type CelAccess,
  CelAuthorizer,
  CelCompileError,
  type CelDecide,
  type CelEnvironment,
  CelError,
  CelLazyObject,
  type CelProgram,
  COST_LIMIT,
  compileCel,
  type FieldRequirement,
  type Json,
  parseFieldSelector,
  type Unstructured,
} from "@tsukube/api";
import type { AdmissionAttributes, ImmediateAuthorizer, User } from "../contracts.ts";
import type { Registry } from "../registry/registry.ts";
import { jsonOf } from "./object-forms.ts";
import type { RequestForm } from "./request-rules.ts";

/** Steps that all expressions of one policy may take together; of match conditions fewer. */
export const POLICY_BUDGET = 10_000_000;
const MATCH_BUDGET = 2_500_000;

const programs = new Map<string, CelProgram | CelCompileError>();
const MAX_PROGRAMS = 5000;

/** A compiled expression; compiled once, as configurations are asked about at every request. @throws {CelError} */
function programOf(source: string, environment: CelEnvironment): CelProgram {
  const key = `${Object.keys(environment.variables).length} ${source}`;
  let program = programs.get(key);
  if (program === undefined) {
    program = compile(source, environment);
    if (programs.size > MAX_PROGRAMS) programs.clear();
    programs.set(key, program);
  }
  if (program instanceof CelCompileError) throw new CelError(`compilation failed: ${program.message}`);
  return program;
}

function compile(source: string, environment: CelEnvironment): CelProgram | CelCompileError {
  try {
    return compileCel(source, environment);
  } catch (error) {
    if (error instanceof CelCompileError) return error;
    throw error;
  }
}

const OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run";

/**
 * A value, or why there is none, with the expression. @param budget What is left for all expressions of a request, each of which may cost
 * {@link COST_LIMIT}. @throws {CelError}
 */
export function evaluate(
  source: string,
  environment: CelEnvironment,
  bindings: Bindings,
  budget: { left: number },
): unknown {
  const program = programOf(source, environment);
  const limit = Math.min(COST_LIMIT, budget.left);
  const call = { left: limit };
  try {
    return program.evaluate(bindings, call);
  } catch (error) {
    if (!(error instanceof CelError) || error.message === OUT_OF_BUDGET) throw error;
    if (call.left < 0 && limit < COST_LIMIT) throw new CelError(OUT_OF_BUDGET);
    throw new CelError(`expression '${source}' resulted in error: ${error.message}`);
  } finally {
    budget.left -= limit - Math.max(0, call.left);
  }
}

/** The variables of expressions about a request. Each is made when it is first asked for. */
export function requestBindings(
  { registry, authorizer }: { readonly registry: Registry; readonly authorizer: ImmediateAuthorizer },
  form: RequestForm,
  attributes: AdmissionAttributes,
  more: Readonly<Record<string, () => unknown>> = {},
): Bindings {
  const shown = (object: Unstructured | undefined) => () =>
    object === undefined ? null : adapt(jsonOf(registry, form, object));
  const variables = new CelLazyObject(
    new Map<string, () => unknown>([
      ["object", shown(attributes.object)],
      ["oldObject", shown(attributes.oldObject)],
      ["authorizer", () => authorizerOf(authorizer, attributes)],
      ["request", () => adapt(requestOf(form, attributes))],
      ...Object.entries(more),
    ]),
  );
  return (name) => variables.get(name);
}

function authorizerOf(authorizer: ImmediateAuthorizer, attributes: AdmissionAttributes): CelAuthorizer {
  const { resource, subresource, namespace, name, context } = attributes;
  const decide = (access: CelAccess, verb: string): ReturnType<CelDecide> => {
    const { decision, reason } = authorizer.decide({
      user: access.serviceAccount === undefined ? context.user : serviceAccountUser(access.serviceAccount),
      verb,
      isResource: access.path === undefined,
      group: access.group ?? "",
      version: "*",
      resource: access.resource ?? "",
      subresource: access.subresource ?? "",
      namespace: access.namespace ?? "",
      name: access.name ?? "",
      path: access.path ?? "",
      ...(access.fieldSelector && { fieldSelector: requirementsOf(access.fieldSelector) }),
    });
    return { allowed: decision === "allow", reason };
  };
  return new CelAuthorizer(decide, {
    group: resource.group,
    resource: resource.resource,
    subresource,
    namespace,
    name,
  });
}

/** What cannot be understood confines nothing. */
function requirementsOf(selector: string): readonly FieldRequirement[] {
  try {
    return parseFieldSelector(selector).requirements;
  } catch {
    return [];
  }
}

function serviceAccountUser({ namespace, name }: NonNullable<CelAccess["serviceAccount"]>): User {
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  return { name: `system:serviceaccount:${namespace}:${name}`, groups, extra: {} };
}

function requestOf({ kind, resource }: RequestForm, attributes: AdmissionAttributes): Json {
  const { subresource, name, namespace, operation, context, dryRun, options } = attributes;
  const { user } = context;
  const gvk = ({ group, version, kind: one }: RequestForm["kind"]) => ({ group, version, kind: one });
  const gvr = ({ group, version, resource: one }: RequestForm["resource"]) => ({ group, version, resource: one });
  return {
    kind: gvk(kind),
    resource: gvr(resource),
    subResource: subresource,
    requestKind: gvk(attributes.kind),
    requestResource: gvr(attributes.resource),
    requestSubResource: subresource,
    name,
    namespace,
    operation,
    userInfo: {
      username: user.name,
      uid: user.uid ?? "",
      groups: user.groups as readonly string[],
      extra: user.extra as Readonly<Record<string, readonly string[]>>,
    },
    dryRun,
    options: (options ?? null) as unknown as Json,
  } as unknown as Json;
}

interface MatchCondition {
  readonly expression: string;
}

/**
 * Whether all conditions hold. One that is false decides, whatever the others do.
 * @throws {CelError} when none is false but some have no value.
 */
export function conditionsHold(
  conditions: readonly MatchCondition[],
  environment: CelEnvironment,
  bindings: Bindings,
): boolean {
  const budget = { left: MATCH_BUDGET };
  const errors: string[] = [];
  for (const { expression } of conditions) {
    try {
      if (evaluate(expression, environment, bindings, budget) !== true) return false;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      errors.push(error.message);
    }
  }
  if (errors.length > 0) throw new CelError(errors.length === 1 ? errors[0] : `[${errors.join(", ")}]`);
  return true;
}
