import type { DockerEvents } from "../events.ts";
import type { DockerContainer } from "./container-record.ts";

/** Tells what happens to a container, with what every event of one says. */
export function publishOf(
  events: DockerEvents,
  action: string,
  { id, name, imageName, config }: DockerContainer,
  more: Readonly<Record<string, string>> = {},
): void {
  events.publish("container", action, id, { ...config.Labels, ...more, image: imageName, name });
}
