import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SnapshotterKind } from "@tsukube/engine/snapshotter-kind";
import { TsukubeError } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { MAX_CLUSTERS } from "./addresses.ts";
import { type ClusterPaths, filesOf } from "./paths.ts";

/** The version of the layout of the state directory. A newer one is refused, an older one migrated. */
export const STATE_FORMAT = 1;

/** What a cluster is, decided at its first `up` and held until `down --purge`. */
export interface ClusterRecord {
  readonly format: number;
  readonly name: string;
  readonly index: number;
  readonly apiPort: number;
  /** false: the control plane alone. */
  readonly withNode: boolean;
  readonly nodeName: string;
  /** The etcd that keeps its objects; absent: a file of its own. */
  readonly etcd?: EtcdRecord;
  /** The EncryptionConfiguration that was named; absent: the cluster's own. */
  readonly encryptionConfig?: string;
  /** How long old revisions are kept, and how much of them; the store's defaults where absent. */
  readonly historyMs?: number;
  readonly historyMegabytes?: number;
  /** Which built-in APIs are served, as of kube-apiserver's --runtime-config; upstream's defaults where it is absent. */
  readonly runtimeConfig?: string;
  /** Others run controllers and scheduler; absent: they are ours. */
  readonly controllers?: "others";
  /** Which feature gates are on or off, as of kube-apiserver's --feature-gates; upstream's defaults where it is absent. */
  readonly featureGates?: string;
  /** Which admission plugins are on or off besides, as of kube-apiserver's flags of these names; ours by default. */
  readonly enableAdmissionPlugins?: string;
  readonly disableAdmissionPlugins?: string;
  /** What they are told; an absolute path, read at each start. */
  readonly admissionControlConfigFile?: string;
  /** Whose tokens are users, too; an absolute path, read again when it changes. */
  readonly authenticationConfig?: string;
  /** A kubeconfig: who is asked about other tokens; an absolute path, read at each start. */
  readonly authenticationTokenWebhookConfigFile?: string;
  /** Who is asked what users may do; an absolute path, read again when it changes. */
  readonly authorizationConfig?: string;
  /** How long events are kept; an hour where it is absent. */
  readonly eventTtlMs?: number;
  /** How many requests are served at a time: the sum; upstream's defaults where they are absent. */
  readonly maxRequestsInflight?: number;
  readonly maxMutatingRequestsInflight?: number;
  /** What Services get addresses of: a network, or one of each family by comma; it follows from the index where it is absent. */
  readonly serviceCidr?: string;
  /** The same of pods; where a family is absent, its network follows from the index. */
  readonly podCidr?: string;
  /** How containers get the files of their image, where the first `up` said so; what the disk can carry by default. */
  readonly snapshotter?: SnapshotterKind;
  /** What is written of requests; nothing where it is absent. */
  readonly audit?: AuditSettings;
}

/** Files are absolute paths, read at each start. */
export interface AuditSettings {
  readonly policyFile: string;
  readonly logPath?: string;
  /** When the log is set aside; 100 by default. */
  readonly logMegabytes?: number;
  /** How many logs set aside are kept, and how long; all by default. */
  readonly logBackups?: number;
  readonly logDays?: number;
  /** A kubeconfig: where events are sent. */
  readonly webhookConfigFile?: string;
}

/** How an etcd is reached. Files are absolute paths, read at each start. */
export interface EtcdRecord {
  readonly endpoints: readonly string[];
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly user?: string;
  readonly passwordFile?: string;
  /** Of the etcd cluster, once it was asked. */
  readonly clusterId?: string;
}

/** @throws {TsukubeError} `newer-state`, `damaged`. */
export async function readClusterRecord(paths: ClusterPaths): Promise<ClusterRecord | undefined> {
  const record = await readRecord<ClusterRecord>(filesOf(paths).record);
  if (record !== undefined && record.format > STATE_FORMAT) {
    throw new TsukubeError(
      "newer-state",
      `Cannot open cluster "${paths.name}": its state in ${paths.state} has format ${record.format}, expected at most ` +
        `${STATE_FORMAT}; use the newer tsukube that wrote it, or remove the cluster's data with that one's "down --purge"`,
    );
  }
  return record;
}

/** The same of one that must be there. @throws {TsukubeError} `not-found`. */
export async function knownCluster(paths: ClusterPaths): Promise<ClusterRecord> {
  const record = await readClusterRecord(paths);
  if (record !== undefined) return record;
  throw new TsukubeError(
    "not-found",
    `Cannot find cluster "${paths.name}": no such cluster, expected one made by "tsukube up --name ${paths.name}"`,
  );
}

export async function writeClusterRecord(paths: ClusterPaths, record: ClusterRecord): Promise<void> {
  mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  await writeRecord(filesOf(paths).record, record);
}

/** What of a record a process follows only from its start on. */
export function startSettings(process: "server" | "node", record: ClusterRecord): string {
  const { serviceCidr } = record;
  if (process === "node") return JSON.stringify({ featureGates: record.featureGates, serviceCidr });
  const { historyMs, historyMegabytes, audit, controllers, runtimeConfig, featureGates, eventTtlMs } = record;
  const etcd = record.etcd && { ...record.etcd, clusterId: undefined };
  const { maxRequestsInflight, maxMutatingRequestsInflight } = record;
  const seats = { maxRequestsInflight, maxMutatingRequestsInflight };
  const { enableAdmissionPlugins, disableAdmissionPlugins, admissionControlConfigFile } = record;
  const plugins = { enableAdmissionPlugins, disableAdmissionPlugins, admissionControlConfigFile };
  const { authenticationConfig, authenticationTokenWebhookConfigFile, authorizationConfig } = record;
  const access = { authenticationConfig, authenticationTokenWebhookConfigFile, authorizationConfig };
  const apis = { runtimeConfig, featureGates, serviceCidr, eventTtlMs, ...access, ...plugins };
  return JSON.stringify({ historyMs, historyMegabytes, audit, controllers, etcd, ...apis, ...seats });
}

/** Records of every cluster whose state lies beside `paths`, this one included. Damaged ones are left out. */
export async function allClusters(paths: ClusterPaths): Promise<readonly ClusterRecord[]> {
  const folder = dirname(paths.state);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  const found = names.map((name) =>
    readRecord<ClusterRecord>(filesOf({ ...paths, state: join(folder, name) }).record).catch(() => undefined),
  );
  return (await Promise.all(found)).filter((record) => record !== undefined);
}

/**
 * The lowest index that no other cluster holds and whose networks overlap no route of the host.
 * @throws {TsukubeError} `exhausted`.
 */
export function freeIndex(taken: readonly number[], collides: (index: number) => boolean): number {
  for (let index = 0; index < MAX_CLUSTERS; index += 1) {
    if (!taken.includes(index) && !collides(index)) return index;
  }
  throw new TsukubeError(
    "exhausted",
    `Cannot create a cluster: all ${MAX_CLUSTERS} address ranges of this host are taken, expected a free one; remove one with "tsukube down --purge --name NAME"`,
  );
}
