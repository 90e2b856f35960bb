import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { messageOf } from "@tsukube/foundation";
import type { Image } from "@tsukube/node-contracts/cri";
import type { PodContext } from "./pod-context.ts";

/** Why a container has to wait, and for how long at most before it is tried again. */
export interface Waiting {
  readonly reason: string;
  readonly message: string;
  readonly retryMs: number;
}

export type PulledImage = { readonly image: Image } | { readonly waiting: Waiting };

const RETRY_MS = 5000;
/** So long a failure is shown as one; then as what it is waiting for. */
const SHOWN_MS = 3000;

/** An image that a container needs: its own, or one that it mounts. */
export interface WantedImage {
  readonly name: string;
  readonly pullPolicy: string | undefined;
  /** What it is for. */
  readonly container: string;
}

/** The container's own image, and then those of the volumes that it mounts. */
export function imagesOf(pod: Pod, container: Container): readonly WantedImage[] {
  const mounted = new Set((container.volumeMounts ?? []).map(({ name }) => name));
  const volumes = (pod.spec?.volumes ?? []).filter(({ name, image }) => image !== undefined && mounted.has(name));
  return [
    { name: container.image ?? "", pullPolicy: container.imagePullPolicy, container: container.name },
    ...volumes.map(({ image }) => ({
      name: image?.reference ?? "",
      pullPolicy: image?.pullPolicy,
      container: container.name,
    })),
  ];
}

/** Has all of them on this machine. @returns the first one, or what the container has to wait for. */
export async function ensureImages(
  context: PodContext,
  pod: Pod,
  wanted: readonly WantedImage[],
  waitsFor?: string,
): Promise<PulledImage> {
  let own: PulledImage | undefined;
  for (const each of wanted) {
    const pulled = await ensureImage(context, pod, each, waitsFor);
    if ("waiting" in pulled) return pulled;
    own ??= pulled;
  }
  return own ?? { image: {} };
}

/**
 * Has an image on this machine, by its pull policy.
 * @param waitsFor What the container is shown to wait for already, which is told once.
 */
async function ensureImage(
  context: PodContext,
  pod: Pod,
  { name, pullPolicy: policy = "IfNotPresent", container }: WantedImage,
  waitsFor?: string,
): Promise<PulledImage> {
  const { images } = context.cri;
  const statusOf = async (image: string): Promise<Image | undefined> => {
    const found = (await images.ImageStatus({ image: { image } })).image;
    return found == null || (found.id ?? "") === "" ? undefined : found;
  };
  const present = await statusOf(name);
  if (present !== undefined && (policy !== "Always" || isLocal(name))) {
    const message = `Container image "${name}" already present on machine and can be accessed by the pod`;
    context.event(pod, "Normal", "Pulled", message, container);
    return { image: present };
  }
  if (policy === "Never") {
    const message = `Container image "${name}" is not present with pull policy of Never`;
    if (waitsFor !== "ErrImageNeverPull") context.event(pod, "Warning", "ErrImageNeverPull", message, container);
    return { waiting: { reason: "ErrImageNeverPull", message, retryMs: RETRY_MS } };
  }
  const { pullBackoff } = context;
  const backing = pullBackoff.waiting(name);
  if (backing !== undefined) {
    const message = `Back-off pulling image "${name}": ${backing.message}`;
    if (waitsFor !== "ImagePullBackOff") {
      context.event(pod, "Normal", "BackOff", `Back-off pulling image "${name}"`, container);
      context.event(pod, "Warning", "Failed", "Error: ImagePullBackOff", container);
    }
    return { waiting: { reason: "ImagePullBackOff", message, retryMs: backing.ms } };
  }
  try {
    context.event(pod, "Normal", "Pulling", `Pulling image "${name}"`, container);
    const auth = await context.pullSecrets(pod, name);
    const pulled = await images.PullImage({ image: { image: name }, ...(auth !== undefined && { auth }) });
    pullBackoff.succeeded(name);
    context.event(pod, "Normal", "Pulled", `Successfully pulled image "${name}"`, container);
    return { image: (await statusOf(pulled.imageRef ?? "")) ?? { id: pulled.imageRef ?? "" } };
  } catch (error) {
    if (present !== undefined) return { image: present }; // a registry that is away must not keep an image that is here from running
    const message = messageOf(error);
    pullBackoff.failed(name, message);
    context.event(pod, "Warning", "Failed", `Failed to pull image "${name}": ${message}`, container);
    context.event(pod, "Warning", "Failed", "Error: ErrImagePull", container);
    return { waiting: { reason: "ErrImagePull", message, retryMs: SHOWN_MS } };
  }
}

/** Built-in images, and what was built here: they have no registry to come from. */
function isLocal(name: string): boolean {
  const [first = ""] = name.split("/");
  return name.startsWith("tsukube.local/") || (!/[.:]/.test(first) && name.includes("/"));
}
