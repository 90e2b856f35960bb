import type { Readable } from "node:stream";
import type { Logger, Random } from "@tsukube/foundation";
import type { ImageBuilder } from "../build/contracts.ts";
import type { ImageArchive } from "../images/image-archive.ts";
import type { ImageGarbage } from "../images/image-garbage.ts";
import type { ImageStore } from "../images/image-store.ts";
import type { ImageTransfer } from "../images/image-transfer.ts";
import type { SystemImages } from "../images/system-images.ts";

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
}

/** A request to an endpoint of the Engine API, without its version. */
export interface DockerRequest {
  readonly method: string;
  /** The parts of the path that the route leaves open, decoded: the image's name. */
  readonly parameters: readonly string[];
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
  readonly body: Readable;
  /** Ends when the client goes away. */
  readonly signal: AbortSignal;
}

/** What an endpoint answers: a JSON document, bytes, or a stream of JSON messages whose failures become messages, too. */
export type DockerAnswer =
  | { readonly status: number; readonly json?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly bytes: AsyncIterable<Uint8Array>; readonly type: string }
  | { readonly messages: (send: (message: object) => void) => Promise<void> };

export interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "DELETE" | "PUT";
  /** With groups for the parameters. */
  readonly path: RegExp;
  handle(request: DockerRequest): Promise<DockerAnswer> | DockerAnswer;
}
