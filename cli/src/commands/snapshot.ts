import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { sameForm } from "@tsukube/apiserver";
import { codeOf, formatTime, TsukubeError } from "@tsukube/foundation";
import type { StoredRecord } from "@tsukube/store";
import { type Lost, readSnapshot, restoreFile, restoreInto, salvageFile, saveFile } from "@tsukube/store/snapshots";
import { readerIn } from "../cluster/bundle-threads.ts";
import { alone } from "../cluster/command-lock.ts";
import { openEncryption } from "../cluster/encryption.ts";
import { etcdForCommand, etcdOptions, orRestored, sameEtcd } from "../cluster/etcd-access.ts";
import { type ClusterPaths, filesOf } from "../cluster/paths.ts";
import { type ClusterRecord, type EtcdRecord, knownCluster } from "../cluster/record.ts";
import { storeFile } from "../cluster/store-file.ts";
import { holding, isServed, withStoreFile } from "../cluster/store-reading.ts";
import { bundleFolder } from "../cluster/supervisor.ts";
import type { CommandContext } from "./context.ts";
import { etcdRecord, expectEtcd } from "./etcd-flags.ts";
import { upCommand } from "./up-command.ts";

/** Saves all objects at one revision. Secrets lie in the file as they lie in the store. */
export async function saveSnapshot(context: CommandContext, name: string): Promise<void> {
  const { paths, clock, print } = context;
  const file = resolve(name);
  const record = await knownCluster(context.paths);
  const about = { cluster: paths.name, time: formatTime(clock.now()) };
  const saved =
    record.etcd === undefined
      ? await withStoreFile(record, context, (from) => saveFile(from, file, about, readerIn(bundleFolder())))
      : await saveFromEtcd(record.etcd, file, about);
  print(
    `Saved ${saved.records} objects of cluster "${paths.name}" at revision ${saved.revision} to ${file} (${size(saved.bytes)}).`,
  );
}

/** Saves what is whole of a store that is damaged, and names what is not. */
export async function salvageSnapshot(context: CommandContext, name: string): Promise<void> {
  const { paths, clock, print } = context;
  const file = resolve(name);
  const record = await knownCluster(paths);
  if (record.etcd !== undefined) {
    throw new TsukubeError(
      "usage",
      `Cannot salvage cluster "${paths.name}": an etcd keeps its objects, expected a file of its own; etcd's own "etcdutl snapshot" is for that`,
    );
  }
  await alone(filesOf(paths).commandLock, context, async () => {
    expectStopped(paths, "salvage");
    const about = { cluster: paths.name, time: formatTime(clock.now()) };
    const encryption = await openEncryption(record, paths);
    const form = encryption.over(sameForm);
    const isReadable = async (stored: StoredRecord): Promise<boolean> => {
      try {
        await form.read(stored.key, stored);
        return true;
      } catch (error) {
        if (codeOf(error) === "undecryptable") return false;
        throw error;
      }
    };
    const reader = readerIn(bundleFolder());
    const { saved, lost, unreadable } = await holding(paths, () =>
      salvageFile(storeFile(paths), file, about, isReadable, reader),
    ).finally(() => encryption.close());
    print(
      `Saved ${saved.records} objects of cluster "${paths.name}" that are whole to ${file} (${size(saved.bytes)}).`,
    );
    for (const line of [...leftOut(lost), ...undecryptable(unreadable)]) print(line);
    if (lost.keys.length + lost.entries + unreadable.length === 0 && !lost.isOutdated) return;
    print(`To go on with what is whole: tsukube snapshot restore --name ${paths.name} ${file}`);
  });
}

function leftOut({ keys, entries, isOutdated }: Lost): readonly string[] {
  const named = keys.length === 0 ? [] : [`Damaged and left out (${keys.length}):`, ...keys.map((key) => `  ${key}`)];
  if (isOutdated) return [...named, "The file is not what was written last: what is saved may be older than that."];
  if (entries > 0) {
    const beside = " (of these objects, of the past, or of objects that nothing names)";
    return [...named, `Entries of the file that cannot be read: ${entries}${beside}.`];
  }
  return keys.length === 0 ? ["Nothing is damaged."] : named;
}

function undecryptable(keys: readonly string[]): readonly string[] {
  if (keys.length === 0) return [];
  return [
    `Left out, since no key in the encryption configuration opens them (${keys.length}):`,
    ...keys.map((key) => `  ${key}`),
  ];
}

function expectStopped(paths: ClusterPaths, action: string): void {
  if (!isServed(paths)) return;
  throw new TsukubeError(
    "usage",
    `Cannot ${action} cluster "${paths.name}": it runs, expected it stopped; run "tsukube down --name ${paths.name}" first`,
  );
}

/** Brings a snapshot's objects back in place of all that are there. @param endpoints Of another etcd, which is reached as the one before. */
export async function restoreSnapshot(
  context: CommandContext,
  name: string,
  endpoints: readonly string[] | undefined,
): Promise<void> {
  const { paths, print } = context;
  const file = resolve(name);
  const record = await knownCluster(context.paths);
  const wanted = etcdRecord({ etcd: endpoints });
  expectEtcd(record, wanted);
  await alone(filesOf(paths).commandLock, context, async () => {
    expectStopped(paths, "restore");
    const path = storeFile(paths);
    const restored =
      record.etcd === undefined
        ? await holding(paths, () => restoreFile(file, path, readerIn(bundleFolder())))
        : await restoreEtcd(context, record, { ...record.etcd, ...wanted }, file);
    print(
      `Restored ${restored.records} objects of ${restored.time} (cluster "${restored.cluster}", revision ${restored.revision}).`,
    );
    if (existsSync(`${path}.replaced`)) print(`What was there before is in ${path}.replaced.`);
    print(`Start it with: ${upCommand(paths, record)}`);
  });
}

/** Says what a snapshot holds. Reads all of it. */
export async function snapshotStatus({ print }: CommandContext, name: string, output: "text" | "json"): Promise<void> {
  const kinds = new Map<string, number>();
  const summary = await readSnapshot(resolve(name), ({ key }) => {
    const [place = key, below = ""] = key.split("/").slice(2, -1);
    const kind = place.includes(".") ? `${below}.${place}` : place;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  });
  if (output === "json") {
    print(JSON.stringify({ ...summary, kinds: Object.fromEntries(kinds) }, undefined, 2));
    return;
  }
  print(
    `Whole: ${summary.records} objects of cluster "${summary.cluster}" at revision ${summary.revision}, saved ${summary.time}`,
  );
  print(`${size(summary.bytes)}, SHA-256 ${summary.sha256}`);
  for (const [kind, count] of [...kinds].sort(([, a], [, b]) => b - a)) print(`${String(count).padStart(7)}  ${kind}`);
}

async function saveFromEtcd(
  record: EtcdRecord,
  file: string,
  about: { readonly cluster: string; readonly time: string },
) {
  const { saveEtcd } = await import("@tsukube/store/etcd-snapshot");
  return saveEtcd(sameEtcd(record), file, about).catch((error: unknown) => {
    throw orRestored(error);
  });
}

/** Into the etcd that answers there, which is the cluster's from then on. */
async function restoreEtcd(context: CommandContext, record: ClusterRecord, etcd: EtcdRecord, file: string) {
  const { clusterId: _, ...anyEtcd } = etcd;
  const store = await etcdForCommand(anyEtcd);
  try {
    const [{ etcdState }, { goOn, noteEtcd }] = await Promise.all([
      import("@tsukube/store/etcd"),
      import("./restored-etcd.ts"),
    ]);
    const restored = await restoreInto(store, file, ({ revision }) => goOn(context, etcd, revision));
    const { clusterId, revision } = await etcdState(etcdOptions(etcd));
    await noteEtcd(context, { ...record, etcd: { ...etcd, clusterId } }, revision);
    return restored;
  } finally {
    await store.close();
  }
}

function size(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
