import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { type Lifetime, TsukubeError } from "@tsukube/foundation";
import { type RunOptions, type RunResult, run } from "@tsukube/host";

const FOLDERS = ["/usr/local/bin", "/usr/bin", "/bin"];

/** The unmodified docker command: the machine's own, or that of Debian's package, unpacked once into the user's cache. */
export async function dockerBinary(): Promise<string> {
  const own = FOLDERS.map((folder) => join(folder, "docker")).find((path) => existsSync(path));
  if (own !== undefined) return own;
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tsukube");
  const unpacked = join(cache, "docker-client");
  const binary = join(unpacked, "usr/bin/docker");
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "tsukube-docker-"));
  try {
    // only downloaded: installed, it would start an engine of its own
    await run("apt-get", ["download", "docker.io"], { cwd: folder });
    const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
    if (archive === undefined)
      throw new TsukubeError("not-found", "Cannot find a docker client: apt-get downloaded nothing");
    await run("dpkg-deb", ["-x", join(folder, archive), `${unpacked}.new`]);
    renameSync(`${unpacked}.new`, unpacked);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return binary;
}

/** Runs docker against a socket, with a home of its own. @returns what it wrote, without the last newline. */
export async function dockerFor(lifetime: Lifetime, socket: string) {
  const binary = await dockerBinary();
  const home = mkdtempSync(join(tmpdir(), "tsukube-docker-home-"));
  lifetime.add("docker's home", () => rmSync(home, { recursive: true, force: true }));
  const env = { ...process.env, HOME: home, DOCKER_HOST: `unix://${socket}`, DOCKER_CONTEXT: undefined };
  const raw = (args: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
    run(binary, args, { env, ...options });
  const docker = async (...args: readonly string[]): Promise<string> => (await raw(args)).stdout.trimEnd();
  return { docker, raw, env, binary };
}
