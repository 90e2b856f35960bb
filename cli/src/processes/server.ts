import { flushCompileCache } from "node:module";
import { hostname } from "node:os";
import { FeatureGates } from "@tsukube/api";
import { type ApiServer, chosenPlugins, readPluginConfigurations, startApiServer } from "@tsukube/apiserver";
import { Lifetime, type Metrics, TsukubeError } from "@tsukube/foundation";
import { withPort } from "@tsukube/foundation/ip-network";
import { ownMemory, preferOwnSession, realClock, releaseWhenIdle, systemRandom, writeAtomically } from "@tsukube/host";
import { addressesOf } from "../cluster/addresses.ts";
import { auditOf } from "../cluster/audit.ts";
import { clusterInfo } from "../cluster/cluster-info.ts";
import { apiServerFlags } from "../cluster/component-flags.ts";
import { type ObjectStore, objectStore } from "../cluster/object-store.ts";
import { ownObjects } from "../cluster/own-objects.ts";
import { type ClusterPaths, filesOf, pathsOf } from "../cluster/paths.ts";
import { readCredentials } from "../cluster/read-credentials.ts";
import { type ClusterRecord, readClusterRecord, startSettings } from "../cluster/record.ts";
import { holdStore } from "../cluster/store-hold.ts";
import { startControlPlane } from "../control-plane.ts";
import { holdLock } from "./hold.ts";
import { ownMetrics } from "./own-metrics.ts";
import { aborted, type ProgramOptions, runProgram } from "./program.ts";

/** The control plane: store, API server, controllers and scheduler in one process. */
async function main({ name, bundle, logger, signal }: ProgramOptions): Promise<void> {
  const paths = pathsOf(name, process.env, process.getuid?.() ?? 1);
  const record = await readClusterRecord(paths);
  if (record === undefined)
    throw new TsukubeError(
      "usage",
      `Cannot start cluster "${name}": no such cluster, expected one made by "tsukube up"`,
    );
  preferOwnSession();
  const files = filesOf(paths);
  const started = new AbortController();
  signal.addEventListener("abort", leave, { once: true, signal: started.signal });
  await using lifetime = new Lifetime();
  const release = await holdLock(files.lock("server"), bundle, realClock, logger);
  lifetime.add("lock", release);
  if (record.etcd === undefined) lifetime.add("store", await holdStore(paths));
  const credentials = await readCredentials(files.pki);
  const featureGates = FeatureGates.parse(record.featureGates ?? "");
  const addresses = addressesOf(record);
  const metrics = ownMetrics(featureGates);
  const server = await startServer(
    record,
    paths,
    featureGates,
    credentials,
    await objectStore(record, paths, import.meta.dirname, logger, metrics, lifetime, signal),
    metrics,
    logger.child({ component: "apiserver" }),
    lifetime,
  );
  const options = {
    server,
    clock: realClock,
    random: systemRandom,
    logger,
    featureGates,
    host: `127.0.0.1:${record.apiPort}`,
    metricsOf: () => ownMetrics(featureGates),
    ca: credentials.ca,
    ports: {
      ...credentials.componentServing,
      addresses: ["127.0.0.1", ...(record.withNode ? addresses.gateways : [])],
      "kube-controller-manager": addresses.controllersPort,
      "kube-scheduler": addresses.schedulerPort,
    },
    ...(record.etcd !== undefined && { electAs: `${hostname()}_${systemRandom.uuid()}` }),
  };
  if (record.controllers !== "others") lifetime.own("control plane", await startControlPlane(options));
  started.abort();
  await writeAtomically(
    files.ready("server"),
    `${JSON.stringify({ pid: process.pid, readyMs: realClock.monotonic(), settings: startSettings("server", record) })}\n`,
    { durable: false },
  );
  flushCompileCache(); // at its end would be too late for a process that is killed
  lifetime.add("memory", releaseWhenIdle(realClock, ownMemory(trimIfLarge)));
  logger.info("serving", { port: record.apiPort });
  await aborted(signal);
  logger.info("stopping");
}

/** Who is told to stop while it starts has nothing to bring to an end: an etcd that does not answer keeps nobody. */
function leave(): void {
  process.exit(0);
}

/** What thousands of connections needed is worth the 2 MB of a way to call malloc_trim(3). */
const LARGE_BYTES = 192 * 1024 * 1024;

function trimIfLarge(): void {
  if (process.memoryUsage.rss() < LARGE_BYTES) return;
  import("@tsukube/kernel/malloc").then(
    ({ trimMalloc }) => trimMalloc(),
    () => {}, // not of every C library
  );
}

async function startServer(
  record: ClusterRecord,
  paths: ClusterPaths,
  featureGates: FeatureGates,
  credentials: Awaited<ReturnType<typeof readCredentials>>,
  { open, encryptionCheck }: ObjectStore,
  metrics: Metrics,
  logger: ProgramOptions["logger"],
  lifetime: Lifetime,
): Promise<ApiServer> {
  const addresses = addressesOf(record);
  const [gateway = ""] = addresses.gateways;
  const address = record.withNode ? gateway : addresses.loopback;
  const audit = await auditOf(record, realClock, logger, metrics);
  const server = await startApiServer({
    openStore: open,
    ...(encryptionCheck !== undefined && { encryptionCheck }),
    clock: realClock,
    random: systemRandom,
    logger,
    metrics,
    serviceAccountKey: credentials.serviceAccountKey,
    serviceCidr: addresses.serviceCidr,
    nodePorts: addresses.nodePorts,
    advertise: { address, port: record.apiPort },
    hostname: hostname(),
    tls: { ...credentials.apiserver, clientCa: credentials.ca.cert },
    kubelets: { ...credentials.kubeletClient, ca: credentials.ca.cert },
    frontProxy: { ...credentials.frontProxyClient, ca: credentials.frontProxyCa },
    ...(audit !== undefined && { audit }),
    ...(record.runtimeConfig !== undefined && { runtimeConfig: record.runtimeConfig }),
    featureGates,
    ...(record.enableAdmissionPlugins !== undefined && { enableAdmissionPlugins: record.enableAdmissionPlugins }),
    ...(record.disableAdmissionPlugins !== undefined && { disableAdmissionPlugins: record.disableAdmissionPlugins }),
    pluginConfigurations: readPluginConfigurations(record.admissionControlConfigFile, chosenPlugins(record)),
    ...(record.authenticationTokenWebhookConfigFile !== undefined && {
      tokenWebhook: { configFile: record.authenticationTokenWebhookConfigFile, version: "v1" },
    }),
    ...(record.authorizationConfig !== undefined && { authorizationConfig: record.authorizationConfig }),
    authentication: record.authenticationConfig === undefined ? {} : { file: record.authenticationConfig },
    ...(record.maxRequestsInflight !== undefined && { maxRequestsInflight: record.maxRequestsInflight }),
    ...(record.maxMutatingRequestsInflight !== undefined && {
      maxMutatingRequestsInflight: record.maxMutatingRequestsInflight,
    }),
    ...(record.eventTtlMs !== undefined && { eventTtlMs: record.eventTtlMs }),
    flags: apiServerFlags(record, paths, address),
    bootstrapObjects: {
      ...ownObjects(),
      "v1 configmaps": [clusterInfo(credentials.ca.cert, `https://${withPort(address, record.apiPort)}`)],
    },
  });
  lifetime.own("API server", server);
  await server.listen("127.0.0.1", record.apiPort);
  if (address !== "127.0.0.1") await server.listen(address, record.apiPort);
  return server;
}

void runProgram(main);
