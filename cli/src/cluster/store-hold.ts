import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { type ClusterPaths, filesOf } from "./paths.ts";

/**
 * Takes the folder of a cluster's store for this process: by a lock of the kernel, which also counts between containers that share the folder
 * and see neither each other's processes nor what is in /run. Where there is no flock(1), nothing is held.
 * @returns what gives it back; the end of the process does, too. @throws {TsukubeError} `unusable`.
 */
export async function holdStore(paths: ClusterPaths): Promise<() => Promise<void>> {
  const folder = filesOf(paths).store;
  return holdFolder(
    folder,
    `Cannot open the store of cluster "${paths.name}" in ${folder}: a process has it that is not seen from here, in another container perhaps, expected nobody; stop the cluster there`,
  );
}

/** The same of any folder. @param refusal What to say when somebody has it. */
export async function holdFolder(folder: string, refusal: string): Promise<() => Promise<void>> {
  // where there can be no folder, whoever opens the store says why
  const handle = await mkdir(folder, { recursive: true }).then(
    () => open(folder, constants.O_RDONLY),
    () => undefined,
  );
  if (handle === undefined) return async () => {};
  if (await isTaken(handle.fd)) {
    await handle.close();
    throw new TsukubeError("unusable", refusal);
  }
  return () => handle.close();
}

/** The lock belongs to what is open, and so to this process when flock has ended. */
async function isTaken(fd: number): Promise<boolean> {
  const flock = spawn("flock", ["-n", "3"], { stdio: ["ignore", "ignore", "ignore", fd] });
  try {
    const [code] = (await once(flock, "exit")) as [number | null];
    return code === 1;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
