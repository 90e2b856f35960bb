import { readFileSync } from "node:fs";
import { formatIp } from "@tsukube/foundation/ip-network";
import { addressesOf } from "./addresses.ts";
import type { ClusterPaths } from "./paths.ts";
import { allClusters, type ClusterRecord } from "./record.ts";

/** What each network is that Services of a cluster cannot have, by its CIDR. */
export async function usedNetworks(paths: ClusterPaths, record: ClusterRecord): Promise<ReadonlyMap<string, string>> {
  const others = (await allClusters(paths)).filter(({ name }) => name !== record.name);
  const services = others.flatMap(({ name, index, serviceCidr }) =>
    addressesOf(index, serviceCidr)
      .serviceCidr.split(",")
      .map((cidr) => [cidr, `the Services of cluster "${name}"`] as const),
  );
  const { podCidrs } = addressesOf(record.index, record.serviceCidr);
  return new Map([
    ...hostRoutes().map((route) => [route, "a route of this host"] as const),
    ...services,
    ...podCidrs.map((cidr) => [cidr, "the cluster's pods"] as const),
  ]);
}

/** Networks that the host routes, but for the default, and for those of a link alone. */
export function hostRoutes(): readonly string[] {
  return process.platform === "linux" ? [...routesOf4(), ...routesOf6()] : [];
}

function routesOf4(): readonly string[] {
  return rowsOf("/proc/net/route").flatMap(([, destination = "", , , , , , mask = ""]) => {
    if (!/^[0-9A-F]{8}$/.test(destination) || mask === "00000000") return [];
    const bits = [...Buffer.from(mask, "hex")].reduce(
      (sum, byte) => sum + byte.toString(2).replaceAll("0", "").length,
      0,
    );
    return [`${[...Buffer.from(destination, "hex")].reverse().join(".")}/${bits}`];
  });
}

function routesOf6(): readonly string[] {
  return rowsOf("/proc/net/ipv6_route").flatMap(([destination = "", length = ""]) => {
    const isOfLink = /^(fe[89ab]|ff|0{31}1)/.test(destination);
    if (!/^[0-9a-f]{32}$/.test(destination) || length === "00" || isOfLink) return [];
    return [`${formatIp({ family: "IPv6", value: BigInt(`0x${destination}`) })}/${Number.parseInt(length, 16)}`];
  });
}

/** None of a host without such routes. */
function rowsOf(path: string): readonly (readonly string[])[] {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .map((row) => row.split(/\s+/));
  } catch {
    return [];
  }
}
