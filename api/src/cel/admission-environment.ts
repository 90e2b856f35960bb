import { CelCompileError } from "./cel-error.ts";
import { type CelEnvironment, DYN, type StaticType } from "./checker.ts";
import { compileCel } from "./program.ts";

const STRING: StaticType = { name: "string" };
const STRINGS: StaticType = { name: "list", element: STRING };
const TIME: StaticType = { name: "google.protobuf.Timestamp" };
const BY_NAME: StaticType = { name: "map", key: STRING, element: STRING };

function kubernetes(name: string, fields: Readonly<Record<string, StaticType>>): StaticType {
  return { name: `kubernetes.${name}`, fields };
}

const KIND = kubernetes("GroupVersionKind", { group: STRING, version: STRING, kind: STRING });
const RESOURCE = kubernetes("GroupVersionResource", { group: STRING, version: STRING, resource: STRING });

const REQUEST = kubernetes("AdmissionRequest", {
  kind: KIND,
  resource: RESOURCE,
  subResource: STRING,
  requestKind: KIND,
  requestResource: RESOURCE,
  requestSubResource: STRING,
  name: STRING,
  namespace: STRING,
  operation: STRING,
  userInfo: kubernetes("UserInfo", {
    username: STRING,
    uid: STRING,
    groups: STRINGS,
    extra: { name: "map", key: STRING, element: STRINGS },
  }),
  dryRun: { name: "bool" },
  options: DYN,
});

/** Upstream leaves out what is not to be decided by, and has a field of its own for the uid. */
const NAMESPACE = kubernetes("Namespace", {
  metadata: kubernetes("NamespaceMetadata", {
    name: STRING,
    generateName: STRING,
    namespace: STRING,
    labels: BY_NAME,
    annotations: BY_NAME,
    UID: STRING,
    creationTimestamp: TIME,
    deletionGracePeriodSeconds: { name: "int" },
    deletionTimestamp: TIME,
    generation: { name: "int" },
    resourceVersion: STRING,
    finalizers: STRINGS,
  }),
  spec: kubernetes("NamespaceSpec", { finalizers: STRINGS }),
  status: kubernetes("NamespaceStatus", {
    conditions: {
      name: "list",
      element: kubernetes("NamespaceCondition", {
        status: STRING,
        type: STRING,
        lastTransitionTime: TIME,
        message: STRING,
        reason: STRING,
      }),
    },
    phase: STRING,
  }),
});

/** What match conditions of webhooks know: the request and its objects, and who may do what. */
export const MATCH_ENVIRONMENT: CelEnvironment = {
  variables: { object: DYN, oldObject: DYN, request: REQUEST, authorizer: DYN },
};

/** What admission policies know besides: the parameters, the namespace, and variables of their own. */
export const POLICY_ENVIRONMENT: CelEnvironment = {
  variables: { ...MATCH_ENVIRONMENT.variables, params: DYN, namespaceObject: NAMESPACE, variables: DYN },
};

/** What expressions make that change objects. */
export const PATCH_STRUCTS: NonNullable<CelEnvironment["structs"]> = {
  JSONPatch: { op: STRING, path: STRING, from: STRING, value: DYN },
};

/** A variable of a policy, as it comes. */
export interface PolicyVariable {
  readonly name?: string;
  readonly expression?: string;
}

/**
 * An environment in which a policy's variables are known, and of what types they are.
 * @param found Told of the environment of each, in which those before it are known.
 */
export function withVariables(
  environment: CelEnvironment,
  variables: readonly PolicyVariable[],
  found?: (known: CelEnvironment, index: number) => void,
): CelEnvironment {
  const fields: Record<string, StaticType> = {};
  const known = { ...environment, variables: { ...environment.variables, variables: kubernetes("variables", fields) } };
  variables.forEach(({ name = "", expression = "" }, index) => {
    found?.(known, index);
    if (name !== "")
      Object.defineProperty(fields, name, { value: resultIn(known, expression), enumerable: true, configurable: true });
  });
  return known;
}

/** Of what is wrong nothing is known. */
function resultIn(environment: CelEnvironment, expression: string): StaticType {
  try {
    return compileCel(expression, environment).type;
  } catch (error) {
    if (error instanceof CelCompileError) return DYN;
    throw error;
  }
}
