import { hostname } from "node:os";
import { EncryptionMetrics, encryptedStore, sameForm, upstreamForm } from "@tsukube/apiserver";
import { codeOf, type Lifetime, type Logger, type Metrics, messageOf, TsukubeError } from "@tsukube/foundation";
import { type HealthCheck, realClock } from "@tsukube/host";
import { lmdbStore, type OpenStore } from "@tsukube/store";
import { readerIn } from "./bundle-threads.ts";
import { encryptionFile, followEncryption, openEncryption } from "./encryption.ts";
import { orRestored, sameEtcd } from "./etcd-access.ts";
import { EtcdProgressNote, readEtcdProgress } from "./etcd-progress.ts";
import type { ClusterPaths } from "./paths.ts";
import type { ClusterRecord, EtcdRecord } from "./record.ts";
import { hasServed, storeFile } from "./store-file.ts";

export interface ObjectStore {
  readonly open: OpenStore;
  /** Where a configuration was named that says how values are encrypted, or a KMS has the keys: whether the plugins are well. */
  readonly encryptionCheck?: HealthCheck;
}

/** What keeps a cluster's objects: a file of its own, or an etcd, with what is to be encrypted encrypted. @param leaving Aborts when the process is to end. */
export async function objectStore(
  record: ClusterRecord,
  paths: ClusterPaths,
  bundle: string,
  logger: Logger,
  metrics: Metrics,
  lifetime: Lifetime,
  leaving: AbortSignal,
): Promise<ObjectStore> {
  const encryptionMetrics = new EncryptionMetrics(metrics, realClock, hostname());
  const encryption = await openEncryption(record, paths, encryptionMetrics);
  lifetime.add(
    "encryption configuration",
    followEncryption(encryption, encryptionFile(record, paths), realClock, logger, encryptionMetrics),
  );
  const form = record.etcd === undefined ? sameForm : upstreamForm;
  const open =
    record.etcd === undefined
      ? file(record, paths, bundle, logger)
      : await etcd(record.etcd, record.historyMs, paths, logger, lifetime, leaving);
  return {
    open: namingRemedy(encryptedStore(open, form, encryption, logger), record, paths),
    ...((record.encryptionConfig !== undefined || encryption.usesKms) && {
      encryptionCheck: () => encryption.problem(),
    }),
  };
}

/** Says what to do about values that no key opens, and about another etcd. */
function namingRemedy(open: OpenStore, record: ClusterRecord, paths: ClusterPaths): OpenStore {
  return (visit) =>
    open(visit).catch((error: unknown) => {
      if (codeOf(error) !== "undecryptable") throw record.etcd === undefined ? error : orRestored(error);
      const file = encryptionFile(record, paths);
      const without =
        record.etcd === undefined
          ? ', or go on without what no key opens: "tsukube snapshot salvage" makes a snapshot of the rest'
          : "";
      throw new TsukubeError("undecryptable", `${messageOf(error)}; put it into ${file}${without}`);
    });
}

function file(record: ClusterRecord, paths: ClusterPaths, bundle: string, logger: Logger): OpenStore {
  const reader = readerIn(bundle);
  return lmdbStore({
    path: storeFile(paths),
    hasWritten: hasServed(paths),
    clock: realClock,
    onDamage(error) {
      logger.error("the store is damaged", { error: messageOf(error) });
      process.exit(1); // its start looks at everything, and says what to do
    },
    ...(record.historyMs !== undefined && { historyMs: record.historyMs }),
    ...(record.historyMegabytes !== undefined && { historyBytes: record.historyMegabytes * 1024 * 1024 }),
    ...(reader !== undefined && { reader }),
  });
}

/** An etcd as it is: values as they lie there. */
async function etcd(
  record: EtcdRecord,
  historyMs: number | undefined,
  paths: ClusterPaths,
  logger: Logger,
  lifetime: Lifetime,
  leaving: AbortSignal,
): Promise<OpenStore> {
  const { etcdStore } = await import("@tsukube/store/etcd");
  const progress = await readEtcdProgress(paths);
  const note = new EtcdProgressNote(paths, progress, realClock, logger);
  let isOpen = false;
  lifetime.add("etcd's progress", () => note.close());
  const open = etcdStore({
    ...sameEtcd(record),
    ...(historyMs !== undefined && { historyMs }),
    leaving,
    atLeast: progress.seen,
    onRevision: (revision) => note.reach(revision),
    onReplaced(error) {
      if (!isOpen) return;
      logger.error("etcd is not the one that it was", { error: messageOf(error) });
      void note.close().finally(() => process.exit(1)); // its start looks again, and says what to do
    },
  });
  return async (visit) => {
    const store = await open(visit);
    isOpen = true;
    return store;
  };
}
