import type { Readable } from "node:stream";
import type { Clock, Logger, Random } from "@tsukube/foundation";
import type { Cgroups, Mounts } from "@tsukube/kernel";
import type { ContainerNetworks } from "@tsukube/node-contracts";
import type { ImageBuilder } from "../build/contracts.ts";
import type { Containers } from "../containers/containers.ts";
import type { ImageArchive } from "../images/image-archive.ts";
import type { ImageGarbage } from "../images/image-garbage.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { ImageTransfer } from "../images/image-transfer.ts";
import type { Snapshotter } from "../images/snapshotter.ts";
import type { SystemImages } from "../images/system-images.ts";
import type { ContainerRuns } from "./containers/container-runs.ts";
import type { DockerContainers } from "./containers/docker-containers.ts";
import type { ExecStore } from "./containers/exec-store.ts";
import type { RootfsAccess } from "./containers/rootfs-access.ts";
import type { Fields } from "./document-shape.ts";
import type { DockerEvents } from "./events.ts";
import type { Endpoints } from "./networks/endpoints.ts";
import type { VolumeStore } from "./volumes/volume-store.ts";

/** What the Docker face is laid over: the same images and builder as the CRI's. */
export interface DockerDeps {
  readonly images: ImageStore;
  readonly systemImages: SystemImages;
  readonly transfer: ImageTransfer;
  readonly archive: ImageArchive;
  readonly builder: ImageBuilder;
  readonly garbage: ImageGarbage;
  /** Folder for uploaded build contexts; emptied at start. */
  readonly uploads: string;
  /** Ids of images that containers use. */
  readonly inUse: () => ReadonlySet<string>;
  readonly random: Random;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  readonly snapshotter: Snapshotter;
  readonly dockerContainers: DockerContainers;
  /** The core's, of which each runs a Docker container. */
  readonly runs: ContainerRuns;
  readonly core: Containers;
  readonly execs: ExecStore;
  readonly rootfs: RootfsAccess;
  readonly volumes: VolumeStore;
  readonly networks?: ContainerNetworks;
  /** It is not root of the machine: there are no networks to make, no control groups to look at. */
  readonly isRootless: boolean;
  readonly endpoints?: Endpoints;
  readonly events: DockerEvents;
  readonly logPath: (id: string) => string;
  /** Where everything of the engine lies. */
  readonly stateDirectory: string;
}

/** A request to an endpoint of the Engine API, without its version. */
export interface DockerRequest {
  readonly method: string;
  /** The parts of the path that the route leaves open, decoded: the image's name. */
  readonly parameters: readonly string[];
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  readonly body: Readable;
  /** The body as a JSON document of such fields; {} when it is empty. @throws {TsukubeError} `invalid`. */
  json<T>(fields: Fields<T>): Promise<T>;
  /** Ends when the client goes away. */
  readonly signal: AbortSignal;
}

/** What an endpoint answers: a JSON document, bytes, or a stream of JSON messages whose failures become messages, too. */
export type DockerAnswer =
  | { readonly status: number; readonly json?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | {
      readonly bytes: AsyncIterable<Uint8Array>;
      readonly type: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly messages: (send: (message: object) => void) => Promise<void> }
  /** The status is told at once, the document later. */
  | { readonly later: Promise<unknown> }
  /** The connection is the streams of a process from now on. */
  | { readonly hijack: (client: Hijacked) => Promise<void>; readonly type: string };

/** A client's connection once it carries streams. */
export interface Hijacked {
  readonly input: Readable;
  /** Resolves when more may follow. */
  write(chunk: Uint8Array): Promise<void>;
  end(): void;
  /** Aborts when the client is gone. */
  readonly closed: AbortSignal;
}

export interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "DELETE" | "PUT";
  /** With groups for the parameters. */
  readonly path: RegExp;
  handle(request: DockerRequest): Promise<DockerAnswer> | DockerAnswer;
}

/** Where Docker's API is served to clients on other machines, over TLS. */
export interface DockerHost {
  readonly host: string;
  readonly port: number;
  /** PEM: of the authority that clients' certificates must be from. */
  readonly ca: string;
  /** PEM: the server's own certificate, and its key. */
  readonly cert: string;
  readonly key: string;
}
