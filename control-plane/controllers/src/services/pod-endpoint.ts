import type { Pod, Service } from "@tsukube/api/types/core-v1";
import { familyOf, type IpFamily } from "@tsukube/foundation/ip-network";
import { readySince } from "../pods/pod-state.ts";

/** The address of a family under which a Service reaches the pod; undefined while it has none and once it ended. */
export function addressOf({ status }: Pod, family: IpFamily): string | undefined {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return undefined;
  const all = [...(status?.podIPs ?? []).map(({ ip }) => ip), status?.podIP];
  return all.find((ip) => ip !== undefined && familyOf(ip) === family);
}

/** Of the addresses of a Service, its primary one first. */
export function familiesOf({ spec }: Service): readonly IpFamily[] {
  const families = (spec?.ipFamilies ?? []) as readonly IpFamily[];
  return families.length > 0 ? families : [familyOf(spec?.clusterIP ?? "") ?? "IPv4"];
}

/** The name of the pod below the Service's, which DNS serves; undefined when it has none. */
export function hostnameOf({ spec }: Pod, service: Service): string | undefined {
  const { hostname = "", subdomain } = spec ?? {};
  return hostname !== "" && subdomain === service.metadata?.name ? hostname : undefined;
}

export function isReady(pod: Pod): boolean {
  return readySince(pod) !== undefined;
}

/** Without an address of its own: clients get those of the pods. */
export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIP === "None" || (spec?.clusterIP ?? "") === "";
}

export const HEADLESS = "service.kubernetes.io/headless";
