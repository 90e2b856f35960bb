export * from "./compile.ts";
export * from "./custom-resource.ts";
export { hasFormat } from "./formats.ts";
export * from "./prune.ts";
export * from "./schema-defaults.ts";
export * from "./structural.ts";
export { typeName, validateStatus, validateValue } from "./validate-value.ts";
export { hasRules, ruleErrors, validateRules } from "./validation-rules.ts";
