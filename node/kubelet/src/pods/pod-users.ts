import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";
import { writeAtomically } from "@tsukube/host";
import type { IDMapping } from "@tsukube/node-contracts/cri";

/** How many users a pod has, and how far apart those of two pods are on the host. */
const LENGTH = 65_536;
/** Of ids there are 2^32; each cluster of a host has a part of them. */
export const MOST_POD_USERS = 512;
const FILE = "users.json";

interface Deps {
  /** A folder for each pod, by uid. */
  readonly folder: string;
  /** The host's first id for pods; a multiple of 65536, at least that. */
  readonly first: number;
}

/**
 * Gives pods of `hostUsers: false` (KEP-127) ids of the host that no other pod has, for as long as anything of them is there. Noted in the pod's folder:
 * what runs keeps its ids over restarts.
 */
export class PodUsers {
  readonly #deps: Deps;
  /** Numbers of ranges by uid. */
  readonly #taken = new Map<string, number>();

  constructor(deps: Deps) {
    this.#deps = deps;
    for (const uid of existsSync(deps.folder) ? readdirSync(deps.folder) : []) {
      const file = this.#file(uid);
      if (!existsSync(file)) continue;
      const { hostId } = JSON.parse(readFileSync(file, "utf8")) as { readonly hostId: number };
      this.#taken.set(uid, (hostId - deps.first) / LENGTH);
    }
  }

  /**
   * Whose the pod's users are outside; undefined: it has the host's.
   * @throws {TsukubeError} `config` when none are left.
   */
  async of(pod: Pod): Promise<readonly IDMapping[] | undefined> {
    if (pod.spec?.hostUsers !== false) return undefined;
    const uid = pod.metadata?.uid ?? "";
    const known = this.#taken.get(uid);
    const range = known ?? this.#free();
    const mapping = { containerId: 0, hostId: this.#deps.first + range * LENGTH, length: LENGTH };
    if (known === undefined) {
      this.#taken.set(uid, range);
      await mkdir(dirname(this.#file(uid)), { recursive: true, mode: 0o750 });
      await writeAtomically(this.#file(uid), JSON.stringify(mapping));
    }
    return [mapping];
  }

  forget(uid: string): void {
    this.#taken.delete(uid);
  }

  #free(): number {
    const taken = new Set(this.#taken.values());
    for (let range = 0; range < MOST_POD_USERS; range += 1) if (!taken.has(range)) return range;
    throw new TsukubeError(
      "config",
      `Cannot give the pod users of its own: ${MOST_POD_USERS} pods have some, expected fewer`,
    );
  }

  #file(uid: string): string {
    return join(this.#deps.folder, uid, FILE);
  }
}
