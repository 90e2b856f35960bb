import { lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { setTimes, shortName } from "@tsukube/kernel";

/** Sets the time of everything in a folder that is younger to `latest`, in seconds since the epoch: a build at another time gives the same. */
export async function ageFiles(folder: string, latest: number): Promise<void> {
  const limit = BigInt(latest) * 1_000_000_000n;
  using here = shortName(folder);
  for (const entry of await readdir(here.path, { withFileTypes: true })) {
    const path = `${here.path}/${entry.name}`;
    if (entry.isDirectory()) await ageFiles(path, latest);
    const status = lstatSync(path, { bigint: true });
    const isWhiteout = status.isCharacterDevice() && status.rdev === 0n; // they may be links to one that layers share
    if (!isWhiteout && status.mtimeNs > limit) setTimes(path, limit);
  }
}
