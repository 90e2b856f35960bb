import { type Random, TsukubeError } from "@tsukube/foundation";
import type { ContainerStore } from "./container-store.ts";
import { randomName } from "./random-name.ts";

const NAME = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Names of containers: no two have the same, also while they are being made. */
export class ContainerNames {
  readonly #store: ContainerStore;
  readonly #random: Random;
  readonly #reserved = new Set<string>();

  constructor(store: ContainerStore, random: Random) {
    this.#store = store;
    this.#random = random;
  }

  /**
   * Gives a name to the container `id` while `work` writes it down.
   * @param asked A random one is found by default.
   * @throws {TsukubeError} `invalid`, `conflict`.
   */
  async reserving<T>(asked: string | undefined, id: string, work: (name: string) => Promise<T>): Promise<T> {
    const name = this.#reserve(asked, id);
    try {
      return await work(name);
    } finally {
      this.#reserved.delete(name);
    }
  }

  /** @throws {TsukubeError} `invalid` for what is no name. @param prefix Of the message. */
  check(asked: string, prefix = ""): void {
    if (NAME.test(asked)) return;
    throw new TsukubeError(
      "invalid",
      `${prefix}Invalid container name (${asked}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  }

  #reserve(asked: string | undefined, id: string): string {
    if (asked !== undefined) this.check(asked);
    const isTaken = (each: string): boolean => this.#reserved.has(each) || this.#store.named(each) !== undefined;
    const name = asked?.replace(/^\//, "") ?? randomName(this.#random, isTaken);
    if (isTaken(name)) throw nameConflict(name, this.#store.named(name)?.id ?? id);
    this.#reserved.add(name);
    return name;
  }
}

function nameConflict(name: string, id: string): TsukubeError {
  return new TsukubeError(
    "conflict",
    `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}
