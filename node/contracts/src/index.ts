export * from "./cni.ts";
export * from "./container-networks.ts";
