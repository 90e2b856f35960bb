export * from "./cgroups.ts";
export * from "./inodes.ts";
export * from "./mounts.ts";
export * from "./namespaces.ts";
export * from "./nftables.ts";
export * from "./sockets.ts";
export * from "./sysctls.ts";
export * from "./terminals.ts";
