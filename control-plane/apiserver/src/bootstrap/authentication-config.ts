import { jsonEqual, normalize, type Unstructured } from "@tsukube/api";
import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import type { WriterDeps } from "../endpoints/writer.ts";

const NAME = "extension-apiserver-authentication";

/**
 * The ConfigMap by which extension servers learn whom to believe: the CA of client certificates, and the CA and the headers
 * of the front proxy, which is this server. PEM.
 */
export async function authenticationConfig(
  { store, registry, clock, random }: WriterDeps,
  clientCa: string | undefined,
  frontProxyCa: string | undefined,
): Promise<void> {
  const data = dataOf(clientCa, frontProxyCa);
  if (Object.keys(data).length === 0) return;
  const definition = registry.get("", "v1", "configmaps")!;
  await store.update(definition, store.keyOf(definition, "kube-system", NAME), async (live) => {
    if (jsonEqual((live as ConfigMap | undefined)?.data, data)) return { type: "none" };
    const identity = live?.metadata ?? { uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
    const metadata = { ...identity, name: NAME, namespace: "kube-system" };
    const object = { kind: "ConfigMap", apiVersion: "v1", metadata, data };
    return { type: "put", object: normalize<Unstructured>(object, definition.schema).object };
  });
}

function dataOf(clientCa: string | undefined, frontProxyCa: string | undefined): Readonly<Record<string, string>> {
  const list = (value: string): string => JSON.stringify([value]);
  return {
    ...(clientCa !== undefined && { "client-ca-file": clientCa }),
    ...(frontProxyCa !== undefined && {
      "requestheader-allowed-names": list("front-proxy-client"),
      "requestheader-client-ca-file": frontProxyCa,
      "requestheader-extra-headers-prefix": list("X-Remote-Extra-"),
      "requestheader-group-headers": list("X-Remote-Group"),
      "requestheader-username-headers": list("X-Remote-User"),
    }),
  };
}
