import { createHash } from "node:crypto";
import { TsukubeError } from "@tsukube/foundation";
import type { Platform } from "./platform.ts";
import { isDigest } from "./reference.ts";

/** The `config` of an OCI image configuration (image spec, config.md), with Docker's additions. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
  readonly Shell?: readonly string[] | null;
  readonly OnBuild?: readonly string[] | null;
  readonly Healthcheck?: ImageHealthcheck | null;
}

/** Durations in nanoseconds. */
export interface ImageHealthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** A step that made an image. */
export interface ImageHistory {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  /** The step made no layer. */
  readonly empty_layer?: boolean;
}

/** An OCI image configuration: the document whose digest is the image's id. */
export interface ImageDocument extends Platform {
  readonly created?: string;
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly config?: ImageConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] };
  readonly history?: readonly ImageHistory[];
  /** Which steps made its layers, for builds elsewhere. Not in the specification, which lets readers ignore it. */
  readonly "tsukube.buildcache.v1"?: object;
}

/** What an image's record holds of its document. */
export interface DocumentParts {
  readonly id: string;
  readonly document: string;
  readonly config: ImageConfig;
  readonly diffIds: readonly string[];
  readonly os: string;
  readonly architecture: string;
  readonly created?: string;
}

/** Reads a document from elsewhere. @param name Of the image, for errors. @throws {TsukubeError} `invalid-image`. */
export function readDocument(bytes: Uint8Array, name: string): DocumentParts {
  const document = Buffer.from(bytes).toString("utf8");
  const parsed = parse(document);
  const diffIds = parsed?.rootfs?.diff_ids ?? [];
  if (parsed === undefined || !Buffer.from(document).equals(bytes) || !diffIds.every(isDigest)) {
    throw new TsukubeError(
      "invalid-image",
      `Cannot read the configuration of "${name}": it is no image configuration, expected a JSON document with "rootfs.diff_ids"`,
    );
  }
  const { config, os = "linux", architecture = "", created } = parsed;
  return {
    id: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
    document,
    config: config ?? {},
    diffIds,
    os,
    architecture,
    ...(typeof created === "string" ? { created } : {}),
  };
}

/** The whole document of an image. Its text is what counts: never write it again. */
export function documentOf(image: { readonly document: string }): ImageDocument {
  return JSON.parse(image.document) as ImageDocument;
}

/** Members in the order of their names' first use in the specification, so that equal images have equal ids. */
export function writeDocument(image: ImageDocument): DocumentParts {
  const { created, author, architecture, os, variant, config, rootfs, history } = image;
  const cache = image["tsukube.buildcache.v1"];
  const ordered = {
    created,
    author,
    architecture,
    os,
    variant,
    config,
    rootfs,
    history,
    "tsukube.buildcache.v1": cache,
  };
  return readDocument(Buffer.from(JSON.stringify(ordered)), "an image made here");
}

function parse(document: string): Partial<ImageDocument> | undefined {
  try {
    const parsed: unknown = JSON.parse(document);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
