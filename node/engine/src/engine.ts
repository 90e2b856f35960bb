import { chmod, mkdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { codeOf, messageOf } from "@tsukube/foundation";
import { grpcError, serveGrpc, serviceDefinition } from "@tsukube/host/grpc";
import {
  connectWithin,
  namespaceCgroups,
  noCgroups,
  systemCgroups,
  systemMounts,
  systemNamespaces,
  userMounts,
} from "@tsukube/kernel";
import type { ContainerEventResponse } from "@tsukube/node-contracts/cri";
import descriptor from "@tsukube/node-contracts/facts/cri.json" with { type: "json" };
import { openImageBuilder } from "./build/image-builder.ts";
import { type ContainerEventKind, type ContainerRecord, Containers } from "./containers/containers.ts";
import { OciRuntime } from "./containers/runtime.ts";
import type { Engine, EngineOptions } from "./contracts.ts";
import { EventBus } from "./cri/event-bus.ts";
import { findImage, imageService, nanoseconds } from "./cri/image-service.ts";
import { containerStatus, runtimeService, sandboxStatus } from "./cri/runtime-service.ts";
import { DockerServer } from "./docker/docker-server.ts";
import { openDocker } from "./docker/open-docker.ts";
import { ContentStore } from "./images/content-store.ts";
import { ImageArchive } from "./images/image-archive.ts";
import { ImageGarbage } from "./images/image-garbage.ts";
import { ImageStore } from "./images/image-store.ts";
import { ImageTransfer } from "./images/image-transfer.ts";
import { openSnapshotter } from "./images/open-snapshotter.ts";
import { RegistryClient } from "./images/registry-client.ts";
import { SystemImages } from "./images/system-images.ts";
import { canMapUsers } from "./sandboxes/pod-users.ts";
import { Sandboxes } from "./sandboxes/sandboxes.ts";
import { findAll, removeStrays } from "./strays.ts";
import { StreamingServer } from "./streaming/streaming-server.ts";

const BUILD_CACHE_BYTES = 20e9;

/** Starts the engine: adopts what runs, then serves the CRI. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { stateDirectory, runtimeDirectory, clock, network, logger } = options;
  const { rootless } = options;
  const mounts = options.kernel?.mounts ?? (rootless === undefined ? systemMounts : userMounts);
  const namespaces = options.kernel?.namespaces ?? systemNamespaces(mounts);
  const cgroups = options.kernel?.cgroups ?? (rootless === undefined ? systemCgroups() : namespaceCgroups());
  for (const folder of [stateDirectory, runtimeDirectory]) await mkdir(folder, { recursive: true, mode: 0o711 });
  const snapshotter = await openSnapshotter(
    `${stateDirectory}/s`,
    mounts,
    options.snapshotter,
    rootless === undefined ? "overlay" : "user-overlay",
  );
  const images = new ImageStore(`${stateDirectory}/images`, clock);
  const content = new ContentStore(`${stateDirectory}/blobs`, options.random);
  const garbage = new ImageGarbage({ images, content, snapshotter });
  const client = new RegistryClient({
    hosts: options.registryHosts ?? "/etc/tsukube/certs.d",
    clock,
    random: options.random,
  });
  const transfer = new ImageTransfer({ client, content, images, snapshotter, garbage });
  const systemImages = new SystemImages({
    images,
    snapshotter,
    garbage,
    ...(options.bundle === undefined ? {} : { bundle: options.bundle }),
  });
  const runtime = await OciRuntime.open(options.runtime ?? "crun", runtimeDirectory, cgroups !== noCgroups);
  const events = new EventBus<ContainerEventResponse>();
  const now = (): number => clock.now();
  const sandboxes = new Sandboxes({
    records: `${stateDirectory}/sandboxes`,
    runtime: `${runtimeDirectory}/sandboxes`,
    mounts,
    namespaces,
    network,
    now,
  });
  const announce = (kind: ContainerEventKind, container: ContainerRecord): void => {
    const sandbox = sandboxes.find(container.sandboxId);
    events.publish({
      containerId: container.id,
      containerEventType: `CONTAINER_${kind}_EVENT`,
      createdAt: nanoseconds(now()),
      ...(sandbox === undefined ? {} : { podSandboxStatus: sandboxStatus(sandbox, containers) }),
      containersStatuses: containers.all
        .filter((other) => other.sandboxId === container.sandboxId && other.isHolder !== true)
        .map((other) => containerStatus(other, images)),
    });
  };
  const cgroupParent = options.cgroupParent ?? "/tsukube";
  const containers: Containers = new Containers({
    records: `${stateDirectory}/containers`,
    runtimeFolder: runtimeDirectory,
    runtime,
    snapshotter,
    mounts,
    cgroups,
    clock,
    logger,
    cgroupParent,
    ...(rootless === undefined ? {} : { rootless }),
    findImage: (name) => findImage({ images, systemImages }, name),
    onEvent: announce,
  });
  await images.load();
  const builder = await openImageBuilder({
    ...{
      images,
      content,
      systemImages,
      transfer,
      garbage,
      snapshotter,
      runtime,
      mounts,
      namespaces,
      cgroups,
      network,
      clock,
      logger,
    },
    ...(rootless === undefined ? {} : { rootless }),
    random: options.random,
    stateDirectory: `${stateDirectory}/build`,
    runtimeDirectory: `${runtimeDirectory}/build`,
    cgroupParent,
    cacheBytes: options.buildCacheBytes ?? BUILD_CACHE_BYTES,
  });
  await snapshotter.clearLent();
  await garbage.collectAfterStart([`${stateDirectory}/s/new`, `${stateDirectory}/blobs/incoming`]);
  const networks = options.containerNetworks;
  const strayDeps = {
    ...{ mounts, runtime, snapshotter, runtimeDirectory, logger },
    ...(networks === undefined ? {} : { networks }),
  };
  const found = await findAll(strayDeps);
  await sandboxes.load();
  await containers.load();
  const docker = await openDocker({
    ...{ images, snapshotter, runtime, mounts, namespaces, cgroups, clock, logger, random: options.random },
    ...(options.containerNetworks === undefined ? {} : { networks: options.containerNetworks }),
    ...(options.names === undefined ? {} : { names: options.names }),
    findImage: (name) => findImage({ images, systemImages }, name),
    ...(rootless === undefined ? {} : { rootless }),
    startsContainers: options.startsContainers !== false,
    stateDirectory: `${stateDirectory}/docker`,
    runtimeDirectory: `${runtimeDirectory}/docker`,
    cgroupParent: `${cgroupParent}/docker`,
  });
  await removeStrays(found, stateDirectory, strayDeps);
  let mapsUsers: Promise<boolean> | undefined; // it takes some milliseconds to find out, once
  const streaming = new StreamingServer(clock, options.random);
  await streaming.listen();
  await mkdir(dirname(options.criSocket), { recursive: true });
  await rm(options.criSocket, { force: true });
  const criAddress = `unix:${options.criSocket}`;
  const inUse = (): ReadonlySet<string> =>
    new Set([
      ...containers.all.flatMap(({ imageId, volumeImages = [] }) => [imageId, ...volumeImages]),
      ...docker.deps.dockerContainers.imagesInUse,
      ...docker.serviceImages(),
    ]);
  const server = await serveGrpc(
    criAddress,
    [
      {
        definition: serviceDefinition(descriptor, "runtime.v1.RuntimeService"),
        handlers: runtimeService({
          streaming,
          containers,
          sandboxes,
          images,
          findImage: (name) => findImage({ images, systemImages }, name),
          network,
          dial: ({ namespaces: { net } }, port) =>
            net === undefined ? connect(port, "127.0.0.1") : connectWithin(namespaces, net, "127.0.0.1", port),
          cgroups,
          handler: options.runtime ?? "crun",
          mapsUsers: () => (mapsUsers ??= canMapUsers(stateDirectory, mounts, namespaces)),
          random: options.random,
          now,
          clock,
          events: (signal) => events.subscribe(signal),
        }),
      },
      {
        definition: serviceDefinition(descriptor, "runtime.v1.ImageService"),
        handlers: imageService({ images, systemImages, transfer, garbage, stateDirectory, now, inUse }),
      },
    ],
    toGrpcError,
  );
  await chmod(options.criSocket, 0o600);
  const dockerServer = new DockerServer({
    ...docker.deps,
    ...{ images, systemImages, transfer, builder, garbage, inUse, logger, random: options.random },
    ...{ clock, mounts, cgroups, snapshotter, stateDirectory, isRootless: rootless !== undefined },
    archive: new ImageArchive({ images, content, snapshotter, garbage }),
    uploads: `${stateDirectory}/build/uploads`,
  });
  if (options.dockerSocket !== undefined) await dockerServer.listen(options.dockerSocket);
  if (options.dockerHost !== undefined) await dockerServer.listenSecurely(options.dockerHost);
  return {
    criAddress,
    streamingAddress: streaming.address,
    async close() {
      containers.close();
      docker.close();
      await dockerServer.close();
      await streaming.close();
      await server.close();
      runtime.close();
    },
    async stopAll(othersRemain = false) {
      await docker.stopAll(othersRemain);
      for (const { id } of containers.all) await containers.remove(id);
      for (const { id } of sandboxes.all) await sandboxes.remove(id);
      await cgroups.remove(cgroupParent);
    },
  };
}

function toGrpcError(error: unknown): Error {
  if (typeof (error as { code?: unknown }).code === "number") return error as Error;
  switch (codeOf(error)) {
    case "not-found":
    case "no-platform":
      return grpcError("NOT_FOUND", messageOf(error));
    case "unauthorized":
      return grpcError("UNAUTHENTICATED", messageOf(error));
    case "unreachable":
    case "unavailable":
    case "stalled":
    case "truncated":
      return grpcError("UNAVAILABLE", messageOf(error));
    case "timeout":
      return grpcError("DEADLINE_EXCEEDED", messageOf(error));
    case "invalid-reference":
      return grpcError("INVALID_ARGUMENT", messageOf(error));
    case "wrong-state":
      return grpcError("FAILED_PRECONDITION", messageOf(error));
    case "unsupported":
      return grpcError("UNIMPLEMENTED", messageOf(error));
    default:
      return grpcError("INTERNAL", messageOf(error));
  }
}
