export * from "./memory-store.ts";
export * from "./store.ts";
export * from "./tree.ts";
