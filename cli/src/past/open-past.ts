import { type StoredForm, sameForm, upstreamForm } from "@tsukube/apiserver";
import type { StoredRecord } from "@tsukube/store";
import { expectWhole, openPast, type Past } from "@tsukube/store/past";
import { readerIn } from "../cluster/bundle-threads.ts";
import { openEncryption } from "../cluster/encryption.ts";
import { etcdForCommand } from "../cluster/etcd-access.ts";
import type { ClusterPaths } from "../cluster/paths.ts";
import { type ClusterRecord, type EtcdRecord, knownCluster } from "../cluster/record.ts";
import { isServed, withStoreFile } from "../cluster/store-reading.ts";
import { bundleFolder } from "../cluster/supervisor.ts";
import type { CommandContext } from "../commands/context.ts";
import { etcdRevisionAt } from "./etcd-times.ts";

/** Shows the past of a cluster's objects, as the JSON that the API server made of them. @throws {TsukubeError} `not-found`. */
export async function withPast(context: CommandContext, work: (past: Past) => Promise<void>): Promise<void> {
  const { paths } = context;
  const record = await knownCluster(paths);
  if (record.etcd === undefined) {
    const isCopy = isServed(paths); // of what a server looked at when it opened it
    await withStoreFile(record, context, async (file) => {
      if (!isCopy) await expectWhole(file, readerIn(bundleFolder()));
      await shown(record, paths, openPast(file), sameForm, work);
    });
  } else
    await shown(record, paths, await etcdPast(record.etcd), upstreamForm, (past) =>
      work({ ...past, revisionAt: (time) => etcdRevisionAt(past, time) }),
    );
}

async function shown(
  record: ClusterRecord,
  paths: ClusterPaths,
  past: Past,
  form: StoredForm,
  work: (past: Past) => Promise<void>,
): Promise<void> {
  try {
    const encryption = await openEncryption(record, paths);
    try {
      await work(readable(past, encryption.over(form)));
    } finally {
      encryption.close();
    }
  } finally {
    await past.close();
  }
}

async function etcdPast(record: EtcdRecord): Promise<Past> {
  const store = await etcdForCommand(record);
  return {
    revision: store.revision,
    oldest: 0, // etcd says it when it is asked for something older
    // to etcd, 0 is the present
    get: async (key, revision) => (revision === 0 ? undefined : store.get(key, { revision })),
    range: async (prefix, revision) => (revision === 0 ? [] : (await store.range(prefix, { revision })).records),
    revisionAt: async () => 0, // who can read values finds it in them
    timeOf: () => undefined,
    close: () => store.close(),
  };
}

function readable(past: Past, form: StoredForm): Past {
  const read = async (record: StoredRecord): Promise<StoredRecord | undefined> => {
    const plain = await form.read(record.key, record);
    return plain && { ...record, ...plain };
  };
  return {
    revision: past.revision,
    oldest: past.oldest,
    get: async (key, revision) => {
      const record = await past.get(key, revision);
      return record && read(record);
    },
    range: async (prefix, revision) => {
      const records = await Promise.all((await past.range(prefix, revision)).map(read));
      return records.filter((record) => record !== undefined);
    },
    revisionAt: (time) => past.revisionAt(time),
    timeOf: (revision) => past.timeOf(revision),
    close: () => past.close(),
  };
}
