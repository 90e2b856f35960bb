import { spawn } from "node:child_process";
import { once } from "node:events";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { filesOf } from "../cluster/paths.ts";
import { readClusterRecord } from "../cluster/record.ts";
import type { CommandContext } from "./context.ts";

/** Runs the kubectl on PATH against the cluster. @returns its exit code. */
export async function kubectl({ paths }: CommandContext, args: readonly string[]): Promise<number> {
  if ((await readClusterRecord(paths)) === undefined) {
    throw new TsukubeError(
      "not-found",
      `Cannot reach cluster "${paths.name}": it does not exist, expected one; start it with "tsukube up"`,
    );
  }
  const env = { ...process.env, KUBECONFIG: filesOf(paths).kubeconfig };
  const child = spawn(process.env["TSUKUBE_KUBECTL"] ?? "kubectl", [...args], { stdio: "inherit", env });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code ?? 1;
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new TsukubeError(
      "not-found",
      "Cannot run kubectl: not found, expected it on PATH; install it, or name it with TSUKUBE_KUBECTL",
      { cause: error },
    );
  }
}
