import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { type Lifetime, TsukubeError } from "@tsukube/foundation";
import { realClock, run } from "@tsukube/host";

/** Of Debian: the engine, what it runs, and what it makes its networks with. They are unpacked, not installed: nothing else starts. */
const PACKAGES = ["docker.io", "containerd", "runc", "tini"];
const FIREWALL = ["iptables", "libip4tc2", "libip6tc2", "libxtables12", "libnetfilter-conntrack3", "libnfnetlink0"];
const START_MS = 60_000;
const LOOK_MS = 100;

/** An engine that is asked. */
export interface Engine {
  readonly name: string;
  readonly socket: string;
  /** What to put before a command that is to run where its ports are. */
  readonly within: readonly string[];
}

/** dockerd in namespaces of its own: what it does to networks and mounts is not this machine's. @param folder For its data. */
export async function startStock(lifetime: Lifetime, folder: string): Promise<Engine & { readonly pid: number }> {
  const root = await unpacked();
  const socket = join(folder, "docker.sock");
  const paths = ["usr/bin", "usr/sbin", "tools"].map((path) => join(root, path));
  const libraries = join(root, "usr/lib/x86_64-linux-gnu");
  const env = {
    ...process.env,
    PATH: `${paths.join(":")}:${process.env["PATH"]}`,
    LD_LIBRARY_PATH: libraries,
    XTABLES_LIBDIR: join(libraries, "xtables"),
  };
  const data = ["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")];
  const where = ["--pidfile", join(folder, "pid"), "-H", `unix://${socket}`, "--cgroup-parent", "docker-tour"];
  const init = [
    "--userland-proxy-path",
    join(root, "usr/sbin/docker-proxy"),
    "--init-path",
    join(root, "usr/bin/docker-init"),
  ];
  const log = openSync(join(folder, "log"), "w");
  const script = 'ip link set lo up; exec dockerd "$@"';
  const isolated = ["-m", "-n", "--propagation", "private", "sh", "-c", script, "dockerd", ...data, ...where, ...init];
  const child = spawn("unshare", isolated, { env, stdio: ["ignore", log, log], detached: true });
  lifetime.add("dockerd", () => ended(child));
  for (const began = realClock.monotonic(); !existsSync(socket); await realClock.sleep(LOOK_MS))
    if (child.exitCode !== null || realClock.monotonic() - began > START_MS)
      throw new TsukubeError(
        "failed",
        `Cannot start dockerd: ${readFileSync(join(folder, "log"), "utf8").slice(-500)}`,
      );
  const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
  return { name: "stock", socket, within: ["nsenter", "-t", String(pid), "-n"], pid };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
}

async function unpacked(): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tsukube", "stock-docker");
  if (existsSync(cache)) return cache;
  const folder = mkdtempSync(join(tmpdir(), "tsukube-stock-docker-"));
  try {
    const download = () => run("apt-get", ["download", "-qq", ...PACKAGES, ...FIREWALL], { cwd: folder });
    await download().catch(async () => {
      await run("apt-get", ["update", "-qq"]); // the package lists may be missing or old on a fresh machine
      await download();
    });
    const root = join(folder, "root");
    for (const name of readdirSync(folder).filter((each) => each.endsWith(".deb")))
      await run("dpkg-deb", ["-x", join(folder, name), root]);
    mkdirSync(join(root, "tools"));
    for (const name of ["iptables", "ip6tables", "iptables-save"]) // the packages' scripts would make these links
      await run("ln", ["-s", "../usr/sbin/xtables-nft-multi", join(root, "tools", name)]);
    mkdirSync(join(cache, ".."), { recursive: true });
    await run("cp", ["-a", root, `${cache}.new`]);
    renameSync(`${cache}.new`, cache);
    return cache;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
