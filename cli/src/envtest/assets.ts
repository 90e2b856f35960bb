import { accessSync, constants, realpathSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { writeAtomically } from "@tsukube/host";
import { MEMORY_FLAGS } from "../cluster/memory-flags.ts";

/** Writes what envtest starts. The folder's path is all that is printed, for KUBEBUILDER_ASSETS=$(…). */
export async function writeAssets(folder: string): Promise<void> {
  const place = resolve(folder);
  await mkdir(place, { recursive: true });
  const own = [process.execPath, ...MEMORY_FLAGS.server, resolve(process.argv[1] ?? ""), "envtest"];
  await writeLauncher(place, "etcd", [...own, "etcd"]);
  await writeLauncher(place, "kube-apiserver", [...own, "kube-apiserver"]);
  const kubectl = kubectlOutside(place);
  if (kubectl !== undefined) await writeLauncher(place, "kubectl", [kubectl]);
  else
    process.stderr.write(
      "tsukube: no kubectl is on PATH, so none was written; install it and write the folder again\n",
    );
  process.stdout.write(`${place}\n`);
}

async function writeLauncher(folder: string, name: string, command: readonly string[]): Promise<void> {
  const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  await writeAtomically(join(folder, name), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
}

/** The folder may be on PATH itself. */
function kubectlOutside(folder: string): string | undefined {
  const folders = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((one) => one !== "" && real(one) !== real(folder));
  return folders.map((one) => resolve(one, "kubectl")).find(isProgram);
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
