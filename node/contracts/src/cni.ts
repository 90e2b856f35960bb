/** Invokes CNI plugins (CNI spec 1.0): ours in process, others as executables. The engine calls it, network/ implements it. */
export interface PodNetwork {
  /** CNI ADD: connects the namespace and returns what it got. Idempotent per container id. */
  add(request: CniRequest): Promise<CniResult>;
  /** CNI DEL: releases everything; succeeds when there is nothing. */
  remove(request: CniRequest): Promise<void>;
  /** CNI CHECK: throws when the attachment is not as it should be. */
  check(request: CniRequest): Promise<void>;
  /** CNI STATUS: throws with the reason when ADD could not be served now. */
  status(): Promise<void>;
  /** CNI GC: releases what belongs to none of `containerIds`. */
  collect(containerIds: readonly string[]): Promise<void>;
}

export interface CniRequest {
  /** Sandbox id. */
  readonly containerId: string;
  /** Path of the pinned network namespace. */
  readonly netns: string;
  /** Usually "eth0". */
  readonly interfaceName: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly podUid: string;
  readonly portMappings: readonly PortMapping[];
  /** Bits per second; 0 is unlimited. */
  readonly ingressRate?: number;
  readonly egressRate?: number;
}

export interface PortMapping {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

export interface CniResult {
  /** Addresses without prefix, the first is the pod's primary one. */
  readonly ips: readonly string[];
  readonly gateway?: string;
  readonly macAddress?: string;
}
