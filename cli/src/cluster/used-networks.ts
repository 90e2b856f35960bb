import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatIp } from "@tsukube/foundation/ip-network";
import { readRecord } from "@tsukube/host";
import { addressesOf, type ChosenNetworks } from "./addresses.ts";
import { type ClusterPaths, filesOf } from "./paths.ts";
import { allClusters, type ClusterRecord } from "./record.ts";

/** What each network is that neither Services nor pods of a cluster can have, by its CIDR. */
export async function usedNetworks(paths: ClusterPaths, record: ClusterRecord): Promise<ReadonlyMap<string, string>> {
  const others = (await allClusters(paths)).filter(({ name }) => name !== record.name);
  return new Map([
    ...hostRoutes().map((route) => [route, "a route of this host"] as const),
    ...others.flatMap((other) => networksOf(other, ` of cluster "${other.name}"`)),
    ...(await dockerNetworks(paths)),
  ]);
}

/** Networks of Docker's containers on this host, and what each is: those of engines that are stopped have no route, and come back. */
export async function dockerNetworks(paths: ClusterPaths): Promise<readonly (readonly [string, string])[]> {
  const states = dirname(paths.state);
  const found = namesIn(states).flatMap((name) => {
    const folder = join(filesOf({ ...paths, state: join(states, name) }).dockerNetworks, "networks");
    return namesIn(folder).map(async (id) => {
      const network = await readRecord<{ readonly name: string; readonly subnet: string }>(join(folder, id)).catch(
        () => undefined,
      );
      return network === undefined
        ? []
        : [[network.subnet, `Docker's network "${network.name}" of "${name}"`] as const];
    });
  });
  return (await Promise.all(found)).flat();
}

/** None of a folder that is not there. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The networks of a cluster, and what each is. @param whose Such as " of cluster "a"". */
export function networksOf(record: ChosenNetworks, whose: string): readonly (readonly [string, string])[] {
  const { serviceCidr, podCidrs } = addressesOf(record);
  return [
    ...serviceCidr.split(",").map((cidr) => [cidr, `the Services${whose}`] as const),
    ...podCidrs.map((cidr) => [cidr, `the pods${whose}`] as const),
  ];
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
