import type { ConfigDocument, EndpointDocument, HostConfigDocument } from "./documents.ts";

/** Where something of the host, or a volume, appears in a container. */
export interface MountPoint {
  readonly type: "bind" | "volume" | "image" | "tmpfs";
  /** On the host; "" for an image and a tmpfs. */
  readonly source: string;
  readonly destination: string;
  readonly readonly: boolean;
  /** Of a volume. */
  readonly name?: string;
  /** Nobody named the volume: it goes with the container. */
  readonly isAnonymous?: boolean;
  readonly propagation?: string;
  /** As the client wrote it: "z,ro". */
  readonly mode: string;
  readonly nonRecursive?: boolean;
  /** Of one that is read-only: mounts below its source stay as they are. */
  readonly isReadonlyAlone?: boolean;
  /** Of a tmpfs, as mount(8) takes them. */
  readonly options?: readonly string[];
  /** Of `--tmpfs`: clients are told of it by the container's configuration alone. */
  readonly isUnlisted?: boolean;
  readonly image?: { readonly id: string; readonly name: string };
  /** A part of the volume or the image that is mounted instead of the whole. */
  readonly subpath?: string;
}

type ContainerStatus = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

export interface HealthLogEntry {
  readonly start: number;
  readonly end: number;
  readonly exitCode: number;
  readonly output: string;
}

export interface Health {
  readonly status: "starting" | "healthy" | "unhealthy";
  readonly failingStreak: number;
  /** The last five, oldest first. */
  readonly log: readonly HealthLogEntry[];
}

/** Times are milliseconds since the epoch. */
export interface ContainerState {
  readonly status: ContainerStatus;
  readonly exitCode: number;
  readonly error: string;
  readonly isOomKilled: boolean;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  /** It was ended on purpose: no restart policy but `always` starts it again. */
  readonly isStoppedByUser: boolean;
  readonly restartCount: number;
  readonly health?: Health;
}

/** A container as Docker's clients know it. It may run many times; each run is a container of the engine's core with its id. */
export interface DockerContainer {
  readonly id: string;
  /** Without the slash that clients see in front. */
  readonly name: string;
  readonly createdAt: number;
  /** What the client asked for, filled up from the image. */
  readonly config: ConfigDocument;
  readonly hostConfig: HostConfigDocument;
  readonly imageId: string;
  /** As the client named it. */
  readonly imageName: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly mounts: readonly MountPoint[];
  /** By name of the network. */
  readonly endpoints: Readonly<Record<string, EndpointDocument>>;
  readonly state: ContainerState;
}

export function isRunning({ state: { status } }: DockerContainer): boolean {
  return status === "running" || status === "paused";
}

/** The network of containers that name none. */
export const DEFAULT_NETWORK = "bridge";

/** The network mode, whose default is the bridge. */
export function networkModeOf({ hostConfig }: Pick<DockerContainer, "hostConfig">): string {
  const mode = hostConfig.NetworkMode ?? "default";
  return mode === "" || mode === "default" ? DEFAULT_NETWORK : mode;
}
