export {
  MATCH_ENVIRONMENT,
  PATCH_STRUCTS,
  POLICY_ENVIRONMENT,
  type PolicyVariable,
  withVariables,
} from "./admission-environment.ts";
export { type Expression, mentions, partsOf } from "./ast.ts";
export { type CelAccess, CelAuthorizer, type CelDecide } from "./authorizer.ts";
export { CelCompileError, CelError } from "./cel-error.ts";
export { type CelEnvironment, DYN, type StaticType, shownType, typeNameOf, typeOfSchema } from "./checker.ts";
export { estimateCost } from "./cost.ts";
export { DEVICE_ENVIRONMENT } from "./device-environment.ts";
export { isIdentifier, unescapeName } from "./names.ts";
export { type Bindings, type CelProgram, COST_LIMIT, compileCel } from "./program.ts";
export { minJsonSizeOf } from "./sizes.ts";
export {
  adapt,
  CelLazyObject,
  CelObject,
  CelOptional,
  CelStruct,
  textOf as celText,
  toJson,
  typeOf as celTypeOf,
} from "./values.ts";
