import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { codeOf } from "@tsukube/foundation";
import type { ContentStore } from "./content-store.ts";
import type { Attestation } from "./image-store.ts";
import { type Descriptor, OCI_INDEX, OCI_MANIFEST, readManifest } from "./manifest.ts";
import type { RegistrySession } from "./registry-client.ts";

const STATEMENT = "application/vnd.in-toto+json";
const PREDICATE_TYPE = "in-toto.io/predicate-type";
const EMPTY = Buffer.from("{}");
const EMPTY_TYPE = "application/vnd.oci.empty.v1+json";

/**
 * Pushes what is said about an image: a statement each (in-toto attestation v1), as an artifact with the image as its subject.
 * @param name Of the image, for the statement.
 */
export async function pushAttestations(
  content: ContentStore,
  session: RegistrySession,
  name: string,
  subject: Descriptor,
  attestations: readonly Attestation[],
): Promise<void> {
  for (const { predicateType, digest } of attestations) {
    const predicate = JSON.parse((await content.read(digest)).toString("utf8")) as object;
    const [algorithm = "", hex = ""] = subject.digest.split(":");
    const statement = {
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name, digest: { [algorithm]: hex } }],
      predicateType,
      predicate,
    };
    const annotations = { [PREDICATE_TYPE]: predicateType };
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: STATEMENT,
      config: await pushed(session, EMPTY, EMPTY_TYPE),
      layers: [{ ...(await pushed(session, Buffer.from(JSON.stringify(statement)), STATEMENT)), annotations }],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
      annotations,
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const own = descriptorOf(bytes, OCI_MANIFEST);
    const isListed = await session.pushManifest(own.digest, OCI_MANIFEST, bytes);
    if (!isListed) await list(session, subject.digest, { ...own, artifactType: STATEMENT, annotations });
  }
}

/** In the index that stands in for the list of a registry without one (distribution spec, "Unavailable Referrers API"). */
async function list(
  session: RegistrySession,
  subject: string,
  entry: Descriptor & { readonly artifactType: string; readonly annotations: object },
): Promise<void> {
  const [algorithm = "", hex = ""] = subject.split(":");
  const tag = `${algorithm}-${hex.slice(0, 64)}`;
  const present = await session.manifest(tag).catch((error: unknown) => {
    if (codeOf(error) === "not-found") return undefined;
    throw error;
  });
  const others = present === undefined ? [] : (readManifest(present.bytes, tag).manifests ?? []);
  if (others.some(({ digest }) => digest === entry.digest)) return;
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...others, entry] };
  await session.pushManifest(tag, OCI_INDEX, Buffer.from(JSON.stringify(index)));
}

async function pushed(session: RegistrySession, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const descriptor = descriptorOf(bytes, mediaType);
  if (!(await session.hasBlob(descriptor.digest))) await session.pushBlob(descriptor, () => Readable.from([bytes]));
  return descriptor;
}

function descriptorOf(bytes: Buffer, mediaType: string): Descriptor {
  return { mediaType, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, size: bytes.length };
}
