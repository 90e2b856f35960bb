import { systemRandom } from "@tsukube/host";
import { rotateKey } from "../cluster/encryption.ts";
import { knownCluster } from "../cluster/record.ts";
import type { CommandContext } from "./context.ts";

/** Puts a new key in front: a running server sees it within seconds, a stopped one when it starts. */
export async function rotateEncryption({ paths, print }: CommandContext): Promise<void> {
  const record = await knownCluster(paths);
  const name = await rotateKey(record, paths, systemRandom);
  print(`Secrets are written with ${name} from now on; those that lie there are written again by the running server.`);
}
