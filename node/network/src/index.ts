export * from "./bridge.ts";
export * from "./commands.ts";
export * from "./leases.ts";
export * from "./pod-network.ts";
export * from "./pod-table.ts";
