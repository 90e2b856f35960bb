import { readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, TsukubeError } from "@tsukube/foundation";

/** OCI image spec, descriptor.md. */
export interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An image's manifest, or an index of several. */
export interface LayoutDocument {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

/** The annotation with the name of an image in its layout. */
export const REFERENCE_NAME = "org.opencontainers.image.ref.name";

/** The images of an OCI image layout. @throws {TsukubeError} `usage` where it is none. */
export function layoutIndex(folder: string): readonly Descriptor[] {
  return layoutDocument(folder, "index.json").manifests ?? [];
}

/** @throws {TsukubeError} `usage` for what is no manifest and no index. */
export function layoutDocument(folder: string, path: string): LayoutDocument {
  let document: unknown;
  try {
    document = withoutNulls(JSON.parse(readFileSync(join(folder, path), "utf8")));
  } catch (cause) {
    throw unusableLayout(folder, `${path} cannot be read (${messageOf(cause)})`);
  }
  if (isDocument(document)) return document;
  throw unusableLayout(folder, `${path} is malformed, expected a manifest or an index of manifests with digests`);
}

/** Go writes an empty list so. */
function withoutNulls(value: unknown): unknown {
  return isObject(value) ? Object.fromEntries(Object.entries(value).filter(([, each]) => each !== null)) : value;
}

function isDocument(value: unknown): value is LayoutDocument {
  if (!isObject(value)) return false;
  const { config, layers, manifests } = value;
  const isList = (list: unknown): boolean => list === undefined || (Array.isArray(list) && list.every(isDescriptor));
  return (config === undefined || isDescriptor(config)) && isList(layers) && isList(manifests);
}

function isDescriptor(value: unknown): boolean {
  if (!isObject(value) || typeof value["digest"] !== "string") return false;
  return isObject(value["annotations"] ?? {});
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Where a blob lies in a layout. */
export function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

export function unusableLayout(folder: string, why: string): TsukubeError {
  return new TsukubeError("usage", `Cannot use "${folder}" as an OCI image layout: ${why}`);
}
