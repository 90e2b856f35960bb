export * from "./cluster-view.ts";
export * from "./container-resolver.ts";
export * from "./resolver.ts";
export * from "./server.ts";
export * from "./upstream.ts";
export * from "./zone.ts";
