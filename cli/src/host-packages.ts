import { existsSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/host";

/** A program that containers need, and the Debian package that has it. */
export interface HostProgram {
  readonly program: string;
  readonly package: string;
  readonly why: string;
}

/** What a node needs from the distribution. */
export const NODE_PROGRAMS: readonly HostProgram[] = [
  { program: "crun", package: "crun", why: "runs containers" },
  { program: "conmon", package: "conmon", why: "holds containers while Tsukube restarts" },
  { program: "nft", package: "nftables", why: "carries Services" },
  { program: "conntrack", package: "conntrack", why: "ends UDP flows to pods that are gone" },
  { program: "ip", package: "iproute2", why: "wires pod networks" },
  { program: "busybox", package: "busybox-static", why: "is the base image tsukube.local/busybox" },
  { program: "tini-static", package: "tini", why: "is the init process of containers that ask for one" },
  { program: "ps", package: "procps", why: "lists processes of containers" },
  { program: "xz", package: "xz-utils", why: "unpacks archives" },
  { program: "bzip2", package: "bzip2", why: "unpacks archives" },
  { program: "unshare", package: "util-linux", why: "makes namespaces" },
  { program: "mount", package: "mount", why: "mounts volumes" },
];

const SLIRP: HostProgram = {
  ...{ program: "slirp4netns", package: "slirp4netns", why: "leads networks without root to that of the machine" },
};

/** What an engine without root needs to make networks of containers. */
export const NETWORK_PROGRAMS: readonly HostProgram[] = [
  ...NODE_PROGRAMS.filter(({ program }) => ["nft", "ip"].includes(program)),
  SLIRP,
];

/** What it needs for the rest. */
export const ROOTLESS_PROGRAMS: readonly HostProgram[] = NODE_PROGRAMS.filter(
  ({ program }) => !["nft", "conntrack", "ip"].includes(program),
);

/** What the tests need besides. */
export const TEST_PROGRAMS: readonly HostProgram[] = [
  { program: "runc", package: "runc", why: "runs the engine's suite a second time" },
  { program: "docker-registry", package: "docker-registry", why: "is pulled from and pushed to" },
  { program: "etcd", package: "etcd-server", why: "keeps objects of several control planes" },
  { program: "strace", package: "strace", why: "shows what the store writes when" },
  { program: "docker-compose", package: "docker-compose", why: "drives Docker's API as its users do" },
  SLIRP,
  { program: "newuidmap", package: "uidmap", why: "gives users of the machine further ids" },
  { program: "mkfs.ext4", package: "e2fsprogs", why: "makes small file systems that fill up" },
];

const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** The programs that are not installed. */
export function missingPrograms(programs: readonly HostProgram[] = NODE_PROGRAMS): readonly HostProgram[] {
  return programs.filter(({ program }) => !FOLDERS.some((folder) => existsSync(`${folder}/${program}`)));
}

/**
 * Installs Debian packages. @param update Told which step runs.
 * @throws {TsukubeError} `no-apt` on other distributions, `failed` with apt's last lines.
 */
export async function installPackages(
  programs: readonly HostProgram[],
  update: (detail: string) => void,
): Promise<void> {
  if (programs.length === 0) return;
  const packages = [...new Set(programs.map((program) => program.package))];
  if (!existsSync("/usr/bin/apt-get")) {
    const list = programs.map(({ program, why }) => `${program} (${why})`).join(", ");
    throw new TsukubeError(
      "no-apt",
      `Cannot start a node: ${list} not found, expected them on PATH; install them with your distribution's package manager`,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...packages];
  update(`installing ${packages.join(", ")}`);
  try {
    await run("apt-get", install, { env });
  } catch {
    update("updating the package lists"); // they may be missing or old on a fresh machine
    await run("apt-get", ["update", "-qq"], { env });
    update(`installing ${packages.join(", ")}`);
    await run("apt-get", install, { env });
  }
}
