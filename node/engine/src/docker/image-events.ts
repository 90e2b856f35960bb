import type { ImageRecord } from "../images/image-store.ts";
import type { DockerDeps } from "./contracts.ts";
import type { DockerEvents } from "./events.ts";
import { familiarName } from "./image-views.ts";

/** Tells what happens to an image, with its labels. @param name By which clients know it. */
export function publishImage(
  events: DockerEvents,
  action: string,
  { id, config }: Pick<ImageRecord, "id" | "config">,
  name = id,
): void {
  events.publish("image", action, id, { ...config.Labels, name: familiarName(name) });
}

/** That an image has names from now on. */
export function tellTags(
  { events, images }: Pick<DockerDeps, "events" | "images">,
  id: string,
  names: readonly string[],
): void {
  const image = images.find(id);
  for (const name of names) if (image !== undefined) publishImage(events, "tag", image, name);
}
