export * from "./api-error.ts";
export * from "./field-error.ts";
