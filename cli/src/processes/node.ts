import { flushCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { FeatureGates } from "@tsukube/api";
import { createClient, createHttpTransport, createInformerFactory, measuredTransport } from "@tsukube/client";
import { startEngine } from "@tsukube/engine";
import { Lifetime, TsukubeError } from "@tsukube/foundation";
import {
  ownMemory,
  preferOwnSession,
  realClock,
  releaseWhenIdle,
  requestCertificateKey,
  systemRandom,
  writeAtomically,
} from "@tsukube/host";
import { systemCgroups, systemMounts, trimMalloc } from "@tsukube/kernel";
import { MOST_POD_USERS, startKubelet, startProvisioner } from "@tsukube/kubelet";
import { openPodNetwork } from "@tsukube/network";
import { startProxy, startProxyServer } from "@tsukube/proxy";
import { addressesOf } from "../cluster/addresses.ts";
import { namesOf, openNetworks, sharedPorts } from "../cluster/docker-networks.ts";
import { filesOf, pathsOf } from "../cluster/paths.ts";
import { readCredentials } from "../cluster/read-credentials.ts";
import { readClusterRecord, startSettings } from "../cluster/record.ts";
import { holdLock } from "./hold.ts";
import { ownMetrics } from "./own-metrics.ts";
import { aborted, type ProgramOptions, runProgram } from "./program.ts";

/** So long may work in flight take when the process is asked to end. */
const CLOSE_MS = 1000;

/** The node: pod network, container engine, kubelet, provisioner of volumes and Service proxy in one process. Containers outlive it. */
async function main({ name, bundle, logger, signal }: ProgramOptions): Promise<void> {
  const paths = pathsOf(name, process.env, process.getuid?.() ?? 1);
  const record = await readClusterRecord(paths);
  if (record === undefined)
    throw new TsukubeError(
      "usage",
      `Cannot start a node of cluster "${name}": no such cluster, expected one made by "tsukube up"`,
    );
  preferOwnSession();
  const files = filesOf(paths);
  const addresses = addressesOf(record);
  const credentials = await readCredentials(files.pki);
  await using lifetime = new Lifetime();
  const release = await holdLock(files.lock("node"), bundle, realClock, logger);
  lifetime.add("lock", release);
  const featureGates = FeatureGates.parse(record.featureGates ?? "");
  const base = { clock: realClock, random: systemRandom, metrics: ownMetrics(featureGates) };
  const network = await openPodNetwork({
    stateDirectory: files.podNetwork,
    podCidr: addresses.podCidr,
    gateway: addresses.gateway,
    ...(addresses.ipv6 !== undefined && {
      ipv6: { ...addresses.ipv6, isPrimary: addresses.primaryFamily === "IPv6" },
    }),
    bridge: addresses.bridge,
    table: `tsukube-${name}-pods`,
    ports: sharedPorts(paths),
  });
  const containerNetworks = await openNetworks(paths, logger);
  const engine = await startEngine({
    ...base,
    stateDirectory: files.engine,
    runtimeDirectory: join(paths.runtime, "engine"),
    criSocket: files.criSocket,
    dockerSocket: files.dockerSocket,
    network,
    containerNetworks,
    names: namesOf(paths, bundle),
    cgroupParent: `/tsukube-${name}`,
    ...(record.snapshotter !== undefined && { snapshotter: record.snapshotter }),
    bundle: { folder: dirname(process.argv[1] ?? ""), hash: bundle },
    logger: logger.child({ component: "engine" }),
  });
  lifetime.own("engine", engine);
  const host = `127.0.0.1:${record.apiPort}`;
  const connect = (pair: { readonly cert: string; readonly key: string }, agent: string, metrics = base.metrics) => {
    const server = { server: `https://${host}`, ca: credentials.ca.cert, clientCertificate: pair };
    const transport = measuredTransport(createHttpTransport(server, realClock), { metrics, clock: realClock, host });
    const client = createClient(transport, { userAgent: `${agent}/0.1` });
    lifetime.own(`${agent} client`, client);
    const informers = createInformerFactory(client, {
      ...base,
      logger: logger.child({ component: agent }),
      unserved: "empty",
    });
    lifetime.own(`${agent} informers`, informers);
    return { client, informers };
  };
  const proxying = { ...base, metrics: ownMetrics(featureGates), logger: logger.child({ component: "proxy" }) };
  const proxy = startProxy({
    ...proxying,
    table: `tsukube-${name}`,
    serviceCidr: addresses.serviceCidr,
    bridge: addresses.bridge,
    nodeName: record.nodeName,
    informers: connect(credentials.kubeProxy, "kube-proxy", proxying.metrics).informers,
  });
  lifetime.own("proxy", proxy);
  const proxyServer = await startProxyServer({
    ...proxying,
    proxy,
    nodeName: record.nodeName,
    clusterCidr: addresses.podCidrs.join(","),
    featureGates,
    own: { address: "127.0.0.1", port: addresses.proxyMetricsPort },
    health: { address: addresses.ipv6 === undefined ? "0.0.0.0" : "::", port: addresses.proxyHealthPort },
  });
  lifetime.own("proxy server", proxyServer);
  const kubelet = await startKubelet({
    ...base,
    ...connect(credentials.kubelet, "kubelet"),
    nodeName: record.nodeName,
    criAddress: engine.criAddress,
    rootDirectory: files.node,
    staticPodDirectory: join(paths.state, "manifests"),
    podLogsDirectory: join(paths.state, "pods"),
    makeKey: requestCertificateKey,
    mounts: systemMounts,
    cgroups: systemCgroups(),
    cgroupRoot: `/tsukube-${name}/kubepods`,
    firstPodUser: 65_536 * (1 + MOST_POD_USERS * record.index),
    clusterDns: addresses.dnsIp,
    clusterDomain: "cluster.local",
    addresses: addresses.gateways,
    podCidrs: addresses.podCidrs,
    featureGates,
    listen: {
      addresses: ["127.0.0.1", ...addresses.gateways],
      port: addresses.kubeletPort,
      key: credentials.kubeletServing.key,
      cert: credentials.kubeletServing.cert,
      clientCa: credentials.ca.cert,
    },
    healthz: { address: "127.0.0.1", port: addresses.kubeletHealthPort },
    logger: logger.child({ component: "kubelet" }),
  });
  lifetime.own("kubelet", kubelet);
  const provisioner = await startProvisioner({
    ...base,
    ...connect(credentials.provisioner, "provisioner"),
    nodeName: record.nodeName,
    folder: files.volumes,
    logger: logger.child({ component: "provisioner" }),
  });
  lifetime.own("provisioner", provisioner);
  await writeAtomically(
    files.ready("node"),
    `${JSON.stringify({ pid: process.pid, readyMs: realClock.monotonic(), settings: startSettings("node", record) })}\n`,
    { durable: false },
  );
  flushCompileCache(); // at its end would be too late for a process that is killed
  lifetime.add("memory", releaseWhenIdle(realClock, ownMemory(trimMalloc)));
  logger.info("node is up", { node: record.nodeName });
  await aborted(signal);
  // a pod that takes its time to end does not hold us: the next process takes it up from the records, as after kill -9
  realClock.after(CLOSE_MS, () => process.exit(0), { background: true });
}

void runProgram(main);
