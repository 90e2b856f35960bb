import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "@tsukube/host";
import { type Descriptor, layoutDocument, REFERENCE_NAME, unusableLayout } from "./layout-document.ts";

/** Beside the OCI's, which is a tag alone. */
const WHOLE_NAME = "io.containerd.image.name";

/** An image of a manifest.json, which docker writes beside the index. */
interface DockerImage {
  readonly RepoTags: readonly string[] | null;
}

/**
 * Moves the images of a layout into another one on the same file system, blobs first: whoever reads meanwhile finds the images of before.
 * One of the same name is replaced, as is one without a name by another; blobs of what was replaced stay.
 * @throws {TsukubeError} `usage` where one of them is no layout.
 */
export async function addToLayout(from: string, to: string): Promise<void> {
  const indexes = [from, ...(existsSync(join(to, "index.json")) ? [to] : [])].map((folder) =>
    layoutDocument(folder, "index.json"),
  );
  const [made = [], before = []] = indexes.map(({ manifests = [] }) => manifests);
  const index = { ...indexes.at(-1), manifests: [...made, ...before.filter((old) => !made.some(replaces(old)))] };
  const images = dockerImages(dockerManifest(from), dockerManifest(to));
  for (const algorithm of await readdir(join(from, "blobs"))) {
    await mkdir(join(to, "blobs", algorithm), { recursive: true });
    for (const name of await readdir(join(from, "blobs", algorithm)))
      await rename(join(from, "blobs", algorithm, name), join(to, "blobs", algorithm, name));
  }
  await rename(join(from, "oci-layout"), join(to, "oci-layout"));
  await writeAtomically(join(to, "index.json"), JSON.stringify(index));
  await writeAtomically(join(to, "manifest.json"), JSON.stringify(images));
}

/** Other tools write the tag alone. */
function replaces(old: Descriptor): (made: Descriptor) => boolean {
  const [name, tag] = [old.annotations?.[WHOLE_NAME], old.annotations?.[REFERENCE_NAME]];
  return ({ annotations }) => {
    const made = annotations?.[WHOLE_NAME];
    return name !== undefined && made !== undefined ? name === made : annotations?.[REFERENCE_NAME] === tag;
  };
}

function dockerManifest(folder: string): readonly DockerImage[] {
  const path = join(folder, "manifest.json");
  if (!existsSync(path)) return [];
  const images = parsed(readFileSync(path, "utf8"));
  const isImage = (image: unknown): boolean =>
    typeof image === "object" && image !== null && Array.isArray((image as DockerImage).RepoTags ?? []);
  if (Array.isArray(images) && images.every(isImage)) return images as readonly DockerImage[];
  throw unusableLayout(folder, "its manifest.json is none of docker's, expected one that lists images");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function dockerImages(made: readonly DockerImage[], before: readonly DockerImage[]): readonly DockerImage[] {
  const tagsOf = ({ RepoTags }: DockerImage): readonly (string | null)[] => RepoTags ?? [null];
  const taken = new Set(made.flatMap(tagsOf));
  const left = before.flatMap((image) => {
    const tags = tagsOf(image).filter((tag) => !taken.has(tag));
    return tags.length === 0 ? [] : [{ ...image, RepoTags: tags[0] === null ? null : (tags as string[]) }];
  });
  return [...made, ...left];
}
