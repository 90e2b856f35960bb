import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { TsukubeError } from "@tsukube/foundation";
import { readEtcdProgress } from "../cluster/etcd-progress.ts";
import { askServers, stateOf } from "../cluster/etcd-servers.ts";
import { type ClusterRecord, type EtcdRecord, writeClusterRecord } from "../cluster/record.ts";
import type { CommandContext } from "./context.ts";

/** The flags of `up` that name an etcd. */
export interface EtcdFlags {
  readonly etcd?: readonly string[] | undefined;
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly etcdUser?: string;
  readonly etcdPasswordFile?: string;
  /** It was put back to what it was: the cluster goes on with that. */
  readonly etcdRestored?: boolean;
}

/** What to remember of them; undefined when they name none. @throws {TsukubeError} `usage`. */
export function etcdRecord(flags: EtcdFlags): EtcdRecord | undefined {
  const { etcd, etcdCafile, etcdCertfile, etcdKeyfile, etcdUser, etcdPasswordFile } = flags;
  const files = { caFile: etcdCafile, certFile: etcdCertfile, keyFile: etcdKeyfile, passwordFile: etcdPasswordFile };
  const given = Object.entries(files).filter(([, file]) => file !== undefined);
  if (etcd === undefined) {
    if (given.length === 0 && etcdUser === undefined) return undefined;
    throw new TsukubeError("usage", "Cannot use flags of etcd without --etcd, expected its URL");
  }
  if ((etcdCertfile === undefined) !== (etcdKeyfile === undefined))
    throw new TsukubeError("usage", "Cannot use one of --etcd-certfile and --etcd-keyfile, expected both");
  if ((etcdUser === undefined) !== (etcdPasswordFile === undefined))
    throw new TsukubeError("usage", "Cannot use one of --etcd-user and --etcd-password-file, expected both");
  const endpoints = etcd.flatMap((urls) => urls.split(","));
  for (const endpoint of endpoints) expectEndpoint(endpoint);
  return {
    endpoints,
    ...Object.fromEntries(given.map(([name, file]) => [name, resolve(file!)])),
    ...(etcdUser !== undefined && { user: etcdUser }),
  };
}

/** As etcd's own clients have them: without a scheme they are of HTTP. */
const ENDPOINT = /^(https?:\/\/)?[^/\s:]+(:\d+)?\/?$|^(https?:\/\/)?\[[\da-f:.]+\](:\d+)?\/?$|^unixs?:\/\/\S+$/i;

function expectEndpoint(endpoint: string): void {
  if (ENDPOINT.test(endpoint)) return;
  throw new TsukubeError(
    "usage",
    `Cannot use etcd at "${endpoint}": not the URL of a server, expected such as https://10.0.0.1:2379`,
  );
}

/** What a new cluster's record says of its etcd. @throws {TsukubeError} `failed` when no server answers. */
export async function newEtcd({ progress }: CommandContext, wanted: EtcdRecord): Promise<EtcdRecord> {
  const servers = await askServers(wanted);
  const state = stateOf(servers);
  if (state === undefined) throw servers[0]!.error!;
  for (const { error } of servers) if (error !== undefined) progress.say(error.message);
  return { ...wanted, clusterId: state.clusterId };
}

/** @throws {TsukubeError} `usage` when a cluster that keeps its objects in a file shall have etcd. */
export function expectEtcd(record: ClusterRecord, wanted: EtcdRecord | undefined): void {
  if (wanted !== undefined && record.etcd === undefined) throw otherStore(record, "a file of its own", "");
}

/** Remembers where the servers of a cluster's etcd are now; its objects do not move by a flag. @throws {TsukubeError} `usage`. */
export async function withEtcd(
  { paths, progress }: CommandContext,
  record: ClusterRecord,
  wanted: EtcdRecord | undefined,
): Promise<ClusterRecord> {
  if (wanted === undefined || record.etcd === undefined) return record;
  const { clusterId, ...known } = record.etcd;
  if (isDeepStrictEqual(known, wanted)) return record;
  const servers = await askServers(wanted);
  const found = stateOf(servers)?.clusterId;
  if (found === undefined) throw servers[0]!.error!;
  const before = known.endpoints.join(", ");
  const expected = clusterId ?? stateOf(await askServers(known))?.clusterId;
  if (expected !== found) {
    const id = expected === undefined ? "which does not answer" : `cluster ${expected}`;
    throw otherStore(
      record,
      `etcd at ${before} (${id})`,
      ` and not in cluster ${found} at ${wanted.endpoints.join(", ")}`,
    );
  }
  const next = { ...record, etcd: { ...wanted, clusterId: found } };
  await writeClusterRecord(paths, next);
  progress.say(`The etcd of cluster "${paths.name}" is at ${wanted.endpoints.join(", ")} now, no longer at ${before}.`);
  return next;
}

const IF_RESTORED = 'if that was restored from a backup of it, go on with "--etcd-restored"; otherwise ';

function otherStore(record: ClusterRecord, present: string, not: string): TsukubeError {
  return new TsukubeError(
    "usage",
    `Cannot start cluster "${record.name}": it keeps its objects in ${present}${not}, expected the same; ${record.etcd === undefined ? "" : IF_RESTORED}use "down --purge" to begin anew, or another --name`,
  );
}

/** Says which servers of a cluster's etcd do not answer, before somebody waits for them. @throws {TsukubeError} `usage` when one is of another cluster, or was put back to what it was. */
export async function lookAtEtcd({ paths, progress }: CommandContext, record: ClusterRecord): Promise<void> {
  if (record.etcd === undefined) return;
  const servers = await askServers(record.etcd);
  const found = stateOf(servers);
  const { clusterId = found?.clusterId, endpoints } = record.etcd;
  const at = endpoints.join(", ");
  if (found !== undefined && found.clusterId !== clusterId)
    throw otherStore(
      record,
      `etcd cluster ${clusterId}`,
      ` and not in cluster ${found.clusterId}, which is at ${at} now`,
    );
  const { seen } = await readEtcdProgress(paths);
  if (found !== undefined && found.revision < seen)
    throw otherStore(record, `etcd at ${at}`, `, which was at revision ${seen} and is at ${found.revision} now`);
  if (found !== undefined && record.etcd.clusterId === undefined)
    await writeClusterRecord(paths, { ...record, etcd: { ...record.etcd, clusterId: found.clusterId } });
  for (const { error } of servers) if (error !== undefined) progress.say(error.message);
  if (found === undefined)
    progress.say(
      `No server of etcd answers. The control plane tries again until one does, and "up" waits for that a while: Ctrl-C ends the wait, "tsukube down" the control plane, "up --etcd URL" names other servers.`,
    );
}
