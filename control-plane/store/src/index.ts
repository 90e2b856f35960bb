export { type LmdbStoreOptions, lmdbStore } from "./lmdb-store.ts";
export * from "./memory-store.ts";
export * from "./store.ts";
export * from "./tree.ts";
