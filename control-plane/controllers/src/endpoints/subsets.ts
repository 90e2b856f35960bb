import type { EndpointAddress, EndpointPort, EndpointSubset } from "@tsukube/api/types/core-v1";

interface Entry {
  readonly address: EndpointAddress;
  isReady: boolean;
  readonly ports: Map<string, EndpointPort>;
}

/**
 * The same addresses and ports in the fewest subsets, sorted: an address is in one subset, with all the ports it serves. Who
 * is named both ready and not ready is not ready.
 */
export function repack(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] {
  const entries = new Map<string, Entry>();
  for (const subset of subsets) {
    for (const address of subset.addresses ?? []) enter(entries, address, true, subset.ports ?? []);
    for (const address of subset.notReadyAddresses ?? []) enter(entries, address, false, subset.ports ?? []);
  }
  const groups = new Map<string, Entry[]>();
  for (const entry of entries.values()) {
    const key = [...entry.ports.keys()].sort().join();
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => subsetOf(group));
}

function enter(
  entries: Map<string, Entry>,
  address: EndpointAddress,
  isReady: boolean,
  ports: readonly EndpointPort[],
): void {
  const key = `${address.ip} ${address.targetRef?.uid ?? ""}`;
  const entry = entries.get(key) ?? { address, isReady, ports: new Map<string, EndpointPort>() };
  entries.set(key, entry);
  entry.isReady &&= isReady;
  for (const port of ports) entry.ports.set(keyOfPort(port), port);
}

function keyOfPort({ name = "", port, protocol = "TCP", appProtocol = "" }: EndpointPort): string {
  return `${name}/${port}/${protocol}/${appProtocol}`;
}

function subsetOf(group: readonly Entry[]): EndpointSubset {
  const byAddress = [...group].sort((a, b) => (a.address.ip < b.address.ip ? -1 : 1));
  const addresses = byAddress.filter(({ isReady }) => isReady).map(({ address }) => address);
  const notReadyAddresses = byAddress.filter(({ isReady }) => !isReady).map(({ address }) => address);
  const ports = [...(group[0]?.ports ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
  return {
    ...(addresses.length > 0 && { addresses }),
    ...(notReadyAddresses.length > 0 && { notReadyAddresses }),
    ...(ports.length > 0 && { ports }),
  };
}

/** At most `most` addresses, ready ones first, each subset by its share; undefined when there are no more than that. */
export function truncated(subsets: readonly EndpointSubset[], most: number): readonly EndpointSubset[] | undefined {
  const count = (list: "addresses" | "notReadyAddresses"): number =>
    subsets.reduce((sum, subset) => sum + (subset[list] ?? []).length, 0);
  const [ready, unready] = [count("addresses"), count("notReadyAddresses")];
  if (ready + unready <= most) return undefined;
  return ready > most
    ? shares(subsets, "addresses", most, ready).map(({ notReadyAddresses: _none, ...subset }) => subset)
    : shares(subsets, "notReadyAddresses", most - ready, unready);
}

function shares(
  subsets: readonly EndpointSubset[],
  list: "addresses" | "notReadyAddresses",
  most: number,
  total: number,
): readonly EndpointSubset[] {
  let left = most;
  return subsets.map((subset) => {
    const all = subset[list] ?? [];
    const kept = all.slice(0, Math.min(left, Math.ceil((all.length / total) * most)));
    left -= kept.length;
    const { [list]: _all, ...rest } = subset;
    return kept.length === 0 ? rest : { ...rest, [list]: kept };
  });
}
