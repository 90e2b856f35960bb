import { TsukubeError } from "@tsukube/foundation";
import type { ImageRecord } from "./image-store.ts";

/** Something that keeps content on the disk. */
interface DiskHolder {
  readonly kind: "image" | "build step" | "container";
  /** A name where it has one, or an id. */
  readonly name: string;
  /** What the content is to it: "layer 2 of 3", "configuration", "manifest or archive". */
  readonly as: string;
}

interface HeldContent {
  /** The whole digest. */
  readonly digest: string;
  readonly holders: readonly DiskHolder[];
}

/** Who may hold content. */
interface Holders {
  readonly images: readonly Pick<ImageRecord, "id" | "names" | "diffIds" | "chain" | "blobs">[];
  readonly steps: readonly {
    readonly lineage: string;
    readonly diffIds: readonly string[];
    readonly chain: readonly string[];
  }[];
  readonly containers: readonly { readonly name: string; readonly imageId: string }[];
}

const LEAST = 6;

/**
 * Pure: who keeps what has a digest, an image, a layer by its archive or its place in a chain, or a blob: as long as one of them is there it stays.
 * @param wanted A digest, or its first digits. @throws {TsukubeError} `invalid` for what is none or several; `not-found`.
 */
export function holdersOf(wanted: string, { images, steps, containers }: Holders): HeldContent {
  const digits = wanted.replace(/^sha256:/, "");
  if (!/^[0-9a-f]+$/.test(digits) || digits.length < LEAST)
    throw new TsukubeError(
      "invalid",
      `Cannot look for "${wanted}": expected a digest, or at least ${LEAST} digits of one, such as an ID of "tsukube images"`,
    );
  const all = [
    ...images.flatMap(({ id, diffIds, chain, blobs }) => [id, ...diffIds, ...chain, ...blobs]),
    ...steps.flatMap(({ diffIds, chain }) => [...diffIds, ...chain]),
  ];
  const fitting = [...new Set(all.filter((each) => each.startsWith(`sha256:${digits}`)))];
  const [digest] = fitting;
  if (digest === undefined) throw new TsukubeError("not-found", `Cannot find "${wanted}": nothing here holds it`);
  if (fitting.length > 1)
    throw new TsukubeError("invalid", `Cannot tell which "${wanted}" is: ${fitting.join(", ")}, expected more digits`);
  const holding = images.flatMap((image) => {
    const as = partOf(digest, image);
    return as === undefined ? [] : [{ image, as }];
  });
  const users = containers.filter(({ imageId }) => holding.some(({ image }) => image.id === imageId));
  return {
    digest,
    holders: [
      ...holding.map(({ image, as }) => ({ kind: "image" as const, name: image.names.join(", ") || image.id, as })),
      ...steps.flatMap((step) => {
        const as = layerOf(digest, step);
        return as === undefined ? [] : [{ kind: "build step" as const, name: step.lineage, as }];
      }),
      ...users.map(({ name }) => ({ kind: "container" as const, name, as: "its image" })),
    ],
  };
}

function partOf(digest: string, image: Holders["images"][number]): string | undefined {
  if (digest === image.id) return "configuration";
  return layerOf(digest, image) ?? (image.blobs.includes(digest) ? "manifest or archive" : undefined);
}

function layerOf(
  digest: string,
  { diffIds, chain }: { readonly diffIds: readonly string[]; readonly chain: readonly string[] },
): string | undefined {
  const index = diffIds.includes(digest) ? diffIds.indexOf(digest) : chain.indexOf(digest);
  return index < 0 ? undefined : `layer ${index + 1} of ${diffIds.length}`;
}
