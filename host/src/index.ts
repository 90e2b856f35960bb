// certificates.ts, certificate-keys.ts and grpc.ts are exports of their own ("@tsukube/host/grpc"): loading them costs memory that few processes need.
export type { KeyRequest } from "./certificate-keys.ts";
export { certificateSigner, requestCertificateKey } from "./certificate-signer.ts";
export * from "./clock.ts";
export * from "./external-memory.ts";
export * from "./files.ts";
export * from "./https-server.ts";
export * from "./idle-memory.ts";
export * from "./lock.ts";
export * from "./log.ts";
export { metricsAnswer } from "./metrics/metrics-answer.ts";
export { createMetrics } from "./metrics/registry.ts";
export * from "./processes.ts";
export * from "./random.ts";
export * from "./rotating-file.ts";
export * from "./scheduling.ts";
