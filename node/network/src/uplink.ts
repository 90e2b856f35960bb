import type { PublishedPort } from "@tsukube/node-contracts";

/** Leads from the bridges of a network namespace to the network of the machine, and from its ports to them. */
export interface Uplink {
  /** Path of the pinned namespace. */
  readonly netns: string;
  /** Of its own link there. */
  readonly subnet: string;
  /** Answers names as the machine does. */
  readonly resolver: string;
  /** Whether the namespace is there. */
  isThere(): boolean;
  /** Makes the namespace and what leads out of it, unless they are there. @returns whether what leads out is new, and leads nowhere yet. @throws {TsukubeError} `unsupported`. */
  ensure(): Promise<boolean>;
  /** Makes these ports of the machine lead to their containers, and no others. @returns why, for each that is refused. */
  lead(ports: readonly PublishedPort[]): Promise<ReadonlyMap<PublishedPort, string>>;
  /** Takes everything from the machine. */
  close(): Promise<void>;
}
