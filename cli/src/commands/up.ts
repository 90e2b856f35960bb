import { Resolver } from "node:dns/promises";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import type { KubeObject } from "@tsukube/api";
import type { Node } from "@tsukube/api/types/core-v1";
import { type Client, kubeconfigText, mergeKubeconfig } from "@tsukube/client";
import { type SnapshotterKind, snapshotterKind } from "@tsukube/engine/snapshotter-kind";
import { TsukubeError } from "@tsukube/foundation";
import type { IpNetwork } from "@tsukube/foundation/ip-network";
import { lockHolder, removeAbandoned, run, systemRandom, writeAtomically } from "@tsukube/host";
import { addressesOf, MAX_CLUSTERS, overlaps } from "../cluster/addresses.ts";
import { adminClient, adminTransport, isReady, waitUntil } from "../cluster/api.ts";
import { type ApplicationSource, applicationAt, rememberApplication, urlOf } from "../cluster/applications.ts";
import { applyAll, type ManifestObject, readManifests, rollouts, waitForRollouts } from "../cluster/apply.ts";
import { buildImages, forgetOldBuilds, withBuiltImages } from "../cluster/built-images.ts";
import { alone } from "../cluster/command-lock.ts";
import { ensureCredentials } from "../cluster/credentials.ts";
import { dnsManifests } from "../cluster/dns-manifests.ts";
import { checkEncryption, ensureEncryption, expectSameEncryption } from "../cluster/encryption.ts";
import { hostAddresses, hostNodeName } from "../cluster/host-identity.ts";
import { ensureHost } from "../cluster/host-needs.ts";
import { lastWords } from "../cluster/last-words.ts";
import { MEMORY_FLAGS } from "../cluster/memory-flags.ts";
import { describeOld, oldStoreFiles } from "../cluster/old-store-files.ts";
import { type ClusterPaths, filesOf } from "../cluster/paths.ts";
import {
  allClusters,
  type ClusterRecord,
  type EtcdRecord,
  freeIndex,
  readClusterRecord,
  STATE_FORMAT,
  startSettings,
  writeClusterRecord,
} from "../cluster/record.ts";
import { expectApart, parsePodNetworks, parseServiceNetworks } from "../cluster/service-networks.ts";
import { hasServed, storeFile } from "../cluster/store-file.ts";
import { bundleFolder, type ProcessName, startSupervisor, stopProcess, supervisorOf } from "../cluster/supervisor.ts";
import { dockerNetworks, hostRoutes, networksOf, usedNetworks } from "../cluster/used-networks.ts";
import { bundleHash } from "../processes/program.ts";
import { formatDuration } from "../progress.ts";
import { type ApiFlags, checkApiFlags, withApis } from "./api-flags.ts";
import { type AuditFlags, withAudit } from "./audit-flags.ts";
import type { CommandContext } from "./context.ts";
import { type ControllersFlag, withControllers } from "./controllers-flag.ts";
import { type EtcdFlags, etcdRecord, expectEtcd, lookAtEtcd, newEtcd, withEtcd } from "./etcd-flags.ts";
import { foreground, logEnds } from "./foreground.ts";
import { type HistoryFlags, withHistory } from "./history-flags.ts";
import { type NetworkFlags, withServiceCidr } from "./network-flags.ts";
import { type SeatFlags, withSeats } from "./seat-flags.ts";

export interface UpOptions
  extends EtcdFlags,
    HistoryFlags,
    AuditFlags,
    ApiFlags,
    ControllersFlag,
    NetworkFlags,
    SeatFlags {
  /** A file; when the cluster is made. */
  readonly encryptionProviderConfig?: string;
  readonly node: boolean;
  /** How containers get the files of their image; when the cluster is made. */
  readonly snapshotter?: SnapshotterKind;
  readonly timings: boolean;
  /** Goes on until it is told to stop, and then stops the cluster. */
  readonly foreground: boolean;
  /** How long each wait may last at most; a minute by default, three for an application. */
  readonly timeoutMs?: number;
  /** Manifests to apply; a file or a folder. */
  readonly application?: string;
}

const WAIT_MS = 60_000;
const ROLL_OUT_MS = 180_000;

/** Starts a cluster, or finds it running. Quick and without effect the second time; two at once take turns. */
export async function up(context: CommandContext, options: UpOptions): Promise<void> {
  const before = logEnds(context.paths);
  await alone(filesOf(context.paths).commandLock, context, () => bringUp(context, options));
  if (options.foreground) await foreground(context, before);
}

async function bringUp(context: CommandContext, options: UpOptions): Promise<void> {
  const { paths, progress, clock, print } = context;
  const began = clock.monotonic();
  const { timeoutMs = WAIT_MS } = options;
  const application = options.application === undefined ? undefined : applicationAt(options.application);
  const objects = application === undefined ? [] : readManifests(application.path);
  const etcd = etcdRecord(options);
  const networks = options.serviceCidr === undefined ? [] : parseServiceNetworks(options.serviceCidr);
  for (const [flag, value] of [
    ["--pod-cidr", options.podCidr],
    ["--snapshotter", options.snapshotter],
  ] as const)
    if (value !== undefined && !options.node)
      throw new TsukubeError(
        "usage",
        `Cannot take ${flag}: without a node there are no pods, expected a cluster with one`,
      );
  const present = await readClusterRecord(paths);
  if (present === undefined && options.etcdRestored === true)
    throw new TsukubeError(
      "usage",
      `Cannot take --etcd-restored: cluster "${paths.name}" is not there yet, expected one whose etcd was restored; leave the flag out`,
    );
  await checkApiFlags(options, present);
  if (options.node) await ensureHost(context, "node");
  const known =
    present ??
    (await progress.step(`creating cluster "${paths.name}"`, () =>
      alone(filesOf(paths).creationLock, context, () => create(context, options, etcd, networks)),
    ));
  expectSameCluster(known, paths, options);
  expectEtcd(known, etcd);
  const kept = await withControllers(paths, await withHistory(paths, known, options), options);
  const told = await withAudit(paths, kept, options);
  const served = await withSeats(paths, await withApis(paths, told, options), options);
  if (options.serviceCidr !== served.serviceCidr) await expectRoom(paths, served, networks);
  const settled = await withServiceCidr(paths, served, options);
  await ensureKeys(context, settled);
  await ensureEncryption(settled, paths, systemRandom);
  await checkEncryption(settled, paths); // a server would try again for ever
  const record = present === undefined ? settled : await withWantedEtcd(context, settled, etcd, options);
  if (record.withNode) await (await import("../cluster/node-host.ts")).prepareHost(paths, record);
  const transport = await adminTransport(paths, record);
  const client = adminClient(transport);
  if (present?.etcd !== undefined && !(await isReady(transport, clock))) await lookAtEtcd(context, record);
  const isGone = record.etcd === undefined && hasServed(paths) && !existsSync(storeFile(paths));
  const old = new Set(oldStoreFiles(paths).map(({ path }) => path));
  await ensureProcess(context, record, "server", timeoutMs, () => isReady(transport, clock));
  if (isGone)
    progress.say(`There was no "${storeFile(paths)}", where the objects were: cluster "${paths.name}" began empty.`);
  for (const left of oldStoreFiles(paths)) if (!old.has(left.path)) progress.say(describeOld(left));
  await writeKubeconfigs(paths, record);
  if (record.withNode) {
    await ensureProcess(
      context,
      record,
      "node",
      timeoutMs,
      async () => isServing(paths, "node") && (await isNodeReady(client, record.nodeName)),
    );
    await ensureDns(context, client, record, timeoutMs);
  }
  const built = application === undefined ? [] : await buildImages(context, application, record);
  const manifests = withBuiltImages(objects, built);
  const rollOutMs = options.timeoutMs ?? ROLL_OUT_MS;
  const url =
    application === undefined ? "" : await startApplication(context, client, application, manifests, rollOutMs);
  if (record.withNode) await forgetOldBuilds(context, [{ image: SYSTEM_IMAGE, tag: bundleHash() }, ...built]);
  await client.close();
  progress.say(`Cluster "${paths.name}" is ready after ${formatDuration(clock.monotonic() - began)}.`);
  if (options.timings)
    for (const { what, ms } of progress.timeline) print(`${String(Math.round(ms)).padStart(7)} ms  ${what}`);
  usage(context);
  if (url !== "") print(`\n${url}`);
}

async function withWantedEtcd(
  context: CommandContext,
  record: ClusterRecord,
  wanted: EtcdRecord | undefined,
  { etcdRestored }: UpOptions,
): Promise<ClusterRecord> {
  if (etcdRestored !== true) return withEtcd(context, record, wanted);
  return (await import("./restored-etcd.ts")).withRestoredEtcd(context, record, wanted);
}

/** What was decided when a cluster was made stays. @throws {TsukubeError} `usage`. */
function expectSameCluster(record: ClusterRecord, paths: ClusterPaths, options: UpOptions): void {
  if (record.withNode !== options.node) {
    const was = record.withNode ? "with a node" : "without a node";
    throw new TsukubeError(
      "usage",
      `Cannot start cluster "${paths.name}": it was created ${was}, expected the same; use "down --purge" to begin anew, or another --name`,
    );
  }
  if (options.podCidr !== undefined && options.podCidr !== record.podCidr)
    throw new TsukubeError(
      "usage",
      `Cannot start cluster "${paths.name}" with --pod-cidr ${options.podCidr}: its pods have ${addressesOf(record).podCidrs.join(",")}, expected the same; ` +
        `use "down --purge" to begin anew, or another --name`,
    );
  const snapshotter = record.snapshotter ?? snapshotterKind(filesOf(paths).engine);
  if (options.snapshotter !== undefined && snapshotter !== undefined && options.snapshotter !== snapshotter)
    throw new TsukubeError(
      "usage",
      `Cannot start cluster "${paths.name}" with --snapshotter ${options.snapshotter}: its containers have their files by "${snapshotter}", expected the same; ` +
        `use "down --purge" to begin anew, or another --name`,
    );
  expectSameEncryption(record, paths, options.encryptionProviderConfig);
}

/** Applies manifests and waits until what they describe runs. @returns the URL under which it answers. */
async function startApplication(
  { paths, progress, clock }: CommandContext,
  client: Client,
  { name, path }: ApplicationSource,
  objects: readonly ManifestObject[],
  timeoutMs: number,
): Promise<string> {
  const applied = await progress.step(`applying ${name}`, () => applyAll(client, objects, "default"));
  await progress.step(`rolling out ${name}`, (update) => waitForRollouts(client, applied, clock, timeoutMs, update));
  const url = await urlOf(client, applied);
  await rememberApplication(paths, { name, path, url });
  return url;
}

async function create(
  context: CommandContext,
  options: UpOptions,
  etcd: EtcdRecord | undefined,
  networks: readonly IpNetwork[],
): Promise<ClusterRecord> {
  const { paths, isRoot } = context;
  const others = await allClusters(paths);
  const routes = hostRoutes();
  const busy = await busyIndexes(options.node, isRoot);
  const elsewhere = [...others.flatMap((other) => networksOf(other, "")), ...(await dockerNetworks(paths))];
  const taken = [...routes, ...elsewhere.map(([cidr]) => cidr)];
  const collides = (index: number): boolean => {
    const { podCidr, serviceCidr } = addressesOf({ index });
    const own = [...(options.podCidr === undefined ? [podCidr] : []), serviceCidr];
    return busy.has(index) || taken.some((cidr) => own.some((one) => overlaps(cidr, one)));
  };
  const index = freeIndex(
    others.map((other) => other.index),
    collides,
  );
  const ports = new Set(others.map((other) => other.apiPort));
  const record: ClusterRecord = {
    format: STATE_FORMAT,
    name: paths.name,
    index,
    apiPort: isRoot ? addressesOf({ index }).apiPort : await freePort(addressesOf({ index }).apiPort, ports),
    withNode: options.node,
    nodeName: hostNodeName(),
    ...(etcd !== undefined && { etcd: await newEtcd(context, etcd) }),
    ...(options.serviceCidr !== undefined && { serviceCidr: options.serviceCidr }),
    ...(options.podCidr !== undefined && { podCidr: options.podCidr }),
    ...(options.snapshotter !== undefined && { snapshotter: options.snapshotter }),
    ...(options.encryptionProviderConfig !== undefined && {
      encryptionConfig: resolve(options.encryptionProviderConfig),
    }),
  };
  const pods = parsePods(record);
  await expectRoom(paths, record, networks);
  const services = addressesOf(record).serviceCidr.split(",");
  const own = services.map((cidr) => [cidr, "the cluster's Services"] as const);
  expectApart("--pod-cidr", pods, new Map([...(await usedNetworks(paths, record)), ...own]));
  if (record.encryptionConfig !== undefined) await checkEncryption(record, paths);
  await writeClusterRecord(paths, record);
  return record;
}

/** @throws {TsukubeError} `usage`, when Services would share addresses with something else. */
async function expectRoom(paths: ClusterPaths, record: ClusterRecord, services: readonly IpNetwork[]): Promise<void> {
  const pods = addressesOf(record).podCidrs.map((cidr) => [cidr, "the cluster's pods"] as const);
  expectApart("--service-cidr", services, new Map([...(await usedNetworks(paths, record)), ...pods]));
}

function parsePods({ podCidr, ...rest }: ClusterRecord): readonly IpNetwork[] {
  return podCidr === undefined ? [] : parsePodNetworks(podCidr, addressesOf(rest).serviceCidr);
}

/**
 * Indexes whose ports something else has: another Kubernetes, or a cluster whose state lies elsewhere.
 * @param withApi Whether the API server's is the one of the index, too.
 */
async function busyIndexes(withNode: boolean, withApi: boolean): Promise<ReadonlySet<number>> {
  const busy = new Set<number>();
  for (let index = 0; index < MAX_CLUSTERS; index += 1) {
    const all = addressesOf({ index });
    const ports = [all.controllersPort, all.schedulerPort];
    if (withApi) ports.push(all.apiPort);
    if (withNode) ports.push(all.kubeletPort, all.kubeletHealthPort, all.proxyHealthPort, all.proxyMetricsPort);
    if ((await Promise.all(ports.map(isFree))).includes(false)) busy.add(index);
  }
  return busy;
}

async function freePort(first: number, taken: ReadonlySet<number>): Promise<number> {
  for (let port = first; port < first + 1000; port += 1) if (!taken.has(port) && (await isFree(port))) return port;
  throw new TsukubeError(
    "exhausted",
    `Cannot find a port for the API server: ${first} to ${first + 999} are taken, expected a free one`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

async function ensureKeys({ paths, clock }: CommandContext, record: ClusterRecord): Promise<void> {
  await ensureCredentials({
    folder: filesOf(paths).pki,
    addresses: addressesOf(record),
    nodeName: record.nodeName,
    nodeAddresses: hostAddresses(),
    clock,
    random: systemRandom,
  });
}

/** What cluster DNS runs; each version of Tsukube makes its own. */
const SYSTEM_IMAGE = "tsukube.local/system";

type ClusterProcess = Exclude<ProcessName, "engine" | "registry">;

const SHOWN: Readonly<Record<ClusterProcess, string>> = { server: "the control plane", node: "the node" };

/** Starts a process under its supervisor unless one of this version runs, and waits until it answers. */
async function ensureProcess(
  context: CommandContext,
  record: ClusterRecord,
  name: ClusterProcess,
  timeoutMs: number,
  check: () => Promise<boolean>,
): Promise<void> {
  const { paths, clock, progress } = context;
  const files = filesOf(paths);
  const holder = lockHolder(files.lock(name));
  const isCurrent =
    supervisorOf(paths, name) !== undefined && holder?.note === bundleHash() && !hasOldSettings(paths, name, record);
  if (isCurrent && (await check().catch(() => false))) return;
  const where = name === "server" ? ` on port ${record.apiPort}` : ` ${record.nodeName}`;
  await progress.step(`starting ${SHOWN[name]}${where}`, async () => {
    if (!isCurrent) {
      if (supervisorOf(paths, name) !== undefined) await stopProcess(paths, name, clock);
      if (name === "server" && holder === undefined && !(await isFree(record.apiPort))) throw portTaken(record);
      startSupervisor(paths, name, [
        process.execPath,
        ...MEMORY_FLAGS[name],
        join(bundleFolder(), `${name}.js`),
        "--name",
        paths.name,
      ]);
    }
    await waitUntil(SHOWN[name], check, clock, timeoutMs, () => whyNot(paths, name), giveUp(paths, name));
  });
}

/** Whether the process that runs now, of this version, has said that it serves. */
function isServing(paths: ClusterPaths, name: ProcessName): boolean {
  const holder = lockHolder(filesOf(paths).lock(name));
  return holder?.note === bundleHash() && saidOf(paths, name)?.pid === holder.pid;
}

/** Whether a process was told otherwise when it started: it goes on with that, unless it starts again. */
function hasOldSettings(paths: ClusterPaths, name: ClusterProcess, record: ClusterRecord): boolean {
  const present = startSettings(name, record);
  const { settings = present } = saidOf(paths, name) ?? {};
  return settings !== present;
}

/** What a process has written when it began to serve. */
function saidOf(
  paths: ClusterPaths,
  name: ProcessName,
): { readonly pid: number; readonly settings?: string } | undefined {
  const file = filesOf(paths).ready(name);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, "utf8")) as { readonly pid: number; readonly settings?: string };
}

async function isNodeReady(client: Client, name: string): Promise<boolean> {
  const node = await client.resource<Node>({ group: "", version: "v1", resource: "nodes" }).get(name);
  return (
    node.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true
  );
}

async function ensureDns(
  { progress, clock }: CommandContext,
  client: Client,
  record: ClusterRecord,
  timeoutMs: number,
): Promise<void> {
  const objects = dnsManifests(addressesOf(record).dnsIp, bundleHash()).map((object) => ({
    object: object as KubeObject,
    file: "cluster DNS",
  }));
  const applied = await applyAll(client, objects, "kube-system");
  if (record.controllers === "others") return; // they may begin after this command
  const answers = () => answersDns(addressesOf(record).dnsIp);
  // what the API says of pods may be from before a reboot
  if ((await rollouts(client, applied)).every(({ ready, wanted }) => ready >= wanted) && (await answers())) return;
  await progress.step("starting cluster DNS", async (update) => {
    await waitForRollouts(client, applied, clock, timeoutMs, update);
    await waitUntil("cluster DNS", answers, clock, timeoutMs, async () => "it runs and does not answer");
  });
}

async function answersDns(address: string): Promise<boolean> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([address]);
  try {
    const name = "kubernetes.default.svc.cluster.local"; // of the same family
    const found = await (address.includes(":") ? resolver.resolve6(name) : resolver.resolve4(name));
    return found.length > 0;
  } catch {
    return false;
  }
}

function portTaken(record: ClusterRecord): TsukubeError {
  return new TsukubeError(
    "port-taken",
    `Cannot listen on 127.0.0.1:${record.apiPort}: the port is taken, expected it free; end what uses it ("ss -ltnp sport = ${record.apiPort}" shows it)`,
  );
}

/** Tells when a supervisor that was there is no more: starting again could not help. */
function giveUp(paths: ClusterPaths, name: ProcessName): () => boolean {
  let wasSeen = false;
  return () => {
    const isThere = supervisorOf(paths, name) !== undefined;
    wasSeen ||= isThere;
    return wasSeen && !isThere;
  };
}

async function whyNot(paths: ClusterPaths, name: ProcessName): Promise<string> {
  const words = await lastWords(paths, name);
  if (words !== "") return words;
  const log = join(filesOf(paths).logs, `${name}.log`);
  const { stdout } = await run("tail", ["-n", "3", log], { accept: [0, 1] });
  return `the last lines of ${log} are:\n${stdout.trimEnd()}`;
}

async function writeKubeconfigs(paths: ClusterPaths, record: ClusterRecord): Promise<void> {
  const files = filesOf(paths);
  const read = (name: string): string => readFileSync(join(files.pki, name), "utf8");
  const entry = {
    name: `tsukube-${paths.name}`,
    server: `https://127.0.0.1:${record.apiPort}`,
    ca: read("ca.crt"),
    cert: read("admin.crt"),
    key: read("admin.key"),
  };
  const shared = join(process.env["HOME"] ?? homedir(), ".kube/config");
  await removeAbandoned(dirname(shared), basename(shared));
  for (const folder of [paths.state, files.pki]) await removeAbandoned(folder);
  await writeAtomically(files.kubeconfig, kubeconfigText(entry), { mode: 0o600 });
  await mergeKubeconfig(shared, entry);
}

function usage({ paths, print }: CommandContext): void {
  const name = paths.name === "default" ? "" : ` --name ${paths.name}`;
  print(`
Use it:   export KUBECONFIG=${filesOf(paths).kubeconfig}
          kubectl get namespaces            or: tsukube${name} kubectl get namespaces
Look:     tsukube${name} status   tsukube${name} logs
Stop:     tsukube${name} down     (down --purge removes its data too)`);
}
