export * from "./contracts.ts";
export { startEngine } from "./engine.ts";
