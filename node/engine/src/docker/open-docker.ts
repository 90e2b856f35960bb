import { type Clock, type Logger, messageOf, type Random } from "@tsukube/foundation";
import { type Cgroups, linksByProgram, type Mounts, type Namespaces, systemLinks } from "@tsukube/kernel";
import type { ContainerNetworks, PodNetwork } from "@tsukube/node-contracts";
import { Containers } from "../containers/containers.ts";
import type { OciRuntime } from "../containers/runtime.ts";
import type { ImageRecord, ImageStore } from "../images/image-store.ts";
import type { Snapshotter } from "../images/snapshotter.ts";
import { Sandboxes } from "../sandboxes/sandboxes.ts";
import { DEFAULT_NETWORK, isRunning } from "./containers/container-record.ts";
import { ContainerRuns } from "./containers/container-runs.ts";
import { ContainerStore } from "./containers/container-store.ts";
import { DockerContainers } from "./containers/docker-containers.ts";
import { ExecStore } from "./containers/exec-store.ts";
import { Freezer } from "./containers/freezer.ts";
import { LogRotation } from "./containers/log-rotation.ts";
import { RootfsAccess } from "./containers/rootfs-access.ts";
import type { DockerDeps } from "./contracts.ts";
import { DockerEvents } from "./events.ts";
import { Endpoints } from "./networks/endpoints.ts";
import { NameService, type NameServiceOptions } from "./networks/name-service.ts";
import { VolumeStore } from "./volumes/volume-store.ts";

interface Deps {
  readonly images: ImageStore;
  readonly snapshotter: Snapshotter;
  readonly runtime: OciRuntime;
  readonly mounts: Mounts;
  readonly namespaces: Namespaces;
  readonly cgroups: Cgroups;
  readonly networks?: ContainerNetworks;
  /** See `rootless` of {@link EngineOptions}. */
  readonly rootless?: "many-ids" | "one-id";
  readonly names?: NameServiceOptions;
  readonly findImage: (name: string) => Promise<ImageRecord | undefined>;
  readonly startsContainers: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of this part of the engine alone. */
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  readonly cgroupParent: string;
}

/** What only Docker's face of the engine has. */
export interface Docker {
  readonly deps: Pick<
    DockerDeps,
    | "dockerContainers"
    | "runs"
    | "core"
    | "execs"
    | "rootfs"
    | "volumes"
    | "networks"
    | "endpoints"
    | "events"
    | "logPath"
  >;
  /** Ids of the images of what the engine runs for itself. */
  serviceImages(): readonly string[];
  close(): void;
  /** Ends every container and takes everything from the host; records, volumes and what was written stay. */
  stopAll(othersRemain: boolean): Promise<void>;
}

/** How often a disk that was full is looked at. */
const CATCH_UP_MS = 1000;

/** Containers share links and firewall with nobody here: networks of containers are attached by {@link Endpoints}. */
const NO_NETWORK: PodNetwork = {
  add: async () => ({ ips: [] }),
  remove: async () => {},
  check: async () => {},
  status: async () => {},
  collect: async () => {},
};

/** Reads Docker's containers and volumes, and adopts what runs. */
export async function openDocker(deps: Deps): Promise<Docker> {
  const { stateDirectory, runtimeDirectory, clock, mounts, networks, random, logger, cgroupParent, images } = deps;
  const store = new ContainerStore(`${stateDirectory}/containers`, `${runtimeDirectory}/records`);
  const volumes = new VolumeStore({ folder: `${stateDirectory}/volumes`, mounts, clock, random, logger });
  const events = new DockerEvents(clock);
  const logPath = (id: string): string => `${stateDirectory}/logs/${id}.log`;
  const openSandboxes = (folder: string): Sandboxes =>
    new Sandboxes({
      records: `${stateDirectory}/${folder}`,
      runtime: `${runtimeDirectory}/${folder}`,
      mounts,
      namespaces: deps.namespaces,
      network: NO_NETWORK,
      now: () => clock.now(),
    });
  const openContainers = (records: string, runtimeFolder: string, onEnded: (id: string) => void): Containers =>
    new Containers({
      records: `${stateDirectory}/${records}`,
      runtimeFolder,
      ...{ runtime: deps.runtime, snapshotter: deps.snapshotter, cgroups: deps.cgroups },
      ...{ mounts, clock, logger, cgroupParent, findImage: deps.findImage },
      ...(deps.rootless === undefined ? {} : { rootless: deps.rootless }),
      onEvent: (kind, { id }) => {
        if (kind === "STOPPED") onEnded(id);
      },
    });
  const sandboxes = openSandboxes("sandboxes");
  const containers = openContainers("runs", runtimeDirectory, (id) => dockerContainers.onEnded(id));
  const serviceSandboxes = openSandboxes("service-sandboxes");
  const serviceContainers = openContainers("services", `${runtimeDirectory}/services`, () => names?.onEnded());
  const names =
    deps.names === undefined
      ? undefined
      : new NameService({
          options: deps.names,
          ...{ containers: serviceContainers, sandboxes: serviceSandboxes, findImage: deps.findImage },
          ...{ clock, random, logger },
        });
  const { loopback } = deps.rootless === undefined ? systemLinks(deps.namespaces) : linksByProgram("/proc/self/ns/net");
  const serveNames = async (gateway: string): Promise<void> => names?.serve(gateway);
  const endpoints =
    networks === undefined
      ? undefined
      : new Endpoints({ networks, loopback, store, events, serveNames, sandbox: (id) => runs.sandbox(id) });
  const { cgroups } = deps;
  const shared = { containers, store, volumes, events, logPath, cgroups, clock, random, logger };
  const withEndpoints = endpoints === undefined ? {} : { endpoints };
  const runs: ContainerRuns = new ContainerRuns({ ...shared, ...withEndpoints, sandboxes, images, mounts });
  const { snapshotter } = deps;
  const freezer = new Freezer(containers, cgroups.canFreeze);
  const roots = `${runtimeDirectory}/roots`;
  const rootfs = new RootfsAccess({ store, runs, images, volumes, snapshotter, mounts, freezer, folder: roots });
  const removeFiles = (id: string): Promise<void> => snapshotter.remove(id);
  const execs = new ExecStore(shared);
  const dockerContainers: DockerContainers = new DockerContainers({
    ...shared,
    ...withEndpoints,
    ...{ runs, execs, rootfs, freezer, removeFiles, findImage: deps.findImage },
  });
  await store.load();
  await volumes.load();
  await sandboxes.load();
  await containers.load();
  await rootfs.clean();
  await serviceSandboxes.load();
  await serviceContainers.load();
  await dockerContainers.load(deps.startsContainers);
  const isNamed = (networkId: string): boolean => networks?.find(networkId)?.name !== DEFAULT_NETWORK;
  await names?.adopt(networks?.attachments.some(({ networkId }) => isNamed(networkId)) === true);
  const rotation = new LogRotation({ store, containers, logPath, clock, logger });
  rotation.start();
  const catchUp = (): Promise<void> =>
    store
      .catchUp()
      .catch((error: unknown) => logger.error("cannot write the records of containers", { error: messageOf(error) }));
  const stopCatchingUp = clock.every(CATCH_UP_MS, () => void catchUp(), { background: true });
  return {
    deps: {
      ...{ dockerContainers, runs, core: containers, execs, rootfs, volumes, events, logPath },
      ...(networks === undefined ? {} : { networks }),
      ...withEndpoints,
    },
    serviceImages: () => serviceContainers.all.map(({ imageId }) => imageId),
    close() {
      stopCatchingUp();
      rotation.stop();
      names?.close();
      dockerContainers.close();
      containers.close();
      serviceContainers.close();
    },
    async stopAll(othersRemain) {
      await dockerContainers.stopAll();
      for (const container of store.all) if (!isRunning(container)) await runs.release(container.id);
      await names?.stop();
      for (const { id } of serviceContainers.all) await serviceContainers.remove(id); // also where this engine would serve no names
      for (const { id } of serviceSandboxes.all) await serviceSandboxes.remove(id);
      volumes.unmountAll();
      await networks?.cleanHost(othersRemain);
      await catchUp();
    },
  };
}
