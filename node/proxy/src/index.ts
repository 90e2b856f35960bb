export * from "./conntrack.ts";
export * from "./frontends.ts";
export * from "./proxy.ts";
export * from "./proxy-server.ts";
export * from "./ruleset.ts";
export * from "./script.ts";
