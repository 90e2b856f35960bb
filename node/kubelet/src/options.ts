import type { FeatureGates } from "@tsukube/api";
import type { Client, InformerFactory } from "@tsukube/client";
import type { Clock, Logger, Metrics, Random } from "@tsukube/foundation";
import type { KeyRequest } from "@tsukube/host";
import type { Cgroups, Mounts } from "@tsukube/kernel";

export interface KubeletOptions {
  readonly nodeName: string;
  /** As `system:node:<nodeName>`. */
  readonly client: Client;
  readonly informers: InformerFactory;
  /** "unix:/run/tsukube/default/cri.sock". */
  readonly criAddress: string;
  /** Pods' volumes and files; survives a reboot. */
  readonly rootDirectory: string;
  /** Manifests of pods that the node runs without being told by the API; none by default. */
  readonly staticPodDirectory?: string;
  /** Container logs: NAMESPACE_NAME_UID/CONTAINER/N.log below it. */
  readonly podLogsDirectory: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Makes a private key and a request for a certificate to it; types as certificates.k8s.io names them. */
  makeKey(keyType: string): Promise<KeyRequest>;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  /** Parent of the pods' groups, "/kubepods" in upstream; clusters of one host must not share it. */
  readonly cgroupRoot: string;
  /** The first of the host's user ids that pods with users of their own have; 2^25 of them. Clusters of one host must not share them. */
  readonly firstPodUser: number;
  /** Address of the cluster DNS Service. */
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** The node's own addresses, one of each family; the first is its InternalIP. */
  readonly addresses: readonly string[];
  /** Networks of its pods, one of each family, the primary one first. */
  readonly podCidrs: readonly string[];
  /** Upstream's feature gates; its defaults without them. */
  readonly featureGates?: FeatureGates;
  /** Where the API server reaches this kubelet. */
  readonly listen?: KubeletListen;
  /** Where those on the node ask whether it is there, without TLS. */
  readonly healthz?: { readonly address: string; readonly port: number };
}

export interface KubeletListen {
  readonly addresses: readonly string[];
  readonly port: number;
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  readonly clientCa: string;
}

/** A running kubelet. Closing it leaves pods running. */
export interface Kubelet {
  close(): Promise<void>;
}
