import { rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { pid } from "node:process";
import { STORE_COPY_PATH } from "@tsukube/apiserver/store-copy";
import { TsukubeError } from "@tsukube/foundation";
import { lockHolder } from "@tsukube/host";
import type { CommandContext } from "../commands/context.ts";
import { adminTransport, isReady, waitUntil } from "./api.ts";
import { alone } from "./command-lock.ts";
import { type ClusterPaths, filesOf } from "./paths.ts";
import type { ClusterRecord } from "./record.ts";
import { storeFile } from "./store-file.ts";
import { holdStore } from "./store-hold.ts";
import { supervisorOf } from "./supervisor.ts";

const START_MS = 30_000;

/** Whether a server has the cluster's store open, or will in a moment. */
export function isServed(paths: ClusterPaths): boolean {
  return supervisorOf(paths, "server") !== undefined || lockHolder(filesOf(paths).lock("server")) !== undefined;
}

/**
 * Shows `read` a file with what a cluster's store holds: its own while nothing serves it, otherwise a copy of now that the server hands out,
 * since nobody else may open the file then.
 */
export async function withStoreFile<T>(
  record: ClusterRecord,
  context: Pick<CommandContext, "paths" | "clock" | "progress">,
  read: (file: string) => Promise<T>,
): Promise<T> {
  const file = storeFile(context.paths);
  if (!isServed(context.paths))
    return alone(filesOf(context.paths).commandLock, context, () => holding(context.paths, () => read(file)));
  const copy = `${file}.reading-${pid}`;
  try {
    await download(record, context, copy);
    return await read(copy);
  } finally {
    for (const left of [copy, `${copy}-lock`]) rmSync(left, { force: true });
  }
}

/** Does something to a store's file that nobody else may have meanwhile. @throws {TsukubeError} `unusable`. */
export async function holding<T>(paths: ClusterPaths, work: () => Promise<T>): Promise<T> {
  const release = await holdStore(paths);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function download(
  record: ClusterRecord,
  { paths, clock }: Pick<CommandContext, "paths" | "clock">,
  to: string,
): Promise<void> {
  const transport = await adminTransport(paths, record);
  const file = await open(to, "w", 0o600); // before the request: an answer is read at once, or it is lost
  const logs = async (): Promise<string> => `see the logs in ${filesOf(paths).logs}`;
  try {
    await waitUntil("the API server", () => isReady(transport, clock), clock, START_MS, logs);
    const { status, body } = await transport.request({ method: "GET", path: STORE_COPY_PATH, headers: {} });
    for await (const piece of body instanceof Uint8Array ? [body] : body) await file.appendFile(piece);
    if (status === 200) return;
    throw new TsukubeError(
      "failed",
      `Cannot copy the store of cluster "${paths.name}": GET ${STORE_COPY_PATH} answered ${status}, expected 200; ${await logs()}`,
    );
  } finally {
    await file.close();
    await transport.close();
  }
}
