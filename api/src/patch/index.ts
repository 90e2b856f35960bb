export { fromUnstructured } from "./from-unstructured.ts";
export { goType, goValue } from "./go-value.ts";
export { jsonEqual } from "./json-equal.ts";
export { jsonPatch, MAX_JSON_PATCH_OPERATIONS } from "./json-patch.ts";
export { mergePatch } from "./merge-patch.ts";
export { sharing } from "./sharing.ts";
export { strategicMergePatch } from "./strategic-merge-patch.ts";
