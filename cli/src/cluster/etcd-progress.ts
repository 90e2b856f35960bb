import { closeSync, constants, mkdirSync, openSync, writeSync } from "node:fs";
import { type Cancel, type Clock, type Logger, messageOf } from "@tsukube/foundation";
import { readIfPresent, readRecord, writeRecord } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";

/** How far the revisions of a cluster's etcd went, as far as this host knows. */
export interface EtcdProgress {
  /** It certainly was there. */
  readonly seen: number;
  /** Nobody was told of one that is newer. */
  readonly told: number;
}

/** What is noted ahead, so that nobody waits for a note; a part of it before the rest is used up. */
const AHEAD = 5000;
const NONE: EtcdProgress = { seen: 0, told: 0 };

export async function readEtcdProgress(paths: ClusterPaths): Promise<EtcdProgress> {
  const { etcdProgress, etcdRevision } = filesOf(paths);
  const { seen, told } = (await readRecord<EtcdProgress>(etcdProgress)) ?? NONE;
  const text = (await readIfPresent(etcdRevision))?.toString("latin1") ?? "";
  const newest = /^\d{20}\n$/.test(text) ? Number(text) : 0;
  return { seen: Math.max(seen, newest), told: Math.max(told, newest) };
}

export function writeEtcdProgress(paths: ClusterPaths, progress: EtcdProgress): Promise<void> {
  return writeRecord(filesOf(paths).etcdProgress, progress);
}

/** An etcd that is put back to what it was less than this before the machine lost its power may be taken for the one that it was. */
const NOTE_EVERY_MS = 1000;

/**
 * Notes how far an etcd is: it may be put back to a backup, and its revisions must not come again with other content. Each revision is given to the
 * kernel before anybody hears of it, which outlives this process; each second to the disk, which outlives the machine.
 */
export class EtcdProgressNote {
  readonly #paths: ClusterPaths;
  readonly #logger: Logger;
  readonly #stop: Cancel;
  #noted: EtcdProgress;
  #newest = 0;
  #file: number | undefined;
  #writing: Promise<void> | undefined;
  /** There is more to write than what is being written. */
  #isOutdated = false;
  #isFailing = false;

  constructor(paths: ClusterPaths, noted: EtcdProgress, clock: Clock, logger: Logger) {
    this.#paths = paths;
    this.#noted = noted;
    this.#logger = logger;
    const again = (): void => {
      if (this.#newest > this.#noted.seen) this.#note();
    };
    this.#stop = clock.every(NOTE_EVERY_MS, again, { background: true });
  }

  reach(revision: number): void {
    if (revision > this.#newest) this.#hold(revision);
    this.#newest = Math.max(this.#newest, revision);
    if (this.#newest + AHEAD / 2 > this.#noted.told && !this.#isFailing) this.#note();
  }

  /** Notes where it is when nobody is told any more. */
  async close(): Promise<void> {
    this.#stop();
    await this.#writing;
    if (this.#newest > 0) await this.#write({ seen: this.#newest, told: this.#newest });
    if (this.#file !== undefined) closeSync(this.#file);
  }

  /** Digits of one length, over those of before. */
  #hold(revision: number): void {
    try {
      this.#file ??= this.#open();
      writeSync(this.#file, `${String(revision).padStart(20, "0")}\n`, 0);
    } catch (error) {
      this.#failed(error);
    }
  }

  #open(): number {
    mkdirSync(this.#paths.state, { recursive: true });
    return openSync(filesOf(this.#paths).etcdRevision, constants.O_WRONLY | constants.O_CREAT, 0o600);
  }

  #note(): void {
    this.#isOutdated = this.#writing !== undefined;
    this.#writing ??= this.#writeNewest().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Again when it was asked for meanwhile. What fails is left to the next second. */
  async #writeNewest(): Promise<void> {
    do {
      this.#isOutdated = false;
      await this.#write({ seen: this.#newest, told: Math.max(this.#noted.told, this.#newest + AHEAD) });
    } while (this.#isOutdated && !this.#isFailing);
  }

  async #write(next: EtcdProgress): Promise<void> {
    try {
      await writeEtcdProgress(this.#paths, next);
      this.#noted = next;
      this.#isFailing = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (!this.#isFailing) this.#logger.error("cannot note how far etcd is", { error: messageOf(error) });
    this.#isFailing = true;
  }
}
