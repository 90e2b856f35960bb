import { statfsSync } from "node:fs";
import { codeOf } from "@tsukube/foundation";
import { type GrpcHandlers, grpcError } from "@tsukube/host/grpc";
import type { AuthConfig, Image, ImageService } from "@tsukube/node-contracts/cri";
import type { ImageGarbage } from "../images/image-garbage.ts";
import type { ImageRecord, ImageStore } from "../images/image-store.ts";
import type { ImageTransfer, PullOptions } from "../images/image-transfer.ts";
import { formatReference, isBuiltIn, parseReference, type Reference } from "../images/reference.ts";
import type { SystemImages } from "../images/system-images.ts";

interface Deps {
  readonly images: ImageStore;
  readonly systemImages: SystemImages;
  readonly transfer: ImageTransfer;
  readonly garbage: ImageGarbage;
  readonly stateDirectory: string;
  readonly now: () => number;
  /** Ids of images that containers use. */
  readonly inUse: () => ReadonlySet<string>;
}

/** An image of this machine; built-in ones are made when they are first asked for. */
export async function findImage(
  deps: Pick<Deps, "images" | "systemImages">,
  name: string,
): Promise<ImageRecord | undefined> {
  const known = deps.images.find(name);
  if (known !== undefined || !name.startsWith("tsukube.local/")) return known;
  const { repository, tag = "latest" } = parseReference(name);
  return deps.systemImages.ensure(`${repository}:${tag}`).catch((error) => {
    if (codeOf(error) === "not-found") return undefined;
    throw error;
  });
}

/** Only the credentials: which server they are for says the image's name. */
function credentialsOf(auth: AuthConfig | null | undefined): PullOptions {
  return auth == null ? {} : { credentials: auth };
}

/**
 * An image whose name was given here, by a build, a load or a tag, and that no registry had under this name: what
 * `tsukube build -t app .` makes is what runs as "app", whatever a registry elsewhere calls so.
 */
function madeHere(images: ImageStore, reference: Reference): ImageRecord | undefined {
  const found = reference.digest === undefined ? images.find(formatReference(reference)) : undefined;
  const repository = `${reference.registry}/${reference.repository}@`;
  return found?.digests.some((digest) => digest.startsWith(repository)) === true ? undefined : found;
}

/** CRI's ImageService. */
export function imageService(deps: Deps): GrpcHandlers<ImageService> {
  return {
    async ListImages({ filter }) {
      const wanted = filter?.image?.image ?? "";
      if (wanted === "") return { images: deps.images.all.map(imageOf) };
      const found = await findImage(deps, wanted);
      return { images: found === undefined ? [] : [imageOf(found)] };
    },
    async ImageStatus({ image }) {
      const found = await findImage(deps, image?.image ?? "");
      return found === undefined ? {} : { image: imageOf(found) };
    },
    async PullImage({ image, auth }) {
      const reference = parseReference(image?.image ?? "");
      const own = madeHere(deps.images, reference);
      if (own !== undefined) return { imageRef: own.id };
      if (!isBuiltIn(reference))
        return { imageRef: (await deps.transfer.pull(reference, credentialsOf(auth))).image.id };
      return { imageRef: (await deps.systemImages.ensure(`${reference.repository}:${reference.tag ?? "latest"}`)).id };
    },
    async RemoveImage({ image }) {
      const found = deps.images.find(image?.image ?? "");
      if (found === undefined) return {};
      await deps.images.remove(found.id, ({ id }) => {
        if (!deps.inUse().has(id)) return false;
        throw grpcError("FAILED_PRECONDITION", `Cannot remove image "${id}": a container uses it`);
      });
      await deps.garbage.collect();
      return {};
    },
    async ImageFsInfo() {
      const { blocks, bfree, bsize, files, ffree } = statfsSync(deps.stateDirectory);
      const usage = {
        timestamp: nanoseconds(deps.now()),
        fsId: { mountpoint: deps.stateDirectory },
        usedBytes: { value: (blocks - bfree) * bsize },
        inodesUsed: { value: files - ffree },
      };
      return { imageFilesystems: [usage], containerFilesystems: [usage] };
    },
  };
}

export function nanoseconds(ms: number): string {
  return String(BigInt(Math.floor(ms * 1000)) * 1000n);
}

function imageOf(record: ImageRecord): Image {
  const user = (record.config.User ?? "").split(":")[0] ?? "";
  return {
    id: record.id,
    repoTags: record.names,
    repoDigests: record.digests,
    size: record.sizeBytes,
    pinned: record.pinned,
    ...(/^\d+$/.test(user) ? { uid: { value: user } } : { username: user }),
  };
}
