import { codeOf, TsukubeError } from "@tsukube/foundation";
import { filesOf } from "../cluster/paths.ts";
import { knownCluster } from "../cluster/record.ts";
import type { CommandContext } from "./context.ts";
import { runInTerminal } from "./in-terminal.ts";

/** Runs the kubectl on PATH against the cluster. @returns its exit code. */
export async function kubectl({ paths }: CommandContext, args: readonly string[]): Promise<number> {
  await knownCluster(paths);
  const env = { ...process.env, KUBECONFIG: filesOf(paths).kubeconfig };
  try {
    return await runInTerminal(process.env["TSUKUBE_KUBECTL"] ?? "kubectl", args, env);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new TsukubeError(
      "not-found",
      "Cannot run kubectl: not found, expected it on PATH; install it, or name it with TSUKUBE_KUBECTL",
      { cause: error },
    );
  }
}
