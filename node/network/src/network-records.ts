import { existsSync, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readRecord } from "@tsukube/host";
import type { Attachment, Network, PublishedPort } from "@tsukube/node-contracts";

/** Where the names of containers are answered at the gateways of networks; 53 may be another's. */
export const NAME_PORT = 1053;

/** What leads from the host to a container. */
export interface PortRecord {
  readonly containerId: string;
  readonly ports: readonly PublishedPort[];
}

/** Networks and attachments as their records say, for another process than the one that writes them. */
export class NetworkRecords {
  readonly #folder: string;
  #networks: readonly Network[] = [];
  #attachments: readonly Attachment[] = [];
  #reading: Promise<void> = Promise.resolve();

  /** @param folder As {@link ContainerNetworksOptions} has it. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  get networks(): readonly Network[] {
    return this.#networks;
  }

  get attachments(): readonly Attachment[] {
    return this.#attachments;
  }

  /** Reads them now and after each change, one reading at a time. @returns what ends it. */
  async follow(onChange: () => void): Promise<() => void> {
    const again = (): void => {
      this.#reading = this.#reading.then(() => this.#read()).then(onChange, () => {}); // half a change: the next one comes
    };
    const kinds = ["networks", "attachments"].map((kind) => join(this.#folder, kind));
    const watchers = kinds.filter((folder) => existsSync(folder)).map((folder) => watch(folder, again));
    again();
    await this.#reading;
    return () => {
      for (const watcher of watchers) watcher.close();
    };
  }

  async #read(): Promise<void> {
    this.#networks = await this.#all<Network>("networks");
    this.#attachments = await this.#all<Attachment>("attachments");
  }

  async #all<T>(kind: string): Promise<readonly T[]> {
    return readRecords<T>(join(this.#folder, kind));
  }
}

/** The records in a folder, which may be missing. @param onDamaged Told of each that cannot be read. */
export async function readRecords<T>(
  folder: string,
  onDamaged: (name: string) => Promise<void> = async () => {},
): Promise<readonly T[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith("."));
  const records = await Promise.all(
    names.map(async (name) => {
      const record = await readRecord<T>(join(folder, name)).catch(() => undefined);
      if (record === undefined) await onDamaged(name);
      return record;
    }),
  );
  return records.filter((record) => record !== undefined) as readonly T[];
}
