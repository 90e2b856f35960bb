import { dialGrpc, type GrpcClient, serviceDefinition } from "@tsukube/host/grpc";
import type { ImageService, RuntimeService } from "@tsukube/node-contracts/cri";
import descriptor from "@tsukube/node-contracts/facts/cri.json" with { type: "json" };

/** The container runtime, whichever it is. */
export interface Cri {
  readonly runtime: GrpcClient<RuntimeService>;
  readonly images: GrpcClient<ImageService>;
  close(): void;
}

/** Dials lazily. @param address "unix:/path". */
export function dialCri(address: string): Cri {
  const runtime = dialGrpc<RuntimeService>(address, serviceDefinition(descriptor, "runtime.v1.RuntimeService"));
  const images = dialGrpc<ImageService>(address, serviceDefinition(descriptor, "runtime.v1.ImageService"));
  return {
    runtime,
    images,
    close() {
      runtime.close();
      images.close();
    },
  };
}
