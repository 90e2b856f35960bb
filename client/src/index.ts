export { type ClientOptions, createClient, lines } from "./api-client.ts";
export { Backoff } from "./backoff.ts";
export { type ComponentPagesOptions, componentPages } from "./component-pages.ts";
export { type ComponentServerOptions, startComponentServer } from "./component-server.ts";
export {
  type ControllerOptions,
  type Outcome,
  type RunningController,
  SETTLED,
  startController,
} from "./controller.ts";
export { type CredentialsOfRequest, DelegatedAccess } from "./delegated-access.ts";
export type { Discovered, DiscoveredResource } from "./discovery.ts";
export {
  createEventRecorder,
  type EventRecorder,
  type EventRecorderOptions,
  type EventType,
  referenceTo,
} from "./event-recorder.ts";
export { followMetadata } from "./follow-metadata.ts";
export { createHttpTransport, type HttpTransportOptions, inClusterOptions } from "./http-transport.ts";
export { createInformerFactory, type InformerDeps, keyOf } from "./informer.ts";
export { type KubeconfigEntry, kubeconfigText, mergeKubeconfig, removeFromKubeconfig } from "./kubeconfig.ts";
export { LeaderElection, type LeaderElectionOptions } from "./leader-election.ts";
export { limitedTransport } from "./limited-transport.ts";
export type { EventSink, EventSource, ListWatchDeps } from "./list-watch.ts";
export { measuredTransport } from "./measured-transport.ts";
export { MetadataEvent } from "./metadata-event.ts";
export { splitKey } from "./object-key.ts";
export { controllerOf, controllerReference, isControlledBy, withoutOwner } from "./owner-reference.ts";
export { QueueMetrics } from "./queue-metrics.ts";
export * from "./transport.ts";
export * from "./types.ts";
export { WorkQueue } from "./work-queue.ts";
