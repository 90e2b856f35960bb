export * from "./field-selector.ts";
export * from "./label-selector.ts";
export { labelMatcherOf } from "./label-selector-object.ts";
export { labelKeyProblems, labelValueProblems } from "./label-syntax.ts";
