import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { chosenFiles } from "@tsukube/engine/context";
import { isDigest } from "@tsukube/engine/reference";
import {
  blobPath,
  type Descriptor,
  layoutDocument,
  layoutIndex,
  REFERENCE_NAME,
  unusableLayout,
} from "./layout-document.ts";

/**
 * One image of an OCI image layout as an archive of its own. @param place "FOLDER", "FOLDER:TAG" or "FOLDER@DIGEST"; the image with
 * the tag "latest", or the only one, by default. @throws {TsukubeError} `usage`.
 */
export function layoutArchive(place: string): AsyncIterable<Uint8Array> {
  const [beforeDigest = "", digest] = place.split("@", 2);
  const [, named = "", tag] = /^(.*?)(?::([\w][\w.-]*))?$/.exec(beforeDigest) ?? [];
  const folder = resolve(named);
  const manifests = layoutIndex(folder);
  const found = digest === undefined ? tagged(folder, manifests, tag) : byDigest(folder, manifests, digest);
  const { annotations: _, ...entry } = found;
  const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [entry] };
  return chosenFiles(folder, blobsOf(folder, entry.digest), [
    ["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ["index.json", Buffer.from(JSON.stringify(index))],
  ]);
}

function tagged(folder: string, manifests: readonly Descriptor[], tag: string | undefined): Descriptor {
  const named = manifests.filter(({ annotations }) => annotations?.[REFERENCE_NAME] === (tag ?? "latest"));
  const found = named[0] ?? (tag === undefined && manifests.length === 1 ? manifests[0] : undefined);
  if (found !== undefined) return found;
  const there = manifests.map(({ annotations, digest }) => annotations?.[REFERENCE_NAME] ?? digest).join(", ");
  throw unusableLayout(folder, `it has no image "${tag ?? "latest"}", expected one of ${there || "none"}`);
}

/** An index need not name it. */
function byDigest(folder: string, manifests: readonly Descriptor[], digest: string): Descriptor {
  const found = manifests.find((entry) => entry.digest === digest);
  if (found !== undefined) return found;
  if (!isDigest(digest) || !existsSync(join(folder, blobPath(digest))))
    throw unusableLayout(folder, `it has no manifest ${digest}`);
  const { mediaType = "application/vnd.oci.image.manifest.v1+json" } = layoutDocument(folder, blobPath(digest));
  return { mediaType, digest, size: readFileSync(join(folder, blobPath(digest))).length };
}

/** What a manifest is made of; of an index for several platforms what is there. */
function blobsOf(folder: string, digest: string, known = new Set<string>()): ReadonlySet<string> {
  const path = checkedPath(folder, digest);
  if (known.has(path)) return known;
  known.add(path);
  const { config, layers = [], manifests = [] } = layoutDocument(folder, path);
  const below = manifests.filter((each) => existsSync(join(folder, checkedPath(folder, each.digest))));
  for (const each of [...(config === undefined ? [] : [config]), ...layers])
    known.add(checkedPath(folder, each.digest));
  for (const each of below) blobsOf(folder, each.digest, known);
  return known;
}

/** What others wrote may be a path to anywhere. */
function checkedPath(folder: string, digest: string): string {
  if (isDigest(digest)) return blobPath(digest);
  throw unusableLayout(folder, `"${digest}" is no digest`);
}
