import { readFileSync } from "node:fs";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import type { Store } from "@tsukube/store";
import type { EtcdStoreOptions } from "@tsukube/store/etcd";
import type { EtcdRecord } from "./record.ts";

/** Says what to do about an etcd that is not the one that it was. */
export function orRestored(error: unknown): unknown {
  if (codeOf(error) !== "unusable") return error;
  const remedy = 'if it was restored from a backup, go on with "tsukube up --etcd-restored"';
  return new TsukubeError("unusable", `${messageOf(error)}; ${remedy}`, { cause: error });
}

/** The same for a command: nothing is read at first, and history is left to the servers. @throws {StoreError} `unavailable`, `unusable`. */
export async function etcdForCommand(record: EtcdRecord): Promise<Store> {
  const { connectEtcd } = await import("@tsukube/store/etcd");
  return connectEtcd({ ...sameEtcd(record), historyMs: 0 }).catch((error: unknown) => {
    throw orRestored(error);
  });
}

/** How the etcd is reached that it was, and no other. @throws {TsukubeError} `usage` when a file cannot be read. */
export function sameEtcd(record: EtcdRecord): EtcdStoreOptions {
  return { ...etcdOptions(record), ...(record.clusterId !== undefined && { clusterId: record.clusterId }) };
}

/** How an etcd is reached. @throws {TsukubeError} `usage` when a file cannot be read. */
export function etcdOptions(record: EtcdRecord): EtcdStoreOptions {
  const { endpoints, caFile, certFile, keyFile, user, passwordFile } = record;
  const tls = {
    ...(caFile !== undefined && { ca: read(caFile) }),
    ...(certFile !== undefined && { cert: read(certFile) }),
    ...(keyFile !== undefined && { key: read(keyFile) }),
  };
  const password = passwordFile === undefined ? "" : read(passwordFile).trimEnd();
  const login = user === undefined ? {} : { user: { name: user, password } };
  return { endpoints, clock: realClock, tls, ...login };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new TsukubeError("usage", `Cannot use etcd: ${messageOf(cause)}, expected a readable file`, { cause });
  }
}
