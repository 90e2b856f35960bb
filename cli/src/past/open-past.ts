import { type StoredForm, sameForm, upstreamForm } from "@tsukube/apiserver";
import { TsukubeError } from "@tsukube/foundation";
import type { StoredRecord } from "@tsukube/store";
import { openPast, type Past } from "@tsukube/store/past";
import { openEncryption } from "../cluster/encryption.ts";
import { etcd, storeFile } from "../cluster/object-store.ts";
import type { ClusterPaths } from "../cluster/paths.ts";
import { type EtcdRecord, readClusterRecord } from "../cluster/record.ts";

/** The past of a cluster's objects, as the JSON that the API server made of them. @throws {TsukubeError} `not-found`. */
export async function pastOf(paths: ClusterPaths): Promise<Past> {
  const record = await readClusterRecord(paths);
  if (record === undefined) {
    throw new TsukubeError(
      "not-found",
      `Cannot find cluster "${paths.name}": no such cluster, expected one made by "tsukube up --name ${paths.name}"`,
    );
  }
  const past = record.etcd === undefined ? openPast(storeFile(paths)) : await etcdPast(record.etcd);
  const encryption = await openEncryption(record, paths);
  return readable(past, encryption.over(record.etcd === undefined ? sameForm : upstreamForm), () => encryption.close());
}

async function etcdPast(record: EtcdRecord): Promise<Past> {
  const store = await (await etcd(record))(() => {});
  return {
    revision: store.revision,
    oldest: 0, // etcd says it when it is asked for something older
    // to etcd, 0 is the present
    get: async (key, revision) => (revision === 0 ? undefined : store.get(key, { revision })),
    range: async (prefix, revision) => (revision === 0 ? [] : (await store.range(prefix, { revision })).records),
    revisionAt: async () => {
      throw new TsukubeError("usage", "Cannot look back to a time: etcd knows revisions alone, expected a revision");
    },
    timeOf: () => undefined,
    close: () => store.close(),
  };
}

function readable(past: Past, form: StoredForm, close: () => void): Past {
  const shown = async (record: StoredRecord): Promise<StoredRecord | undefined> => {
    const read = await form.read(record.key, record);
    return read && { ...record, ...read };
  };
  return {
    revision: past.revision,
    oldest: past.oldest,
    get: async (key, revision) => {
      const record = await past.get(key, revision);
      return record && shown(record);
    },
    range: async (prefix, revision) => {
      const records = await Promise.all((await past.range(prefix, revision)).map(shown));
      return records.filter((record) => record !== undefined);
    },
    revisionAt: (time) => past.revisionAt(time),
    timeOf: (revision) => past.timeOf(revision),
    close: async () => {
      close();
      await past.close();
    },
  };
}
