import type { Pod } from "@tsukube/api/types/core-v1";
import { lastingContainers } from "../pods/pod-containers.ts";

interface HostPort {
  readonly ip: string;
  readonly port: number;
  readonly protocol: string;
}

/** Pure: whether the pod wants a port of the node that one of the others has. */
export function hostPortsConflict(pod: Pod, others: readonly Pod[]): boolean {
  const taken = others.flatMap(hostPortsOf);
  return hostPortsOf(pod).some((port) => taken.some((other) => conflict(port, other)));
}

function hostPortsOf(pod: Pod): readonly HostPort[] {
  return lastingContainers(pod)
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ hostIP = "", hostPort = 0, protocol = "TCP" }) =>
      hostPort === 0 ? [] : [{ ip: hostIP === "0.0.0.0" ? "" : hostIP, port: hostPort, protocol }],
    );
}

/** A port without an address is that port of all addresses. */
function conflict(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === "" || b.ip === "" || a.ip === b.ip);
}
