import { messageOf, TsukubeError } from "@tsukube/foundation";
import { buildImage } from "../commands/build.ts";
import type { CommandContext } from "../commands/context.ts";
import type { ApplicationSource } from "./applications.ts";
import type { ManifestObject } from "./apply.ts";
import { EngineClient } from "./engine-client.ts";
import { filesOf } from "./paths.ts";
import type { ClusterRecord } from "./record.ts";

/** An image that was built: "guestbook/web" and the tag that its content gave it. */
export interface BuiltImage {
  readonly image: string;
  readonly tag: string;
}

const CONTENT_TAG = /^[0-9a-f]{12,16}$/;

/** Builds an application's images into the cluster's engine, each named NAME:latest and NAME:<first digits of its id>. */
export async function buildImages(
  { paths, progress }: CommandContext,
  { name, builds }: ApplicationSource,
  record: ClusterRecord,
): Promise<readonly BuiltImage[]> {
  if (builds.length > 0 && !record.withNode) {
    const images = builds.map(({ image }) => image).join(", ");
    throw new TsukubeError(
      "usage",
      `Cannot build ${images} of ${name}: this cluster has no node, expected one; create it without --no-node`,
    );
  }
  const engine = new EngineClient(filesOf(paths).dockerSocket);
  const built: BuiltImage[] = [];
  for (const { folder, image } of builds) {
    const id = await progress.step(`building ${image}`, (update) => buildOne(engine, folder, image, update));
    const tag = id.replace("sha256:", "").slice(0, 12);
    await engine.tag(`${image}:latest`, image, tag);
    built.push({ image, tag });
  }
  return built;
}

async function buildOne(
  engine: EngineClient,
  folder: string,
  image: string,
  update: (line: string) => void,
): Promise<string> {
  const steps = new Map<string, string>();
  try {
    return await buildImage(engine, folder, new URLSearchParams({ t: image }), ({ stream = "" }) => {
      const [, number = "", text] = /^Step (\d+)\/\d+ : (.*)/.exec(stream) ?? [];
      if (text !== undefined) steps.set(number, stream.trim());
      const running = /^ ---> Running \(step (\d+)\)/.exec(stream)?.[1]; // the others are found in the cache at once
      if (running !== undefined) update(steps.get(running) ?? "");
    });
  } catch (error) {
    throw new TsukubeError("failed", `Cannot build "${image}" in ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The manifests with each container that runs a built image (named without a tag, or with latest) set to the tag of its
 * content: so a changed image is a changed workload and rolls out, and an equal one changes nothing.
 */
export function withBuiltImages(
  objects: readonly ManifestObject[],
  built: readonly BuiltImage[],
): readonly ManifestObject[] {
  const tags = new Map(built.map(({ image, tag }) => [image, `${image}:${tag}`]));
  return objects.map((entry) => ({ ...entry, object: replaced(entry.object, tags) }));
}

function replaced<T>(value: T, tags: ReadonlyMap<string, string>, inContainer = false): T {
  if (Array.isArray(value)) return value.map((item) => replaced(item, tags, inContainer)) as T;
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([name, member]) => {
    if (inContainer && name === "image" && typeof member === "string")
      return [name, tags.get(member.replace(/^docker\.io\/|:latest$/g, "")) ?? member];
    return [name, replaced(member, tags, name === "containers" || name === "initContainers")];
  });
  return Object.fromEntries(entries) as T;
}

/** Removes the tags of former contents; images that containers still use stay. */
export async function forgetOldBuilds({ paths }: CommandContext, built: readonly BuiltImage[]): Promise<void> {
  const engine = new EngineClient(filesOf(paths).dockerSocket);
  const names = (await engine.images()).flatMap(({ RepoTags }) => RepoTags);
  for (const { image, tag } of built) {
    const old = names.filter((name) => {
      const other = name.slice(image.length + 1);
      return name.startsWith(`${image}:`) && CONTENT_TAG.test(other) && other !== tag;
    });
    for (const name of old) await engine.remove(name).catch(() => {});
  }
}
