export * from "./allowed-condition.ts";
