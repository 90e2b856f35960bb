export * from "./boolean.ts";
export * from "./clock.ts";
export * from "./errors.ts";
export * from "./lifetime.ts";
export * from "./log.ts";
export * from "./metrics.ts";
export * from "./random.ts";
export * from "./time-limit.ts";
