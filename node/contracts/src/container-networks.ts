/** Container networks as the engine's Docker face uses them: implemented by network/, wired by cli/. Pods never pass through here. */
export interface ContainerNetworks {
  /** Whom containers ask for names where the machine's own resolvers are on its loopback; a public one by default. */
  readonly resolver?: string | undefined;
  readonly all: readonly Network[];
  /** By name, id, or a beginning of the id that only one network has. */
  find(name: string): Network | undefined;
  /** @throws {TsukubeError} `conflict` for a name in use, `invalid` for a subnet that overlaps another, `exhausted`. */
  create(network: NetworkSpec): Promise<Network>;
  /** The network of that name, made unless it is there. */
  ensure(network: NetworkSpec): Promise<Network>;
  /** @throws {TsukubeError} `forbidden` while containers are attached. */
  remove(id: string): Promise<void>;
  /** Of the running containers, oldest first. */
  readonly attachments: readonly Attachment[];
  /** @throws {TsukubeError} `invalid` for an address that is not the network's, `in-use` for one that another has. */
  attach(attachment: AttachmentSpec): Promise<Attachment>;
  /** Gives an attachment other names. */
  rename(containerId: string, networkId: string, names: readonly string[]): Promise<void>;
  /** Releases the attachments of a container, or the one to a network. Does nothing when there is none. */
  detach(containerId: string, networkId?: string): Promise<void>;
  /**
   * Makes host ports reach a container; they survive our own death (nftables).
   * @returns them with the host ports that were chosen. @throws {TsukubeError} `port-taken`.
   */
  publish(containerId: string, ports: readonly PortWish[]): Promise<readonly PublishedPort[]>;
  /** Of a container; none when it has published nothing. */
  published(containerId: string): readonly PublishedPort[];
  unpublish(containerId: string): Promise<void>;
  /** Makes 127.0.0.11 in a network namespace lead to who answers names at a gateway. */
  leadNames(netns: string, gateway: string): Promise<void>;
  /**
   * Takes everything from the host: links, bridges, tables. Networks stay on record.
   * @param othersRemain Others of this host still forward packets: sysctls of the whole host stay as they are.
   */
  cleanHost(othersRemain: boolean): Promise<void>;
}

export interface NetworkSpec {
  readonly name: string;
  readonly subnet?: string;
  readonly gateway?: string;
  /** The part of the subnet from which addresses are given: "172.20.5.0/24". */
  readonly range?: string;
  /** Addresses that are given to nobody, by what they are for. */
  readonly reserved?: Readonly<Record<string, string>>;
  /** Has IPv6 as well. */
  readonly ipv6?: Ipv6Spec;
  /** Reaches nothing but itself. */
  readonly internal: boolean;
  readonly attachable?: boolean;
  /** The greatest packet of its links, in bytes; the kernel's default by default. */
  readonly mtu?: number;
  /** Name of its link on the host; one made from its id by default. */
  readonly bridge?: string;
  /** Its containers do not reach each other but by what they publish. */
  readonly isIsolated?: boolean;
  /** What leaves it keeps its addresses: others know the way back. */
  readonly isRouted?: boolean;
  /** The address of the host at which ports are published that name none. */
  readonly hostBinding?: string;
  /** How the names of its links in containers begin: "eth" by default. */
  readonly interfacePrefix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
}
export interface Ipv6Spec {
  /** A unique local /64 by default (RFC 4193). */
  readonly subnet?: string;
  readonly gateway?: string;
  readonly reserved?: Readonly<Record<string, string>>;
}
export interface Network extends NetworkSpec {
  readonly id: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly ipv6?: Ipv6Spec & { readonly subnet: string; readonly gateway: string };
  readonly bridge: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}
export interface AttachmentSpec {
  readonly containerId: string;
  readonly networkId: string;
  /** Path of a pinned network namespace. */
  readonly netns: string;
  /** Under which other containers of the network find it. */
  readonly names: readonly string[];
  readonly address?: string;
  readonly ipv6Address?: string;
  readonly macAddress?: string;
  /** Whom to ask for names that are no container's. */
  readonly resolvers?: readonly string[];
  /** Whether the container's default route leads over this network. */
  readonly isDefault: boolean;
}
export interface Attachment extends Omit<AttachmentSpec, "isDefault" | "ipv6Address"> {
  readonly endpointId: string;
  readonly interfaceName: string;
  readonly hostLink: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly ipv6?: { readonly address: string; readonly prefixLength: number; readonly gateway: string };
  readonly macAddress: string;
  /** Order of attachment. */
  readonly number: number;
}
export interface PortWish {
  readonly protocol: "tcp" | "udp" | "sctp";
  /** "" for every address, "0.0.0.0" and "::" for every one of their family. */
  readonly hostAddress: string;
  /** First and last to choose from; none: any that is free. */
  readonly hostPorts?: readonly [first: number, last: number];
  readonly containerPort: number;
  /** Of the attachment that is reached. */
  readonly containerAddress: string;
  /** Its other one, to which the same port of "::" is to lead. */
  readonly containerIpv6Address?: string;
}
export interface PublishedPort extends Omit<PortWish, "hostPorts" | "containerIpv6Address"> {
  readonly hostPort: number;
}
