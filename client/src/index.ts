export { type ClientOptions, createClient, lines } from "./api-client.ts";
export { Backoff } from "./backoff.ts";
export {
  type ControllerOptions,
  type Outcome,
  type RunningController,
  SETTLED,
  startController,
} from "./controller.ts";
export { createInformerFactory, type InformerDeps, keyOf } from "./informer.ts";
export * from "./transport.ts";
export * from "./types.ts";
export { WorkQueue } from "./work-queue.ts";
