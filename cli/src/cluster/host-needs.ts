import { TsukubeError } from "@tsukube/foundation";
import { isAlive, lockHolder } from "@tsukube/host";
import type { CommandContext } from "../commands/context.ts";
import { installPackages, missingPrograms, NODE_PROGRAMS, ROOTLESS_PROGRAMS } from "../host-packages.ts";
import { filesOf } from "./paths.ts";

/**
 * What containers need of the host: root for those of pods, the distribution's packages, and that no other process has this engine.
 * @param what Is about to be started.
 */
export async function ensureHost({ isRoot, progress, paths }: CommandContext, what: "node" | "engine"): Promise<void> {
  if (!isRoot && what === "node") {
    throw new TsukubeError(
      "usage",
      'Cannot start a node: not root, expected root for containers; run it with sudo, or start the control plane alone with "tsukube up --no-node"',
    );
  }
  const other = lockHolder(filesOf(paths).lock(what === "node" ? "engine" : "node"));
  if (other !== undefined && isAlive(other.pid, other.startTime)) {
    throw new TsukubeError(
      "usage",
      what === "node"
        ? `Cannot start a node: "tsukube engine" has its engine (process ${other.pid}), expected nobody; end it, or use another --name`
        : `Cannot start an engine: the node of cluster "${paths.name}" has it already, at ${filesOf(paths).dockerSocket}; use that one, or another --name`,
    );
  }
  const missing = missingPrograms(isRoot ? NODE_PROGRAMS : ROOTLESS_PROGRAMS);
  if (!isRoot && missing.length > 0)
    throw new TsukubeError(
      "missing-programs",
      `Cannot start an engine: ${missing.map(({ program, why }) => `${program} (${why})`).join(", ")} not found, expected the packages ${missing.map((program) => program.package).join(", ")}; root can install them`,
    );
  if (missing.length > 0) await progress.step("preparing the host", (update) => installPackages(missing, update));
}
