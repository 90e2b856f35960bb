import type { Links } from "./links.ts";
import { run } from "./programs.ts";

const NO_SUCH_LINK = 1;
const ROUTE_EXISTS = 2;

/**
 * The same by programs, for who could enter a namespace, but not return, because the one it is in is not its own.
 * @param home Path of the pinned namespace that has the bridges.
 */
export function linksByProgram(home: string): Links {
  return {
    async connect({ host, bridge, inside, netns, mac, mtu }) {
      const size = mtu === undefined ? "" : ` mtu ${mtu}`;
      await batch(home, [
        `link add ${host}${size} master ${bridge} up type veth peer name ${inside} address ${mac}${size} netns ${netns}`,
        `link set ${host} type bridge_slave hairpin on`,
      ]);
    },
    async configure(netns, inside, address, gateway) {
      const isIpv6 = address.includes(":");
      const isAlone = !address.includes("/");
      const routes = gateway === undefined ? [] : [`route add default via ${gateway} dev ${inside}`];
      if (isAlone && gateway !== undefined) routes.unshift(`route add ${gateway} dev ${inside} scope link`);
      await batch(netns, [
        "link set lo up",
        `addr add ${address} dev ${inside}${isIpv6 ? " nodad" : ""}`,
        `link set ${inside} up`,
        ...routes,
      ]);
    },
    async loopback(netns) {
      await run("nsenter", [`--net=${netns}`, "busybox", "ip", "link", "set", "lo", "up"]);
    },
    async routeOver(netns, inside, gateway) {
      const route = ["ip", "route", "add", "default", "via", gateway, "dev", inside];
      await run("nsenter", [`--net=${netns}`, ...route], { accept: [0, ROUTE_EXISTS] });
    },
    async remove(link) {
      await run("nsenter", [`--net=${home}`, "ip", "link", "del", link], { accept: [0, NO_SUCH_LINK] });
    },
  };
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  await run("nsenter", [`--net=${netns}`, "ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
