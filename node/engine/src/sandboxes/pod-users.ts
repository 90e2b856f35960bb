import { chown, mkdir, rm } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import type { IdMapping, Mounts, Namespaces } from "@tsukube/kernel";
import type { NamespaceOption } from "@tsukube/node-contracts/cri";

/** The users of a sandbox that has some of its own. */
export interface PodUsers {
  /** The pinned namespace. */
  readonly path: string;
  /** Of users and groups alike. */
  readonly ids: readonly IdMapping[];
}

/**
 * What a sandbox is asked to map; undefined: it has the host's users.
 * @throws {TsukubeError} `unsupported` where groups are mapped otherwise than users.
 */
export function wantedIds(options: NamespaceOption | undefined): readonly IdMapping[] | undefined {
  const wanted = options?.usernsOptions ?? undefined;
  if (wanted?.mode !== "POD") return undefined;
  if (JSON.stringify(wanted.uids ?? []) !== JSON.stringify(wanted.gids ?? [])) {
    throw new TsukubeError(
      "unsupported",
      "Cannot run the sandbox: its users and groups are mapped differently, expected one mapping for both",
    );
  }
  return (wanted.uids ?? []).map(({ containerId = 0, hostId = 0, length = 0 }) => ({
    inside: containerId,
    outside: hostId,
    length,
  }));
}

/** Who the sandbox's root is outside. */
function rootOutside(ids: readonly IdMapping[]): number {
  return ids.find(({ inside }) => inside === 0)?.outside ?? 0;
}

/** Makes files the sandbox's own: its root may write them. */
export async function giveToRoot(paths: readonly string[], ids: readonly IdMapping[]): Promise<void> {
  const owner = rootOutside(ids);
  for (const path of paths) await chown(path, owner, owner);
}

/** Whether owners of files can be mapped on the file system of `folder`: without that users of their own are of no use. */
export async function canMapUsers(folder: string, mounts: Mounts, namespaces: Namespaces): Promise<boolean> {
  const scratch = `${folder}/users`;
  const [users, target] = [`${scratch}/namespace`, `${scratch}/target`];
  try {
    await rm(scratch, { recursive: true, force: true });
    await mkdir(target, { recursive: true });
    await namespaces.pin({ user: users }, "", [{ inside: 0, outside: 1, length: 1 }]);
    mounts.idmap(target, target, users);
    return true;
  } catch {
    return false;
  } finally {
    mounts.unmount(target);
    namespaces.unpin(users);
    await rm(scratch, { recursive: true, force: true });
  }
}
