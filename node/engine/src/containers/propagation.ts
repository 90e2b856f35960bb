import { TsukubeError } from "@tsukube/foundation";
import type { Mount } from "@tsukube/node-contracts/cri";

const KINDS = { PROPAGATION_BIDIRECTIONAL: "rshared", PROPAGATION_HOST_TO_CONTAINER: "rslave" } as const;

/** What the mounts around a container must be while it is made (OCI runtime spec, rootfsPropagation), so that those in it can follow theirs. */
export function rootfsPropagation(mounts: readonly Mount[]): "rshared" | "rslave" | undefined {
  const kinds = new Set(mounts.map(kindOf));
  return kinds.has("rshared") ? "rshared" : kinds.has("rslave") ? "rslave" : undefined;
}

/**
 * What is mounted in a private mount nobody else sees.
 * @param mountinfo Of this process (proc(5)). @throws {TsukubeError} `invalid`.
 */
export function checkPropagation(mounts: readonly Mount[], mountinfo: () => string): void {
  const following = mounts.filter((mount) => kindOf(mount) !== undefined);
  if (following.length === 0) return;
  const all = mountinfo().trimEnd().split("\n").map(parsed);
  for (const { hostPath = "", propagation } of following) {
    const holder = all.findLast(
      ({ point }) => hostPath === point || hostPath.startsWith(point === "/" ? "/" : `${point}/`),
    );
    const isBoth = propagation === "PROPAGATION_BIDIRECTIONAL";
    if (holder === undefined || holder.isShared || (!isBoth && holder.isSlave)) continue;
    throw new TsukubeError(
      "invalid",
      `path ${hostPath} is mounted on ${holder.point} but it is not a shared${isBoth ? "" : " or slave"} mount; mount --make-shared ${holder.point} makes it one`,
    );
  }
}

function kindOf({ propagation }: Mount): "rshared" | "rslave" | undefined {
  return KINDS[propagation as keyof typeof KINDS];
}

/** Fields up to the "-" tell what a mount is of. */
function parsed(line: string) {
  const fields = line.split(" ");
  const kinds = fields.slice(6, fields.indexOf("-"));
  const point = (fields[4] ?? "").replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)));
  return {
    point,
    isShared: kinds.some((kind) => kind.startsWith("shared:")),
    isSlave: kinds.some((kind) => kind.startsWith("master:")),
  };
}
