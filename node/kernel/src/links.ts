import { closeSync, openSync } from "node:fs";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { parseIp } from "@tsukube/foundation/ip-network";
import { libc } from "./libc.ts";
import type { Namespaces } from "./namespaces.ts";
import { type Attribute, encodeAttributes, NLM_F_CREATE, NLM_F_EXCL, name, RouteSocket, uint32 } from "./netlink.ts";

/** Network links of the host and of pinned namespaces, without a program for each: about a millisecond for a whole pod. What is made or removed takes longer when the kernel is busy with others, and nobody waits for it. */
export interface Links {
  /** A pair of veth links: `host` here, attached to `bridge` and up, `inside` in the namespace pinned at `netns`. */
  connect(pair: VethPair): Promise<void>;
  /**
   * Loopback and `inside` up, the address, and a default route over the gateway, which is reached directly. Once for each family.
   * @param address Alone, or with the length of its network's prefix: "10.0.0.2/24", whose addresses are then reached directly.
   * @param gateway There is no default route without one.
   */
  configure(netns: string, inside: string, address: string, gateway?: string): void | Promise<void>;
  /** The loopback of a namespace up. */
  loopback(netns: string): void | Promise<void>;
  /** A default route of a namespace over a gateway that it reaches directly, unless it has one. */
  routeOver(netns: string, inside: string, gateway: string): void | Promise<void>;
  /** Removes a link of the host, if it is there; its peer goes with it. */
  remove(link: string): Promise<void>;
}

export interface VethPair {
  readonly host: string;
  readonly bridge: string;
  readonly inside: string;
  readonly netns: string;
  /** Of `inside`: "0a:58:0a:40:00:05". */
  readonly mac: string;
  readonly mtu?: number;
}

const IF_INDEX = "uint32_t if_nametoindex(const char *name)";
const [RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_NEWROUTE] = [16, 17, 20, 24];
const [IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO, IFLA_NET_NS_FD] = [1, 3, 4, 10, 18, 28];
const [INFO_KIND, INFO_DATA, INFO_SLAVE_KIND, INFO_SLAVE_DATA] = [1, 2, 4, 5];
const VETH_INFO_PEER = 1;
const BRPORT_HAIRPIN = 4;
const [IFA_ADDRESS, IFA_LOCAL] = [1, 2];
const [RTA_DST, RTA_OIF, RTA_GATEWAY] = [1, 4, 5];
const UP = 1;
const [AF_INET, AF_INET6] = [2, 10];
/** At once usable: nobody else on the link can have it. */
const IFA_F_NODAD = 2;
const [SCOPE_UNIVERSE, SCOPE_LINK] = [0, 253];
const [TABLE_MAIN, PROTOCOL_BOOT, UNICAST] = [254, 3, 1];

export function systemLinks(namespaces: Namespaces): Links {
  return {
    async connect(pair) {
      using socket = new RouteSocket();
      await connect(socket, pair);
    },
    configure(netns, inside, address, gateway) {
      namespaces.within(netns, () => {
        using socket = new RouteSocket();
        configure(socket, inside, address, gateway);
      });
    },
    async remove(link) {
      using socket = new RouteSocket();
      await remove(socket, link);
    },
    loopback(netns) {
      namespaces.within(netns, () => {
        using socket = new RouteSocket();
        loopback(socket);
      });
    },
    routeOver(netns, inside, gateway) {
      namespaces.within(netns, () => {
        using socket = new RouteSocket();
        try {
          addRoute(socket, indexOf(inside), gateway, "default");
        } catch (error) {
          if (codeOf(error) !== "EEXIST") throw error;
        }
      });
    },
  };
}

async function connect(socket: RouteSocket, { host, bridge, inside, netns, mac, mtu }: VethPair): Promise<void> {
  const size: readonly Attribute[] = mtu === undefined ? [] : [[IFLA_MTU, uint32(mtu)]];
  const namespace = openSync(netns, "r");
  try {
    // both ends at once, ours on its bridge and up, the peer with its final name and address inside: no second step
    const peer: readonly Attribute[] = [
      [IFLA_IFNAME, name(inside)],
      [IFLA_ADDRESS, Buffer.from(mac.replaceAll(":", ""), "hex")],
      [IFLA_NET_NS_FD, uint32(namespace)],
      ...size,
    ];
    const data: Attribute = [VETH_INFO_PEER, Buffer.concat([linkMessage(0, 0, 0), encodeAttributes(peer)])];
    const info: Attribute = [
      IFLA_LINKINFO,
      [
        [INFO_KIND, name("veth")],
        [INFO_DATA, [data]],
      ],
    ];
    const master: Attribute = [IFLA_MASTER, uint32(indexOf(bridge))];
    const attributes: readonly Attribute[] = [[IFLA_IFNAME, name(host)], master, ...size, info];
    const what = `add link "${host}" to "${bridge}"`;
    await socket.requestAside(what, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, linkMessage(0, UP, UP), attributes);
  } finally {
    closeSync(namespace);
  }
  const port: Attribute = [
    IFLA_LINKINFO,
    [
      [INFO_SLAVE_KIND, name("bridge")],
      [INFO_SLAVE_DATA, [[BRPORT_HAIRPIN, Uint8Array.of(1)]]],
    ],
  ];
  // a pod that reaches itself through a Service comes back through the port it left by
  socket.request(`let "${host}" send back`, RTM_NEWLINK, 0, linkMessage(0, 0, 0), [[IFLA_IFNAME, name(host)], port]);
}

function loopback(socket: RouteSocket): void {
  socket.request("set loopback up", RTM_NEWLINK, 0, linkMessage(indexOf("lo"), UP, UP), []);
}

function configure(socket: RouteSocket, inside: string, address: string, gateway: string | undefined): void {
  const index = indexOf(inside);
  loopback(socket);
  const own = ipOf(address.split("/")[0] ?? "");
  const length = Number(address.split("/")[1] ?? own.width);
  const message = Buffer.from([own.family, length, own.family === AF_INET6 ? IFA_F_NODAD : 0, SCOPE_UNIVERSE]);
  const addressed = Buffer.concat([message, uint32(index)]);
  socket.request(`add address ${address}`, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, addressed, [
    [IFA_LOCAL, own.bytes],
    [IFA_ADDRESS, own.bytes],
  ]);
  socket.request(`set link "${inside}" up`, RTM_NEWLINK, 0, linkMessage(index, UP, UP), []);
  if (gateway === undefined) return;
  if (length === own.width) addRoute(socket, index, gateway, "direct");
  addRoute(socket, index, gateway, "default");
}

function addRoute(socket: RouteSocket, index: number, gateway: string, kind: "direct" | "default"): void {
  const { family, width, bytes } = ipOf(gateway);
  const [message, destination]: readonly [Buffer, Attribute] =
    kind === "direct"
      ? [routeMessage(family, width, SCOPE_LINK), [RTA_DST, bytes]]
      : [routeMessage(family, 0, SCOPE_UNIVERSE), [RTA_GATEWAY, bytes]];
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  socket.request(`add a route over ${gateway}`, RTM_NEWROUTE, flags, message, [destination, [RTA_OIF, uint32(index)]]);
}

async function remove(socket: RouteSocket, link: string): Promise<void> {
  try {
    await socket.requestAside(`remove link "${link}"`, RTM_DELLINK, 0, linkMessage(0, 0, 0), [
      [IFLA_IFNAME, name(link)],
    ]);
  } catch (error) {
    if (codeOf(error) !== "ENODEV") throw error;
  }
}

/** struct ifinfomsg. */
function linkMessage(index: number, flags: number, change: number): Buffer {
  return Buffer.concat([uint32(0), uint32(index), uint32(flags), uint32(change)]);
}

/** struct rtmsg. */
function routeMessage(family: number, length: number, scope: number): Buffer {
  return Buffer.from([family, length, 0, 0, TABLE_MAIN, PROTOCOL_BOOT, scope, UNICAST, 0, 0, 0, 0]);
}

/** 0 when there is no such link in the present namespace: the kernel then says so. */
function indexOf(link: string): number {
  return libc(IF_INDEX)(link);
}

/** An address as the kernel takes it, and how many bits it has. */
function ipOf(address: string): { readonly family: number; readonly width: number; readonly bytes: Buffer } {
  const parsed = parseIp(address);
  if (parsed === undefined)
    throw new TsukubeError("usage", `Cannot use "${address}": no IP address, expected one of IPv4 or IPv6`);
  const width = parsed.family === "IPv4" ? 32 : 128;
  const bytes = Buffer.from(parsed.value.toString(16).padStart(width / 4, "0"), "hex");
  return { family: width === 32 ? AF_INET : AF_INET6, width, bytes };
}
