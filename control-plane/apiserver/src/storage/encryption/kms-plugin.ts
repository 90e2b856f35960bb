import { dialGrpc, grpc, grpcWords, serviceDefinition } from "@tsukube/host/grpc";
import descriptor from "../../../facts/kms-v2.json" with { type: "json" };
import type { KeyManagementService } from "../../../generated/kms-v2.ts";
import { type KmsPlugin, KmsRefusal } from "./kms.ts";

/** A call that got no answer of the plugin. */
const UNANSWERED = [grpc.status.UNAVAILABLE, grpc.status.DEADLINE_EXCEEDED, grpc.status.CANCELLED];

/** Reaches a plugin. @param endpoint Such as "unix:///run/kms.sock"; "unix:///@name" is an abstract socket. */
export function dialKms(endpoint: string): KmsPlugin {
  const path = endpoint.slice("unix://".length);
  const address = path.startsWith("/@") ? `unix-abstract:${path.slice(2)}` : `unix:${path}`;
  const plugin = dialGrpc<KeyManagementService>(address, serviceDefinition(descriptor, "v2.KeyManagementService"));
  return {
    Status: (request, options) => plugin.Status(request, options).catch(tell),
    Encrypt: (request, options) => plugin.Encrypt(request, options).catch(tell),
    Decrypt: (request, options) => plugin.Decrypt(request, options).catch(tell),
    close: () => plugin.close(),
  };
}

function tell(cause: unknown): never {
  const words = grpcWords(cause);
  const code = (cause as { readonly code?: grpc.status }).code ?? grpc.status.UNKNOWN;
  const error = UNANSWERED.includes(code) ? new Error(words) : new KmsRefusal(words);
  throw Object.assign(error, { grpcStatus: goNameOf(code) });
}

/** "DeadlineExceeded". */
function goNameOf(code: grpc.status): string {
  if (code === grpc.status.CANCELLED) return "Canceled";
  return grpc.status[code].replaceAll(
    /([A-Z])([A-Z]*)_?/g,
    (_, first: string, rest: string) => first + rest.toLowerCase(),
  );
}
