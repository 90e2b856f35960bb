import { dialGrpc, serviceDefinition } from "@tsukube/host/grpc";
import descriptor from "../../../facts/kms-v2.json" with { type: "json" };
import type { KeyManagementService } from "../../../generated/kms-v2.ts";
import type { KmsPlugin } from "./kms.ts";

/** Reaches a plugin. @param endpoint Such as "unix:///run/kms.sock"; "unix:///@name" is an abstract socket. */
export function dialKms(endpoint: string): KmsPlugin {
  const path = endpoint.slice("unix://".length);
  const address = path.startsWith("/@") ? `unix-abstract:${path.slice(2)}` : `unix:${path}`;
  return dialGrpc<KeyManagementService>(address, serviceDefinition(descriptor, "v2.KeyManagementService"));
}
