import { TsukubeError } from "@tsukube/foundation";
import { formatPlatform, type Platform } from "./platform.ts";
import { isDigest } from "./reference.ts";

/** Names content (OCI image spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** An entry of an index. */
export interface IndexEntry extends Descriptor {
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A manifest or an index, of OCI or of Docker. */
export interface Manifest {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly IndexEntry[];
}

export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

/** Largest manifest or configuration that is read into memory. */
export const MAX_DOCUMENT = 8 * 1024 * 1024;

/**
 * Reads a manifest or index from elsewhere. Every digest in it is one: it may name a file.
 * @param name Of the image, for errors.
 * @throws {TsukubeError} `invalid-image`.
 */
export function readManifest(bytes: Uint8Array, name: string): Manifest {
  const manifest = parse(bytes);
  const { config, layers = [], manifests = [] } = manifest ?? {};
  const lists = Array.isArray(layers) && Array.isArray(manifests);
  if (
    manifest === undefined ||
    !lists ||
    isAmbiguous(manifest) ||
    ![...layers, ...manifests, ...(config ? [config] : [])].every(isDescriptor)
  ) {
    throw new TsukubeError(
      "invalid-image",
      `Cannot read the manifest of "${name}": it is malformed, expected an OCI or Docker v2 manifest`,
    );
  }
  return manifest;
}

/** The bytes of an OCI manifest for a configuration and its layers, lowest first. */
export function writeManifest(config: Omit<Descriptor, "mediaType">, layers: readonly Descriptor[]): Buffer {
  const { digest, size } = config;
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest, size },
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  };
  return Buffer.from(JSON.stringify(manifest));
}

/**
 * The manifest for a platform; undefined when the document is a manifest itself.
 * @throws {TsukubeError} `no-platform`.
 */
export function choose(manifest: Manifest, wanted: Platform, name: string): IndexEntry | undefined {
  if (manifest.manifests === undefined) return undefined;
  const fitting = manifest.manifests.filter(
    (entry) => entry.platform?.os === wanted.os && entry.platform?.architecture === wanted.architecture,
  );
  const found =
    fitting.find((entry) => wanted.variant === undefined || entry.platform?.variant === wanted.variant) ?? fitting[0];
  if (found !== undefined) return found;
  const offered = manifest.manifests.map(({ platform }) => formatPlatform(platform ?? {})).join(", ");
  throw new TsukubeError(
    "no-platform",
    `Cannot use "${name}": it is there for ${offered || "no platform"}, expected ${formatPlatform(wanted)}`,
  );
}

/** OCI's type for a layer as it is compressed. @param compression "" for a plain archive. */
export function layerType(compression: "gzip" | "zstd" | ""): string {
  return compression === "" ? OCI_LAYER : `${OCI_LAYER}+${compression}`;
}

/** What one reader takes for an image and another for a list of images: signatures of the one would speak for the other. */
function isAmbiguous({ mediaType = "", config, layers, manifests }: Manifest): boolean {
  const isImage = config !== undefined || layers !== undefined;
  const [saysIndex, saysImage] = [
    [OCI_INDEX, DOCKER_LIST],
    [OCI_MANIFEST, DOCKER_MANIFEST],
  ].map((types) => types.includes(mediaType));
  return manifests === undefined ? isImage && saysIndex === true : isImage || saysImage === true;
}

function isDescriptor(value: unknown): value is Descriptor {
  const { digest, size } = (value ?? {}) as Partial<Descriptor>;
  return isDigest(digest) && Number.isSafeInteger(size) && (size as number) >= 0;
}

function parse(bytes: Uint8Array): Manifest | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
