import { jsonEqual, normalize, type Unstructured } from "@tsukube/api";
import { formatTime } from "@tsukube/foundation";
import { addressAt, familyOf, parseIpNetwork } from "@tsukube/foundation/ip-network";
import type { Writer } from "../endpoints/writer.ts";
import type { Registry } from "../registry/registry.ts";
import type { ApiServerOptions } from "../server.ts";

/**
 * The `kubernetes` Service of namespace default, of the primary family alone, and its endpoint: this server. Written again when
 * the address changed.
 */
export async function kubernetesService(writer: Writer, registry: Registry, options: ApiServerOptions): Promise<void> {
  const { address, port } = options.advertise;
  const primary = parseIpNetwork(options.serviceCidr.split(",")[0] ?? "")!;
  const clusterIP = addressAt(primary, 1);
  const ports = [{ name: "https", protocol: "TCP", port: 443, targetPort: port }];
  const endpointPorts = [{ name: "https", protocol: "TCP", port }];
  const slice = { labels: { "kubernetes.io/service-name": "kubernetes" } };
  await Promise.all([
    ensure(
      writer,
      registry,
      ["", "v1", "services"],
      { labels: { component: "apiserver", provider: "kubernetes" } },
      {
        spec: {
          ports,
          clusterIP,
          clusterIPs: [clusterIP],
          type: "ClusterIP",
          sessionAffinity: "None",
          ipFamilies: [primary.family],
          ipFamilyPolicy: "SingleStack",
          internalTrafficPolicy: "Cluster",
        },
        status: { loadBalancer: {} },
      },
    ),
    ensure(
      writer,
      registry,
      ["", "v1", "endpoints"],
      { labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
      {
        subsets: [{ addresses: [{ ip: address }], ports: endpointPorts }],
      },
    ),
    ensure(writer, registry, ["discovery.k8s.io", "v1", "endpointslices"], slice, {
      addressType: familyOf(address),
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: endpointPorts,
    }),
  ]);
}

async function ensure(
  writer: Writer,
  registry: Registry,
  [group, version, resource]: readonly [string, string, string],
  metadata: object,
  rest: object,
): Promise<void> {
  const definition = registry.get(group, version, resource)!;
  const { store, random, clock } = writer.deps;
  const key = store.keyOf(definition, "default", "kubernetes");
  await store.update(definition, key, async (live) => {
    const identity = live?.metadata ?? {
      uid: random.uuid(),
      creationTimestamp: formatTime(clock.now()),
      ...(definition.strategy.generation && { generation: 1 }),
    };
    const wanted = {
      kind: definition.kind,
      apiVersion: group === "" ? version : `${group}/${version}`,
      metadata: { ...identity, ...metadata, name: "kubernetes", namespace: "default" },
      ...rest,
    };
    const object = normalize<Unstructured>(wanted, definition.schema).object;
    const same = live !== undefined && jsonEqual(object, live);
    return same ? { type: "none" } : { type: "put", object };
  });
}
