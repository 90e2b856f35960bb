import { TsukubeError } from "@tsukube/foundation";
import { systemRandom } from "@tsukube/host";
import { rotateKey } from "../cluster/encryption.ts";
import { readClusterRecord } from "../cluster/record.ts";
import type { CommandContext } from "./context.ts";

/** Puts a new key in front: a running server sees it within seconds, a stopped one when it starts. */
export async function rotateEncryption({ paths, print }: CommandContext): Promise<void> {
  const record = await readClusterRecord(paths);
  if (record === undefined) {
    throw new TsukubeError(
      "not-found",
      `Cannot find cluster "${paths.name}": no such cluster, expected one made by "tsukube up --name ${paths.name}"`,
    );
  }
  const name = await rotateKey(record, paths, systemRandom);
  print(`Secrets are written with ${name} from now on; those that lie there are written again by the running server.`);
}
