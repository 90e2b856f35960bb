import { availableParallelism } from "node:os";
import { type Clock, type Logger, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import type { ImageRecord } from "../../images/image-store.ts";
import type { DockerEvents } from "../events.ts";
import type { Endpoints } from "../networks/endpoints.ts";
import type { VolumeStore } from "../volumes/volume-store.ts";
import { checkWishes } from "./checked-wishes.ts";
import { resolveMounts, volumesOf } from "./container-mounts.ts";
import type { ContainerNames } from "./container-names.ts";
import { type DockerContainer, networkModeOf } from "./container-record.ts";
import type { ContainerStore } from "./container-store.ts";
import { copyUp } from "./copy-up.ts";
import type { CreateDocument, EndpointDocument, HostConfigDocument } from "./documents.ts";
import { commandOf, filledConfig } from "./filled-config.ts";
import { keptLinks } from "./links.ts";
import type { RootfsAccess } from "./rootfs-access.ts";

interface Deps {
  readonly store: ContainerStore;
  readonly names: ContainerNames;
  readonly volumes: VolumeStore;
  readonly endpoints?: Endpoints;
  readonly findImage: (name: string) => Promise<ImageRecord | undefined>;
  readonly rootfs: RootfsAccess;
  readonly events: DockerEvents;
  readonly removeFiles: (id: string) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What a container that is being made is going to use. */
interface Making {
  readonly id: string;
  /** Of itself, and those that it mounts. */
  readonly imageIds: string[];
  /** Names of volumes, before they are made. */
  readonly volumes: string[];
}

/** Makes containers of what clients wish: a record, volumes with what the image has in them, and no process. */
export class ContainerMaker {
  readonly #deps: Deps;
  readonly #making = new Set<Making>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Containers that have no record yet. */
  get making(): Iterable<Making> {
    return this.#making;
  }

  /** Leaves nothing behind when it fails. @param image That the name of the wish stands for. @param asked A name; random by default. */
  async make(wish: CreateDocument, image: ImageRecord, asked: string | undefined): Promise<DockerContainer> {
    checkWishes(wish, availableParallelism());
    const making: Making = { id: this.#newId(), imageIds: [image.id], volumes: [] };
    this.#making.add(making);
    try {
      return await this.#deps.names.reserving(asked, making.id, (name) => this.#made(making, name, wish, image));
    } finally {
      this.#making.delete(making);
    }
  }

  async #made(making: Making, name: string, wish: CreateDocument, image: ImageRecord): Promise<DockerContainer> {
    const anonymous: string[] = [];
    try {
      return await this.#make(making, name, wish, image, anonymous);
    } catch (error) {
      await this.#undo(making.id, anonymous);
      throw error;
    }
  }

  /** @param anonymous Learns the names of volumes that nobody named. */
  async #make(
    making: Making,
    name: string,
    wish: CreateDocument,
    image: ImageRecord,
    anonymous: string[],
  ): Promise<DockerContainer> {
    const { store, volumes, clock, rootfs } = this.#deps;
    const { id } = making;
    const recorded = {
      mountpoint: (volume: string) => volumes.mountpoint(volume),
      create: async (volume: Parameters<VolumeStore["create"]>[0]) => {
        const { name = this.#newId(), isAnonymous = volume.name === undefined } = volume;
        making.volumes.push(name);
        const isNew = volumes.find(name) === undefined;
        const made = await volumes.create({ ...volume, name, isAnonymous });
        if (isNew) this.#deps.events.publish("volume", "create", name, { driver: "local" });
        if (volume.name === undefined) anonymous.push(name);
        return made;
      },
    };
    const config = filledConfig(wish, image.config, id);
    const hostConfig = this.#filledHost(wish.HostConfig ?? {});
    const endpoints = await this.#endpointsOf(wish);
    const { mounts, toCopy } = await resolveMounts(wish, image.config, {
      volumes: recorded,
      containerNamed: (other) => store.get(other),
      imageNamed: async (name) => {
        const found = await this.#deps.findImage(name);
        if (found === undefined) throw new TsukubeError("not-found", `No such image: ${name}`);
        making.imageIds.push(found.id);
        return found.id;
      },
    });
    const container: DockerContainer = {
      ...{ id, name, config, hostConfig, mounts, endpoints },
      createdAt: clock.now(),
      imageId: image.id,
      imageName: wish.Image ?? "",
      command: commandOf(config),
      state: {
        ...{ status: "created", exitCode: 0, error: "" },
        ...{ isOomKilled: false, isStoppedByUser: false, restartCount: 0 },
      },
    };
    await store.put(container);
    if (toCopy.length > 0)
      await volumes.holding(volumesOf(toCopy), () => rootfs.within(container, (root) => copyUp(toCopy, root)));
    return container;
  }

  #newId(): string {
    return Buffer.from(this.#deps.random.bytes(32)).toString("hex");
  }

  /** Takes what a creation that failed has made; volumes that have a name may be of use, and stay. */
  async #undo(id: string, volumes: readonly string[]): Promise<void> {
    const undone: Promise<unknown>[] = [this.#deps.store.remove(id), this.#deps.removeFiles(id)];
    undone.push(...volumes.map((volume) => this.#deps.volumes.remove(volume)));
    for (const result of await Promise.allSettled(undone))
      if (result.status === "rejected")
        this.#deps.logger.warn("cannot undo a creation", { id, error: messageOf(result.reason) });
  }

  /** Names of other containers become ids: they may be renamed. */
  #filledHost(host: HostConfigDocument): HostConfigDocument {
    const whole = (mode: string | undefined): string | undefined => {
      if (mode?.startsWith("container:") !== true) return mode;
      const name = mode.slice("container:".length);
      return `container:${this.#deps.store.find(name)?.id ?? name}`; // who is missing is told at the start
    };
    const { Name = "", MaximumRetryCount = 0 } = host.RestartPolicy ?? {};
    return {
      ...host,
      ...keptLinks(host, (name) => this.#deps.store.find(name)),
      NetworkMode: whole(networkModeOf({ hostConfig: host })) ?? "bridge",
      IpcMode: whole(host.IpcMode) || "private",
      PidMode: whole(host.PidMode) ?? "",
      LogConfig: { Type: host.LogConfig?.Type || "json-file", Config: host.LogConfig?.Config ?? {} },
      RestartPolicy: { Name: Name || "no", MaximumRetryCount },
      ShmSize: host.ShmSize || 64 * 1024 * 1024,
    };
  }

  async #endpointsOf({ HostConfig, NetworkingConfig }: CreateDocument): Promise<Record<string, EndpointDocument>> {
    const mode = networkModeOf({ hostConfig: HostConfig ?? {} });
    const asked = Object.entries(NetworkingConfig?.EndpointsConfig ?? {});
    if (["host", "none"].includes(mode) || mode.startsWith("container:")) return {};
    const endpoints: Record<string, EndpointDocument> = {};
    // a network that is missing is told at the start, too
    const named = async (name: string): Promise<string> =>
      (await this.#deps.endpoints?.network(name === "default" ? "bridge" : name).catch(() => undefined))?.name ?? name;
    endpoints[await named(mode)] = {};
    for (const [name, endpoint] of asked) endpoints[await named(name)] = endpoint ?? {};
    for (const [name, { IPAMConfig }] of Object.entries(endpoints))
      if (name === "bridge" && (IPAMConfig?.IPv4Address || IPAMConfig?.IPv6Address))
        throw new TsukubeError(
          "invalid",
          "invalid config for network bridge: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only",
        );
    return endpoints;
  }
}
