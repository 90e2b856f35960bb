import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { upstreamForm } from "@tsukube/apiserver";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { openEncryption } from "../cluster/encryption.ts";
import { etcdForCommand, etcdOptions } from "../cluster/etcd-access.ts";
import { readEtcdProgress, writeEtcdProgress } from "../cluster/etcd-progress.ts";
import { askServers, stateOf } from "../cluster/etcd-servers.ts";
import { filesOf } from "../cluster/paths.ts";
import { readCredentials } from "../cluster/read-credentials.ts";
import { type ClusterRecord, type EtcdRecord, writeClusterRecord } from "../cluster/record.ts";
import { stopProcess } from "../cluster/supervisor.ts";
import type { CommandContext } from "./context.ts";

/** Goes on with what a cluster's etcd was put back to. @param wanted Where it is now, if not where it was. @throws {TsukubeError} `usage`. */
export async function withRestoredEtcd(
  context: CommandContext,
  record: ClusterRecord,
  wanted: EtcdRecord | undefined,
): Promise<ClusterRecord> {
  const { paths, clock, progress } = context;
  const { clusterId: _, ...where } = wanted ?? record.etcd ?? noEtcd(record);
  const servers = await askServers(where);
  const state = stateOf(servers);
  if (state === undefined) throw servers[0]!.error!;
  const next = { ...record, etcd: { ...where, clusterId: state.clusterId } };
  await expectOwnObjects(context, next);
  await stopProcess(paths, "server", clock);
  const before = state.revision;
  const { told } = await readEtcdProgress(paths);
  // of the etcd that it was: who is interrupted has to be told again. Another one is not taken for it before it is noted
  if (state.clusterId === record.etcd?.clusterId) await writeEtcdProgress(paths, { seen: told, told });
  const now = await goOn(context, next.etcd);
  await noteEtcd(context, next, now);
  progress.say(
    `Cluster "${paths.name}" goes on with what its etcd was restored to: it was at revision ${before} and is at ${now} now, past all that anybody was told before.`,
  );
  return next;
}

/** Has the revisions of an etcd that is not what it was go on after all that anybody was told of. @returns where it is then. */
export async function goOn({ paths, progress }: CommandContext, etcd: EtcdRecord, atLeast = 0): Promise<number> {
  const { goOnAfter } = await import("@tsukube/store/etcd-revisions");
  const told = Math.max((await readEtcdProgress(paths)).told, atLeast);
  return progress.step(`leaving out revisions up to ${told}`, (update) =>
    goOnAfter(etcdOptions(etcd), told, (at) => update(String(at))),
  );
}

/** Takes an etcd as the cluster's from now on, at least at `revision`. */
export async function noteEtcd({ paths }: CommandContext, record: ClusterRecord, revision: number): Promise<void> {
  await writeClusterRecord(paths, record);
  await writeEtcdProgress(paths, { seen: revision, told: revision });
}

/** What names the authority that a cluster's certificates come from. Any of it may have been deleted. */
const MARKS = [
  "/registry/configmaps/kube-public/cluster-info",
  "/registry/configmaps/kube-system/extension-apiserver-authentication",
  ...["kube-system", "default", "kube-public"].map((namespace) => `/registry/configmaps/${namespace}/kube-root-ca.crt`),
];

async function expectOwnObjects(
  { paths }: CommandContext,
  record: ClusterRecord & { etcd: EtcdRecord },
): Promise<void> {
  const { ca } = await readCredentials(filesOf(paths).pki);
  const store = await etcdForCommand(record.etcd);
  const encryption = await openEncryption(record, paths);
  const unreadable: unknown[] = [];
  const isOwn = async (key: string): Promise<boolean> => {
    const found = await store.get(key);
    try {
      const plain = found && (await encryption.over(upstreamForm).read(key, found));
      return plain !== undefined && namesAuthority(plain.value, ca.cert);
    } catch (error) {
      unreadable.push(error);
      return false;
    }
  };
  try {
    for (const key of MARKS) if (await isOwn(key)) return;
    const { records } = await store.range("/registry/", { limit: 1 });
    const there = records.length === 0 ? "there are none" : "those there do not name its authority";
    const why = unreadable.length === 0 ? "" : ` (${messageOf(unreadable[0])})`;
    throw new TsukubeError(
      "usage",
      `Cannot go on with etcd at ${record.etcd.endpoints.join(", ")}: cluster "${record.name}" expected its own objects there and ${there}${why}; restore its backup first`,
    );
  } finally {
    encryption.close();
    await store.close();
  }
}

/** @param value A ConfigMap as JSON. @param cert PEM. */
function namesAuthority(value: Uint8Array, cert: string): boolean {
  const { data } = JSON.parse(Buffer.from(value).toString()) as ConfigMap;
  const wanted = cert.trim();
  const encoded = Buffer.from(cert).toString("base64");
  return Object.values(data ?? {}).some((text) => text.includes(wanted) || text.includes(encoded));
}

function noEtcd({ name }: ClusterRecord): never {
  throw new TsukubeError(
    "usage",
    `Cannot take --etcd-restored: cluster "${name}" keeps its objects in a file of its own, expected an etcd; "tsukube snapshot restore" is for that`,
  );
}
