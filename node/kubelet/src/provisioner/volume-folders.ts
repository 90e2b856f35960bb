import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { removeTree } from "@tsukube/kernel";

/** The folders of the volumes of this node: each directly below one root, named as its volume. */
export class VolumeFolders {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  pathOf(name: string): string {
    return join(this.#root, name);
  }

  /** Makes the folder, open to every user: pods of any uid may be given it. The root is closed to users of the host. */
  async make(name: string): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    await mkdir(this.pathOf(name), { recursive: true });
    await chmod(this.pathOf(name), 0o777); // mkdir's mode is cut by the umask
  }

  /** Removes the folder with all that is in it. @throws {TsukubeError} `refused` for a path that is not the volume's own. */
  async remove(name: string, path: string): Promise<void> {
    if (path !== this.pathOf(name))
      throw new TsukubeError(
        "refused",
        `Cannot remove the folder of volume "${name}": it is at "${path}", expected "${this.pathOf(name)}"; remove what it holds, then its finalizer`,
      );
    await removeTree(path);
  }
}
