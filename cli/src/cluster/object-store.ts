import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { encryptedStore, sameForm, upstreamForm } from "@tsukube/apiserver";
import { type Lifetime, type Logger, messageOf, TsukubeError } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { lmdbStore, type OpenStore } from "@tsukube/store";
import { followEncryption, openEncryption } from "./encryption.ts";
import { type ClusterPaths, filesOf } from "./paths.ts";
import type { ClusterRecord, EtcdRecord } from "./record.ts";

/** Opens what keeps a cluster's objects: a file of its own, or an etcd, with what is to be encrypted encrypted. */
export async function objectStore(
  record: ClusterRecord,
  paths: ClusterPaths,
  bundle: string,
  logger: Logger,
  lifetime: Lifetime,
): Promise<OpenStore> {
  const encryption = await openEncryption(record, paths);
  lifetime.add("encryption configuration", followEncryption(encryption, record, paths, realClock, logger));
  const form = record.etcd === undefined ? sameForm : upstreamForm;
  const open = record.etcd === undefined ? file(record, paths, bundle) : await etcd(record.etcd, record.historyMs);
  return encryptedStore(open, form, encryption, logger);
}

function file(record: ClusterRecord, paths: ClusterPaths, bundle: string): OpenStore {
  const readerCommand = readerIn(bundle);
  return lmdbStore({
    path: storeFile(paths),
    clock: realClock,
    ...(record.historyMs !== undefined && { historyMs: record.historyMs }),
    ...(record.historyMegabytes !== undefined && { historyBytes: record.historyMegabytes * 1024 * 1024 }),
    ...(readerCommand !== undefined && { readerCommand }),
  });
}

export function storeFile(paths: ClusterPaths): string {
  return join(filesOf(paths).store, "data.mdb");
}

/** How a bundle starts the child that reads a store's file; undefined when this runs from sources. */
export function readerIn(bundle: string): readonly string[] | undefined {
  const reader = join(bundle, "reader.js");
  return existsSync(reader) ? [process.execPath, reader] : undefined;
}

/** An etcd as it is: values as they lie there. */
export async function etcd(record: EtcdRecord, historyMs?: number): Promise<OpenStore> {
  const { etcdStore } = await import("@tsukube/store/etcd");
  const { endpoints, caFile, certFile, keyFile, user, passwordFile } = record;
  const tls = {
    ...(caFile !== undefined && { ca: read(caFile) }),
    ...(certFile !== undefined && { cert: read(certFile) }),
    ...(keyFile !== undefined && { key: read(keyFile) }),
  };
  const password = passwordFile === undefined ? "" : read(passwordFile).trimEnd();
  const history = historyMs === undefined ? {} : { historyMs };
  return etcdStore({
    endpoints,
    clock: realClock,
    tls,
    ...history,
    ...(user !== undefined && { user: { name: user, password } }),
  });
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new TsukubeError("usage", `Cannot use etcd: ${messageOf(cause)}, expected a readable file`, { cause });
  }
}
