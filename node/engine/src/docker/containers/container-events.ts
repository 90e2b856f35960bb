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

/** Publishes that a container begins or ends to use its volumes. */
export function publishVolumesOf(
  events: DockerEvents,
  action: "mount" | "unmount",
  { id, mounts }: DockerContainer,
): void {
  for (const { name, destination, readonly, propagation = "" } of mounts) {
    if (name === undefined) continue;
    const how = action === "mount" ? { destination, propagation, "read/write": String(!readonly) } : {};
    events.publish("volume", action, name, { container: id, driver: "local", ...how });
  }
}
