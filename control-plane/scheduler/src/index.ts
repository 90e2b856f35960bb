export * from "./framework.ts";
export { NodeInfo } from "./node-info.ts";
export { defaultPlugins } from "./plugins/index.ts";
export { type Decision, schedule } from "./schedule.ts";
export { type SchedulerOptions, startScheduler } from "./scheduler.ts";
