export { MATCH_ENVIRONMENT, POLICY_ENVIRONMENT } from "./admission-environment.ts";
export { CelCompileError, CelError } from "./cel-error.ts";
export { type CelEnvironment, DYN, type StaticType, typeOfSchema } from "./checker.ts";
export { type Bindings, type CelProgram, COST_LIMIT, compileCel } from "./program.ts";
export {
  adapt,
  CelLazyObject,
  CelObject,
  CelStruct,
  textOf as celText,
  toJson,
  typeOf as celTypeOf,
} from "./values.ts";
