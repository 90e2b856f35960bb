import { jsonEqual, normalize, type Unstructured } from "@tsukube/api";
import type { Service } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import { addressAt, familyOf, parseIpNetwork } from "@tsukube/foundation/ip-network";
import { counted, type WriterDeps } from "../endpoints/writer.ts";
import { updatedByServer } from "../ownership/own-fields.ts";

/** Where a server is reached. */
export interface Advertised {
  readonly address: string;
  readonly port: number;
}

/** What an object should have besides its identity. @param live Undefined: it is not there. @returns undefined: what is there is right. */
type Content = (live: Unstructured | undefined) => { readonly labels: object; readonly rest: object } | undefined;

const HTTPS = "https";

/**
 * The `kubernetes` Service of namespace default, of the primary family alone, and its endpoint: this server. What is missing is made.
 * @param serviceCidr Such as "10.160.0.0/16", or two by comma.
 * @param corrects What else tells of another server or port and is written again.
 */
export async function kubernetesService(
  deps: WriterDeps,
  serviceCidr: string,
  { address, port }: Advertised,
  corrects: { readonly service: boolean; readonly endpoints: boolean },
): Promise<void> {
  const ports = [{ name: HTTPS, protocol: "TCP", port }];
  const subsets = [{ addresses: [{ ip: address }], ports }];
  const endpoints = [{ addresses: [address], conditions: { ready: true } }];
  const slice = { addressType: familyOf(address), endpoints, ports };
  const endpoint =
    (labels: object, rest: object): Content =>
    (live) =>
      live === undefined || corrects.endpoints ? { labels, rest } : undefined;
  await Promise.all([
    ensure(deps, ["", "v1", "services"], (live) =>
      live === undefined
        ? { labels: { component: "apiserver", provider: "kubernetes" }, rest: serviceOf(serviceCidr, port) }
        : corrects.service
          ? { labels: {}, rest: withPort(live, port) }
          : undefined,
    ),
    ensure(deps, ["", "v1", "endpoints"], endpoint({ "endpointslice.kubernetes.io/skip-mirror": "true" }, { subsets })),
    ensure(
      deps,
      ["discovery.k8s.io", "v1", "endpointslices"],
      endpoint({ "kubernetes.io/service-name": "kubernetes" }, slice),
    ),
  ]);
}

function serviceOf(serviceCidr: string, port: number): object {
  const primary = parseIpNetwork(serviceCidr.split(",")[0] ?? "")!;
  const clusterIP = addressAt(primary, 1);
  return {
    spec: {
      ports: [{ name: HTTPS, protocol: "TCP", port: 443, targetPort: port }],
      clusterIP,
      clusterIPs: [clusterIP],
      type: "ClusterIP",
      sessionAffinity: "None",
      ipFamilies: [primary.family],
      ipFamilyPolicy: "SingleStack",
      internalTrafficPolicy: "Cluster",
    },
    status: { loadBalancer: {} },
  };
}

/** What else was changed by hand stays. */
function withPort({ spec, status }: Service, targetPort: number): object {
  const ports = spec?.ports?.map((each) => (each.name === HTTPS ? { ...each, targetPort } : each));
  return { spec: { ...spec, ports }, status };
}

/** Families follow from the address that a Service asks for: who writes it does not own them. */
function withoutGiven(object: Service & Unstructured): Unstructured {
  if (object.spec?.clusterIP === undefined) return object;
  const { clusterIPs: _addresses, ipFamilies: _families, ...spec } = object.spec;
  return { ...object, spec } as Unstructured;
}

async function ensure(
  deps: WriterDeps,
  [group, version, resource]: readonly [string, string, string],
  content: Content,
): Promise<void> {
  const { store, registry, random, clock } = deps;
  const definition = registry.get(group, version, resource)!;
  const key = store.keyOf(definition, "default", "kubernetes");
  await store.update(definition, key, async (live) => {
    const wanted = content(live);
    if (wanted === undefined) return { type: "none" };
    const identity = live?.metadata ?? {
      uid: random.uuid(),
      creationTimestamp: formatTime(clock.now()),
      ...(definition.strategy.generation && { generation: 1 }),
    };
    const labels = { ...live?.metadata?.labels, ...wanted.labels };
    const whole = {
      kind: definition.kind,
      apiVersion: group === "" ? version : `${group}/${version}`,
      metadata: { ...identity, labels, name: "kubernetes", namespace: "default" },
      ...wanted.rest,
    };
    const object = normalize<Unstructured>(whole, definition.schema).object;
    if (live !== undefined && jsonEqual(object, live)) return { type: "none" };
    const next = live !== undefined && definition.strategy.generation ? counted(definition, object, live) : object;
    const sent = live === undefined ? withoutGiven(next) : next;
    return { type: "put", object: updatedByServer(deps, definition, live, next, { sent }) };
  });
}
