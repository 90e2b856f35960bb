import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { FeatureGates, recordFeatureGates } from "@tsukube/api";
import type { Pod, Service } from "@tsukube/api/types/core-v1";
import { createEventRecorder } from "@tsukube/client";
import { Lifetime, messageOf } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { measuredRuntime } from "./cri/measured-runtime.ts";
import { dialCri } from "./cri/runtime.ts";
import { rotateLogsOften } from "./logs/log-rotation.ts";
import { EvictionManager } from "./node/eviction-manager.ts";
import { ImageCollector } from "./node/image-collector.ts";
import { kubeletConfiguration } from "./node/kubelet-configuration.ts";
import { allocatableOf, readCapacity } from "./node/node-capacity.ts";
import { NodeRegistration } from "./node/node-registration.ts";
import { refusalOf } from "./node/pod-admission.ts";
import { watchStorageLimits } from "./node/storage-limits.ts";
import type { Kubelet, KubeletOptions } from "./options.ts";
import { Allocations } from "./pods/allocations.ts";
import { kubeletContext } from "./pods/kubelet-context.ts";
import { removeOrphans } from "./pods/pod-cleanup.ts";
import { placesOf } from "./pods/pod-places.ts";
import { PodUsers } from "./pods/pod-users.ts";
import { PodWorkers } from "./pods/pod-workers.ts";
import { ProbeMetrics } from "./probes/probe-metrics.ts";
import { Prober } from "./probes/prober.ts";
import { startHealthServer } from "./server/health-server.ts";
import { KubeletServer } from "./server/kubelet-server.ts";
import { isMirror } from "./static/manifest.ts";
import { StaticPods } from "./static/static-pods.ts";
import { fileSystemUsage } from "./stats/node-usage.ts";
import { recordPods } from "./stats/pod-gauges.ts";
import { StatsCollector } from "./stats/stats-collector.ts";
import { ApiSources } from "./volumes/api-sources.ts";
import { ClusterTrustBundles } from "./volumes/cluster-trust-bundles.ts";
import { PodCertificates } from "./volumes/pod-certificates.ts";
import { ReferencedObjects } from "./volumes/referenced-objects.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });

/** Pods that asked for nothing have together what others leave. */
const LEAST_SHARES = 2;

/** Starts the node's agent: registers the node and brings its pods to where the API wants them. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const lifetime = new Lifetime();
  const { client, clock, random, informers, nodeName, logger, addresses } = options;
  const cri = lifetime.own("runtime", measuredRuntime(dialCri(options.criAddress), options.metrics, clock));
  const services = informers.informer<Service>(core("services"));
  const pods = informers.informer<Pod>(core("pods"), { fieldSelector: `spec.nodeName=${nodeName}` });
  recordFeatureGates(options.featureGates ?? FeatureGates.defaults, options.metrics);
  await mkdir(options.rootDirectory, { recursive: true, mode: 0o750 });
  await options.cgroups.create(`${options.cgroupRoot}/besteffort`, { cpuShares: LEAST_SHARES });
  const capacity = readCapacity(options.rootDirectory);
  const allocatable = allocatableOf(capacity);
  const recorder = { client, clock, logger, component: "kubelet", host: nodeName };
  const events = lifetime.own("events", createEventRecorder(recorder));
  const probeMetrics = createMetrics();
  const probes = new ProbeMetrics(probeMetrics);
  const prober = new Prober({
    cri,
    clock,
    random,
    metrics: probes,
    changed: (uid) => workers.poke(uid),
    failed: (pod, container, kind, { message }) =>
      context.event(pod, "Warning", "Unhealthy", `${capitalized(kind)} probe failed: ${message}`, container.name),
  });
  lifetime.own("prober", prober);
  const changed = (uid: string): void => workers.refreshVolumes(uid);
  const references = new ReferencedObjects({ client, clock, random, logger, changed });
  lifetime.own("references", references);
  const trustBundles = new ClusterTrustBundles({ client, clock, random, logger, changed });
  lifetime.own("trust bundles", trustBundles);
  const certificates = new PodCertificates({
    ...{ client, clock, random, logger, nodeName, changed },
    makeKey: (keyType) => options.makeKey(keyType),
    event: (pod, reason, message) => context.event(pod, "Warning", reason, message),
  });
  lifetime.own("certificates", certificates);
  const sources = new ApiSources({
    client,
    clock,
    references,
    services: () => services.list(),
    hostIps: addresses,
    nodeName,
    allocatable,
    trustBundles,
    certificates,
  });
  const allocations = new Allocations({
    allocatable,
    activePods: () => workers.active.map(({ pod }) => pod),
    fileOf: (pod) => join(placesOf(pod, options).folder, "allocated.json"),
  });
  const users = new PodUsers({ folder: join(options.rootDirectory, "pods"), first: options.firstPodUser });
  const context = kubeletContext({
    options,
    cri,
    prober,
    events,
    sources,
    allocations,
    users,
    inApi: (pod) => (statics?.isStatic(pod) === true ? statics.mirror(pod) : pod),
    finished(uid) {
      workers.forget(uid);
      probes.forget(uid);
      references.release(uid);
      sources.forget(uid);
      allocations.forget(uid);
      users.forget(uid);
      for (const worker of workers.all) if (allocations.isDeferred(worker.uid)) worker.poke();
    },
  });
  const statics =
    options.staticPodDirectory === undefined
      ? undefined
      : new StaticPods({
          folder: options.staticPodDirectory,
          nodeName,
          client,
          clock,
          logger,
          pods,
          admit: (pod) => workers.admit(pod),
          retire: (pod) => workers.removed(pod, pod.spec?.terminationGracePeriodSeconds ?? 30),
        });
  if (statics !== undefined) lifetime.own("static pods", statics);
  const { runtimeHandlers = [] } = await cri.runtime.Status({}).catch(() => ({ runtimeHandlers: [] }));
  const mapsUsers = runtimeHandlers.some(({ features }) => features?.userNamespaces === true);
  const refusal = (pod: Pod, others: readonly Pod[]) =>
    refusalOf({
      ...{ pod, others, mapsUsers },
      room: allocatable,
      maxPods: capacity.pods,
      has: (condition) => eviction.has(condition),
    });
  const workers = lifetime.own("workers", new PodWorkers(context, refusal));
  recordPods({
    ...{ metrics: options.metrics, nodeName, cgroupVersion: options.cgroups.version },
    workers: () => workers.all,
  });
  const stats = new StatsCollector({
    cri,
    clock,
    cgroups: options.cgroups,
    rootDirectory: options.rootDirectory,
    capacity,
    workers: () => workers.all,
    cgroupOf: (pod) => placesOf(pod, options).cgroup,
  });
  lifetime.add("log rotation", rotateLogsOften({ cri, clock, logger, workers: () => workers.all }));
  const images = new ImageCollector({
    cri,
    clock,
    logger,
    usage: async () => fileSystemUsage(await stats.imageFolder()),
  });
  const eviction: EvictionManager = new EvictionManager({
    clock,
    logger,
    metrics: options.metrics,
    stats,
    rootDirectory: options.rootDirectory,
    imageFolder: () => stats.imageFolder(),
    workers: () => workers.active,
    reclaimImages: () => images.reclaim(),
    changed: () =>
      void registration
        .updateStatus()
        .catch((error: unknown) => logger.debug("cannot write the node's status", { error: messageOf(error) })),
  });
  const registration = new NodeRegistration(options, cri, capacity, (condition) => eviction.has(condition));
  lifetime.own("node", registration);
  await registration.start();
  await Promise.all([pods.synced, services.synced]);
  const admit = (pod: Pod): void => {
    if (isMirror(pod)) return; // it runs from its manifest
    references.hold(pod);
    workers.admit(pod);
  };
  const removed = (pod: Pod): void => workers.removed(pod);
  lifetime.add("pods", pods.onChange({ added: admit, updated: (_, pod) => admit(pod), deleted: removed }));
  if (statics !== undefined) await statics.start();
  await workers.sweep();
  await removeOrphans(options, (uid) => workers.get(uid) !== undefined);
  lifetime.add("sweep", workers.sweepOften());
  lifetime.add("images", images.start());
  lifetime.add("eviction", eviction.start());
  const storageLimits = watchStorageLimits({
    clock,
    logger,
    workers: () => workers.active,
    placesOf: (pod) => placesOf(pod, options),
    async writtenBytes(containerId) {
      const answer = await cri.runtime.ContainerStats({ containerId });
      return Number(answer.stats?.writableLayer?.usedBytes?.value ?? 0);
    },
  });
  lifetime.add("storage limits", storageLimits);
  void followEvents(options, cri, lifetime.signal, workers);
  if (options.listen !== undefined) {
    const configuration = kubeletConfiguration(options);
    const server = new KubeletServer({
      options,
      listen: options.listen,
      cri,
      workers,
      stats,
      probeMetrics,
      configuration,
    });
    lifetime.own("server", server);
    await server.start();
  }
  if (options.healthz !== undefined) lifetime.own("health server", await startHealthServer(options.healthz, options));
  return { close: () => lifetime.close() };
}

function capitalized(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

/** The runtime says when something happened; around its beginning and end a stream may miss something. */
async function followEvents(
  { clock, logger }: KubeletOptions,
  cri: ReturnType<typeof dialCri>,
  signal: AbortSignal,
  workers: PodWorkers,
): Promise<void> {
  while (!signal.aborted) {
    const cancel = clock.after(1000, () => workers.askAgain(), { background: true });
    try {
      for await (const event of cri.runtime.GetContainerEvents({}, { signal })) workers.happened(event);
    } catch (error) {
      if (signal.aborted) return;
      logger.debug("lost the runtime's events", { error: messageOf(error) });
    }
    cancel();
    await clock.sleep(1000, signal).catch(() => {});
    workers.askAgain();
  }
}
