import { jsonEqual } from "@tsukube/api";
import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Endpoints,
  Pod,
  Service,
} from "@tsukube/api/types/core-v1";
import { addressOf, familiesOf, HEADLESS, hostnameOf, isHeadless, isReady } from "../services/pod-endpoint.ts";
import { targetPortOf } from "../services/target-port.ts";
import { withTriggerTime } from "../services/trigger-times.ts";
import { repack, truncated } from "./subsets.ts";

const MOST_ADDRESSES = 1000;
export const MANAGED_BY = "endpoints.kubernetes.io/managed-by";
export const MANAGER = "endpoint-controller";
const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";

/**
 * Pure: the Endpoints that a Service should have, of its primary family; undefined when `present` is just that.
 * @param since When what changes them happened.
 */
export function plan(
  service: Service,
  pods: readonly Pod[],
  present: Endpoints | undefined,
  since?: string,
): Endpoints | undefined {
  const all = repack(pods.flatMap((pod) => subsetsOf(service, pod)));
  const cut = truncated(all, MOST_ADDRESSES);
  const { [OVER_CAPACITY]: _before, ...others } = withTriggerTime(present?.metadata?.annotations, since);
  const annotations = { ...others, ...(cut !== undefined && { [OVER_CAPACITY]: "truncated" }) };
  const { annotations: _present, ...metadata } = present?.metadata ?? namesOf(service);
  const wanted: Endpoints = {
    ...present,
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: {
      ...metadata,
      labels: labelsOf(service),
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    subsets: cut ?? all,
  };
  return present !== undefined && jsonEqual(shown(present), shown(wanted)) ? undefined : wanted;
}

function namesOf({ metadata }: Service): Endpoints["metadata"] & object {
  return { name: metadata?.name ?? "", namespace: metadata?.namespace ?? "" };
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [HEADLESS]: _headless, ...labels } = service.metadata?.labels ?? {};
  return { ...labels, ...(isHeadless(service) && { [HEADLESS]: "" }), [MANAGED_BY]: MANAGER };
}

/** Pods that are going are out, unless all addresses are wanted. */
function subsetsOf(service: Service, pod: Pod): readonly EndpointSubset[] {
  const takesAny = service.spec?.publishNotReadyAddresses === true;
  const ip = addressOf(pod, familiesOf(service)[0] ?? "IPv4");
  if (ip === undefined || (pod.metadata?.deletionTimestamp !== undefined && !takesAny)) return [];
  const addresses = [addressEntry(service, pod, ip)];
  const where = takesAny || isReady(pod) ? { addresses } : { notReadyAddresses: addresses };
  const { ports = [] } = service.spec ?? {};
  if (ports.length === 0) return isHeadless(service) ? [where] : [];
  return ports.flatMap((port): EndpointSubset[] => {
    const number = targetPortOf(port, pod);
    if (number === undefined) return [];
    const { name = "", protocol = "TCP", appProtocol } = port;
    const entry: EndpointPort = {
      ...(name !== "" && { name }),
      port: number,
      protocol,
      ...(appProtocol !== undefined && { appProtocol }),
    };
    return [{ ...where, ports: [entry] }];
  });
}

function addressEntry(service: Service, pod: Pod, ip: string): EndpointAddress {
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  const hostname = hostnameOf(pod, service);
  return {
    ip,
    ...(hostname !== undefined && { hostname }),
    ...(pod.spec?.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

/** What is compared: somebody else's annotations are none of ours. */
function shown({ metadata, subsets }: Endpoints): unknown {
  return { labels: metadata?.labels ?? {}, over: metadata?.annotations?.[OVER_CAPACITY] ?? "", subsets: subsets ?? [] };
}
