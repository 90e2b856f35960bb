export { extractFields, extractFieldsStrictly } from "./extract-fields.ts";
export { FieldManager, type FieldManagerOptions } from "./field-manager.ts";
export { type FieldPath, FieldSet } from "./field-set.ts";
export { decodeManagedFields, encodeManagedFields, managedFieldsProblem } from "./managed-fields.ts";
export { mergeObjects } from "./merge.ts";
export { fieldElement, listElement, pathText } from "./path.ts";
export { managedFieldsAfterScale, type ReplicasPathOf, scaleManagedFields } from "./scale-fields.ts";
export type { Versions } from "./updater.ts";
