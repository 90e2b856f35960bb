import type { Ulimit } from "../containers/rlimits.ts";
import type { ImageRecord } from "../images/image-store.ts";
import type { RegistryCredentials } from "../images/registry-auth.ts";

export type BuildNetwork = "default" | "none" | "host";

/** What a Dockerfile gets only with its client's consent: all rights of the machine's root, the machine's network. */
export type Entitlement = "security.insecure" | "network.host";

/** What `POST /build` asks for. */
export interface BuildRequest {
  /** Folder with the build context. */
  readonly context: string;
  /** What `--from` and FROM may name besides stages and images, and before them; by `contextName`. "dockerfile" is where the Dockerfile lies. */
  readonly contexts: ReadonlyMap<string, NamedContext>;
  /** Path of the Dockerfile within the context. */
  readonly dockerfile: string;
  /** Names for the image, as people write them. */
  readonly names: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Stage to build: a name or a number; the last by default. */
  readonly target?: string;
  /** "linux/amd64"; this machine's by default. */
  readonly platform?: string;
  /** Of commands that do not say which. */
  readonly network: BuildNetwork;
  /** What commands may ask for beyond what all may. */
  readonly allowed: ReadonlySet<Entitlement>;
  /** What else commands find around them; a part of what their results depend on. */
  readonly surroundings: BuildSurroundings;
  /** Runs every step. */
  readonly noCache: boolean;
  /** Looks for newer base images. */
  readonly pull: boolean;
  /** What commands may read and no image holds. */
  readonly inputs: BuildInputs;
  /** Who the client is at a registry ("docker.io", "localhost:5000"); {} for anyone. */
  readonly credentials: (registry: string) => RegistryCredentials;
  /** Whether the image gets a statement of what it was made of, and one of the packages in it. */
  readonly provenance: boolean;
  readonly sbom: boolean;
  /** Where results of steps are looked for that are not here. */
  readonly cacheFrom: readonly CachePlace[];
  /** Where the results of this build's steps go. */
  readonly cacheTo: readonly CachePlace[];
  readonly signal: AbortSignal;
  readonly onProgress: (event: BuildProgress) => void;
  /** What is made in place of an image of this machine. */
  readonly output?: BuildOutput;
}

interface BuildOutput {
  /** All files as a tar archive, the image as `docker save` writes it, or nothing besides the cache. */
  readonly kind: OutputKind;
  /** Reads the archive to its end; not called for nothing. */
  readonly take: (archive: AsyncIterable<Uint8Array>) => Promise<void>;
}

export type OutputKind = "files" | "image" | "none";

/** A folder of this machine, an image, or a file that is the archive of one. */
export type NamedContext = { readonly folder: string } | { readonly image: string } | { readonly archive: string };

/** Where results of steps are kept besides here. */
export type CachePlace =
  /** A repository with tag: a cache, or for reading an image that was made with "inline". */
  | { readonly type: "registry"; readonly ref: string; readonly mode?: CacheMode }
  /** A folder of this machine, as OCI image layout. */
  | { readonly type: "local"; readonly folder: string; readonly mode?: CacheMode }
  /** In the image itself: those of its own layers. */
  | { readonly type: "inline" };

export interface BuildSurroundings {
  /** Lines for /etc/hosts: "10.0.0.5\tdb". */
  readonly hosts?: readonly string[];
  readonly ulimits?: readonly Ulimit[];
  /** Size of their shared memory; 64 MB by default. */
  readonly shmBytes?: number;
}

/** What goes to a cache: the results that the image is made of ("min", the default), or those of all steps of its stages. */
type CacheMode = "min" | "max";

/** What the client of a build lends to it; nothing of it is in a layer, a log or a cache key. */
export interface BuildInputs {
  /** By id: for `RUN --mount=type=secret`. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** Sockets of ssh agents on this machine, by id: for `RUN --mount=type=ssh`, and "default" for repositories. */
  readonly agents: ReadonlyMap<string, string>;
}

/** What happens in a build, in order for each step; steps of different stages mingle. */
export type BuildProgress =
  | { readonly kind: "step"; readonly step: BuildStep }
  /** The step's result was found; nothing ran. */
  | { readonly kind: "cached"; readonly step: BuildStep }
  /** Why the step runs: what differs from the last time, "web.mjs changed". */
  | { readonly kind: "missed"; readonly step: BuildStep; readonly why: string }
  /** What the step's command wrote. */
  | { readonly kind: "output"; readonly step: BuildStep; readonly text: string }
  /** About the build as a whole. */
  | { readonly kind: "note"; readonly text: string };

export interface BuildStep {
  /** From 1 to `total`, which counts the steps of the stages that are needed. */
  readonly number: number;
  readonly total: number;
  /** The stage's name, or its number. */
  readonly stage: string;
  /** The instruction as it is written: "COPY web.mjs .". */
  readonly text: string;
}

/** A step's result in the cache. */
export interface CachedResult {
  readonly id: string;
  /** Which step of which build it was. */
  readonly lineage: string;
  /** Layers up to its own. */
  readonly chain: readonly string[];
  readonly diffIds: readonly string[];
  readonly bytes: number;
  /** RFC 3339. */
  readonly created: string;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

/** The folder of a `RUN --mount=type=cache`. */
export interface CacheFolder {
  readonly id: string;
  /** Its id in the Dockerfile, which is its place where it has none. */
  readonly target: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
  readonly inUse: boolean;
}

/** Makes images from Dockerfiles. */
export interface ImageBuilder {
  /**
   * @returns the image; undefined where another output was wished.
   * @throws {TsukubeError} `invalid` with file, line and column; `failed` with the command and its exit code; `not-found`; `cancelled`.
   */
  build(request: BuildRequest): Promise<ImageRecord | undefined>;
  /** What the cache holds. */
  readonly cached: readonly CachedResult[];
  /** What commands keep for the next time. */
  cacheFolders(): Promise<readonly CacheFolder[]>;
  /** Forgets these results and folders, but for folders in use. @returns how many bytes they held alone. */
  prune(ids: ReadonlySet<string>): Promise<number>;
}
