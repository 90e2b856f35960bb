import type { GRPCAction } from "@tsukube/api/types/core-v1";
import { dialGrpc, grpc, serviceDefinition } from "@tsukube/host/grpc";
import descriptor from "@tsukube/node-contracts/facts/grpc-health-v1.json" with { type: "json" };
import type { ProbeResult, ProbeTarget } from "./probe-target.ts";

interface HealthService {
  readonly Check: {
    readonly request: { readonly service: string };
    readonly response: { readonly status?: string };
    readonly requestStream: false;
    readonly responseStream: false;
  };
}

const HEALTH = serviceDefinition(descriptor, "grpc.health.v1.Health");

/** Asks the gRPC health service (grpc.health.v1): only SERVING is success. @param seconds For the message, when `signal` ends it. */
export async function grpcProbe(
  { port, service }: GRPCAction,
  { podIp }: ProbeTarget,
  signal: AbortSignal,
  seconds: number,
): Promise<ProbeResult> {
  const client = dialGrpc<HealthService>(podIp.includes(":") ? `[${podIp}]:${port}` : `${podIp}:${port}`, HEALTH);
  try {
    const { status = "UNKNOWN" } = await client.Check({ service: service ?? "" }, { signal });
    if (status === "SERVING") return { ok: true, message: "service healthy" };
    return { ok: false, message: `service unhealthy (responded with "${status}")` };
  } catch (error) {
    return { ok: false, message: reasonOf(error, `${podIp}:${port}`, seconds) };
  } finally {
    client.close();
  }
}

function reasonOf(error: unknown, address: string, seconds: number): string {
  const { code, message } = error as Error & { readonly code?: unknown };
  switch (code) {
    case grpc.status.UNIMPLEMENTED:
      return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`;
    case grpc.status.CANCELLED:
    case grpc.status.DEADLINE_EXCEEDED:
      return `timeout: health rpc did not complete within ${seconds}s`;
    case grpc.status.UNAVAILABLE:
      return `timeout: failed to connect service "${address}" within ${seconds}s: ${message}`;
    default:
      return `error: health rpc probe failed: ${message}`;
  }
}
