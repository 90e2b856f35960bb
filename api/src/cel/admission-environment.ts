import type { CelEnvironment } from "./checker.ts";
import { DYN } from "./checker.ts";

/** What match conditions of webhooks know: the request and its objects, and who may do what. */
export const MATCH_ENVIRONMENT: CelEnvironment = {
  variables: { object: DYN, oldObject: DYN, request: DYN, authorizer: DYN },
};

/** What admission policies know besides: the parameters, the namespace, and variables of their own. */
export const POLICY_ENVIRONMENT: CelEnvironment = {
  variables: { ...MATCH_ENVIRONMENT.variables, params: DYN, namespaceObject: DYN, variables: DYN },
};
