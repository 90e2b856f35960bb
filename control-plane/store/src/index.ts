// etcd-store.ts is an export of its own ("@tsukube/store/etcd"): only who uses etcd loads gRPC.
export { type LmdbStoreOptions, lmdbStore } from "./lmdb-store.ts";
export * from "./memory-store.ts";
export { pagesOf } from "./pages.ts";
export * from "./store.ts";
export * from "./tree.ts";
