import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { chosenFiles } from "@tsukube/engine/context";
import { isDigest } from "@tsukube/engine/reference";
import { messageOf, TsukubeError } from "@tsukube/foundation";

interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An image's manifest, or an index of several. */
interface Document {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

const TAG = "org.opencontainers.image.ref.name";

/**
 * One image of an OCI image layout as an archive of its own. @param place "FOLDER", "FOLDER:TAG" or "FOLDER@DIGEST"; the image with
 * the tag "latest", or the only one, by default. @throws {TsukubeError} `usage`.
 */
export function layoutArchive(place: string): AsyncIterable<Uint8Array> {
  const [beforeDigest = "", digest] = place.split("@", 2);
  const [, named = "", tag] = /^(.*?)(?::([\w][\w.-]*))?$/.exec(beforeDigest) ?? [];
  const folder = resolve(named);
  const manifests = documentAt(folder, "index.json").manifests ?? [];
  const found = digest === undefined ? tagged(folder, manifests, tag) : byDigest(folder, manifests, digest);
  const { annotations: _, ...entry } = found;
  const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [entry] };
  return chosenFiles(folder, blobsOf(folder, entry.digest), [
    ["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ["index.json", Buffer.from(JSON.stringify(index))],
  ]);
}

function tagged(folder: string, manifests: readonly Descriptor[], tag: string | undefined): Descriptor {
  const named = manifests.filter(({ annotations }) => annotations?.[TAG] === (tag ?? "latest"));
  const found = named[0] ?? (tag === undefined && manifests.length === 1 ? manifests[0] : undefined);
  if (found !== undefined) return found;
  const there = manifests.map(({ annotations, digest }) => annotations?.[TAG] ?? digest).join(", ");
  throw unusable(folder, `it has no image "${tag ?? "latest"}", expected one of ${there || "none"}`);
}

/** An index need not name it. */
function byDigest(folder: string, manifests: readonly Descriptor[], digest: string): Descriptor {
  const found = manifests.find((entry) => entry.digest === digest);
  if (found !== undefined) return found;
  if (!isDigest(digest) || !existsSync(join(folder, pathOf(digest))))
    throw unusable(folder, `it has no manifest ${digest}`);
  const { mediaType = "application/vnd.oci.image.manifest.v1+json" } = documentAt(folder, pathOf(digest));
  return { mediaType, digest, size: readFileSync(join(folder, pathOf(digest))).length };
}

/** What a manifest is made of; of an index for several platforms what is there. */
function blobsOf(folder: string, digest: string, known = new Set<string>()): ReadonlySet<string> {
  const path = pathOf(digest);
  if (known.has(path)) return known;
  known.add(path);
  const { config, layers = [], manifests = [] } = documentAt(folder, path);
  const below = manifests.filter((each) => isDigest(each.digest) && existsSync(join(folder, pathOf(each.digest))));
  const files = [...(config === undefined ? [] : [config]), ...layers].map((each) => pathOf(each.digest));
  for (const file of files) known.add(file);
  for (const each of below) blobsOf(folder, each.digest, known);
  return known;
}

function documentAt(folder: string, path: string): Document {
  try {
    return JSON.parse(readFileSync(join(folder, path), "utf8")) as Document;
  } catch (cause) {
    throw unusable(folder, `${path} cannot be read (${messageOf(cause)})`);
  }
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function unusable(folder: string, why: string): TsukubeError {
  return new TsukubeError("usage", `Cannot use "${folder}" as an OCI image layout: ${why}`);
}
