import { type Logger, messageOf } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";

/** How far the revisions of a cluster's etcd went, as far as this host knows. */
export interface EtcdProgress {
  /** It certainly was there. */
  readonly seen: number;
  /** Nobody was told of one that is newer. */
  readonly told: number;
}

/** What is noted ahead, so that a note is rarely written; a part of it before the rest is used up. */
const AHEAD = 5000;
const NONE: EtcdProgress = { seen: 0, told: 0 };

export async function readEtcdProgress(paths: ClusterPaths): Promise<EtcdProgress> {
  return (await readRecord<EtcdProgress>(filesOf(paths).etcdProgress)) ?? NONE;
}

export function writeEtcdProgress(paths: ClusterPaths, progress: EtcdProgress): Promise<void> {
  return writeRecord(filesOf(paths).etcdProgress, progress);
}

/** Notes how far an etcd is: it may be put back to a backup, and its revisions must not come again with other content. */
export class EtcdProgressNote {
  readonly #paths: ClusterPaths;
  readonly #logger: Logger;
  #newest = 0;
  #told: number;
  #writing: Promise<void> | undefined;

  constructor(paths: ClusterPaths, { told }: EtcdProgress, logger: Logger) {
    this.#paths = paths;
    this.#told = told;
    this.#logger = logger;
  }

  reach(revision: number): void {
    this.#newest = Math.max(this.#newest, revision);
    if (this.#newest + AHEAD / 2 > this.#told) this.#writing ??= this.#write(this.#newest + AHEAD);
  }

  /** Notes where it is when nobody is told any more. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#newest > 0) await this.#write(this.#newest);
  }

  async #write(told: number): Promise<void> {
    this.#told = told;
    try {
      await writeEtcdProgress(this.#paths, { seen: this.#newest, told });
    } catch (error) {
      this.#logger.error("cannot note how far etcd is", { error: messageOf(error) });
    } finally {
      this.#writing = undefined;
    }
  }
}
