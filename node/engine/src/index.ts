export * from "./contracts.ts";
export { startEngine } from "./engine.ts";
export { straysBelow } from "./strays.ts";
