/** Container networks as the engine's Docker face uses them: implemented by network/, wired by cli/. Pods never pass through here. */
export interface ContainerNetworks {
  create(network: NetworkSpec): Promise<Network>;
  list(): Promise<readonly Network[]>;
  remove(name: string): Promise<void>;
  attach(network: string, attachment: AttachmentSpec): Promise<Attachment>;
  detach(network: string, containerId: string): Promise<void>;
  /** Makes a host port reach a container port; survives our own death (nftables). */
  publish(port: PublishedPort): Promise<void>;
  unpublish(containerId: string): Promise<void>;
}

export interface NetworkSpec {
  readonly name: string;
  readonly subnet?: string;
  readonly gateway?: string;
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
}
export interface Network extends NetworkSpec {
  readonly id: string;
  readonly subnet: string;
  readonly gateway: string;
}
export interface AttachmentSpec {
  readonly containerId: string;
  /** Path of a pinned network namespace. */
  readonly netns: string;
  readonly interfaceName: string;
  readonly aliases: readonly string[];
  readonly address?: string;
}
export interface Attachment {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly macAddress: string;
}
export interface PublishedPort {
  readonly containerId: string;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerAddress: string;
  readonly containerPort: number;
}
