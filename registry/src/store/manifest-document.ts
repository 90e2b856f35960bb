import { isDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { Referrer } from "./repository-store.ts";

export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
/** Its digest is not that of its bytes. */
const SIGNED = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
/** Layers that are not for registries to hand on: they lie elsewhere (image spec, "Non-Distributable Layers"). */
const FOREIGN = /^application\/vnd\.(?:oci\.image\.layer\.nondistributable|docker\.image\.rootfs\.foreign)\./;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What a registry needs to know of a manifest, of whatever kind. */
export interface ManifestDocument {
  readonly mediaType: string;
  /** What must be in the repository. */
  readonly needed: readonly string[];
  /** What it names and must therefore stay: the same, and what need not be there. */
  readonly references: readonly string[];
  readonly subject?: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * Reads a manifest or an index.
 * @param contentType As the request has it; "" when it has none.
 * @throws {RegistryError} `MANIFEST_INVALID`.
 */
export function readManifest(bytes: Uint8Array, contentType: string): ManifestDocument {
  const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (SIGNED.test(type)) throw invalid("it is a signed manifest of schema 1, which Docker gave up");
  const document = parse(bytes);
  const own = text(document, "mediaType");
  if (own !== undefined && type !== "" && own !== type) throw invalid(`it says "${own}", its request "${type}"`);
  const mediaType = own ?? (type === "" || type === "application/json" ? kindOf(document) : type);
  const config = document["config"] === undefined ? [] : [descriptor(document["config"], "config")];
  const layers = [...descriptors(document, "layers"), ...descriptors(document, "blobs")];
  const children = descriptors(document, "manifests");
  check(mediaType, document);
  const all = [...config, ...layers, ...children];
  const subject = document["subject"] === undefined ? undefined : descriptor(document["subject"], "subject");
  const artifactType = text(document, "artifactType") ?? artifactTypeOf(mediaType, config[0]);
  const annotations = annotationsOf(document);
  return {
    mediaType,
    needed: all.filter((each) => !FOREIGN.test(each.mediaType)).map(({ digest }) => digest),
    references: [...new Set(all.map(({ digest }) => digest))],
    ...(subject === undefined ? {} : { subject: subject.digest }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** How the referrers API lists it (distribution spec, "Listing Referrers"). */
export function referrerOf(document: ManifestDocument, digest: string, size: number): Referrer {
  const { mediaType, artifactType, annotations } = document;
  return {
    ...{ mediaType, digest, size },
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** An image's is the type of its configuration, for those that were made before the field was there. */
function artifactTypeOf(mediaType: string, config: Descriptor | undefined): string | undefined {
  return mediaType === OCI_MANIFEST ? config?.mediaType : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function parse(bytes: Uint8Array): Fields {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as Fields;
  } catch (cause) {
    throw invalid("it is no JSON", cause);
  }
  throw invalid("it is no JSON object");
}

/** Manifests of the known kinds have what makes them one; of others nothing is known. */
function check(mediaType: string, document: Fields): void {
  const isImage = mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
  const isIndex = mediaType === OCI_INDEX || mediaType === DOCKER_LIST;
  if ((isImage || isIndex) && document["schemaVersion"] !== 2) throw invalid("its schemaVersion is not 2");
  if (isImage && document["config"] === undefined) throw invalid("it has no config");
  if (isImage && !Array.isArray(document["layers"])) throw invalid("it has no layers");
  if (isIndex && !Array.isArray(document["manifests"])) throw invalid("it has no manifests");
}

function kindOf(document: Fields): string {
  if (Array.isArray(document["manifests"])) return OCI_INDEX;
  if (document["config"] !== undefined) return OCI_MANIFEST;
  throw invalid("neither it nor its request says what it is");
}

function descriptors(document: Fields, field: string): readonly Descriptor[] {
  const list = document[field] ?? [];
  if (!Array.isArray(list)) throw invalid(`its ${field} are no list`);
  return list.map((each) => descriptor(each, field));
}

function descriptor(value: unknown, field: string): Descriptor {
  const { mediaType, digest, size } = (value ?? {}) as Partial<Record<keyof Descriptor, unknown>>;
  if (!isDigest(digest)) throw invalid(`a descriptor in its ${field} has digest ${JSON.stringify(digest)}`);
  if (!Number.isSafeInteger(size) || (size as number) < 0)
    throw invalid(`a descriptor in its ${field} has size ${JSON.stringify(size)}`);
  return { mediaType: typeof mediaType === "string" ? mediaType : "", digest, size: size as number };
}

function annotationsOf(document: Fields): Readonly<Record<string, string>> | undefined {
  const annotations = document["annotations"];
  if (annotations === undefined || annotations === null) return undefined;
  const isMap = typeof annotations === "object" && !Array.isArray(annotations);
  if (isMap && Object.values(annotations).every((value) => typeof value === "string"))
    return annotations as Readonly<Record<string, string>>;
  throw invalid("its annotations are no map of texts");
}

function text(document: Fields, field: string): string | undefined {
  const value = document[field];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw invalid(`its ${field} is no text`);
  return value;
}

function invalid(why: string, cause?: unknown): RegistryError {
  return new RegistryError("MANIFEST_INVALID", `Cannot take the manifest: ${why}, expected one of OCI or Docker v2`, {
    cause,
  });
}
