import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/host";

/** Debian's kernel for virtual machines. */
const PACKAGE = "linux-image-cloud-amd64";

export interface GuestKernel {
  readonly image: string;
  /** The folder that is /lib/modules in the guest. */
  readonly modules: string;
}

/** The kernel that guests boot, unpacked once into the user's cache. */
export async function guestKernel(): Promise<GuestKernel> {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = join(cache, "tsukube", "guest-kernel");
  if (!existsSync(folder)) await unpack(folder);
  const boot = join(folder, "boot");
  const image = readdirSync(boot).find((name) => name.startsWith("vmlinuz-"));
  if (image === undefined) {
    throw new TsukubeError(
      "not-found",
      `Cannot find a kernel in "${boot}": none there, expected one: remove "${folder}"`,
    );
  }
  return { image: join(boot, image), modules: join(folder, "lib/modules") };
}

async function unpack(folder: string): Promise<void> {
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    const { stdout } = await run("apt-cache", ["depends", PACKAGE]);
    const name = /^ *Depends: (linux-image-\S+)$/m.exec(stdout)?.[1];
    if (name === undefined)
      throw new TsukubeError(
        "not-found",
        `Cannot find package "${PACKAGE}": apt knows none, expected it after "apt-get update"`,
      );
    await run("apt-get", ["download", "-qq", name], { cwd: temporary });
    const archive = readdirSync(temporary).find((file) => file.endsWith(".deb")) ?? "";
    await run("dpkg-deb", ["-x", archive, "."], { cwd: temporary });
    const version = readdirSync(join(temporary, "lib/modules"))[0] ?? "";
    await run("busybox", ["depmod", "-b", temporary, version]);
    renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The files of modules and of those they need, in the order in which they load. */
export function moduleFiles(modules: string, names: readonly string[]): readonly string[] {
  const folder = join(modules, readdirSync(modules)[0] ?? "");
  const needs = new Map(
    readFileSync(join(folder, "modules.dep"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split(": ") as [string, string?])
      .map(([file, needed]) => [file.replace(/:$/, ""), needed?.split(" ") ?? []] as const),
  );
  const loaded = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    for (const needed of needs.get(file) ?? []) load(needed);
    loaded.add(file);
  };
  for (const name of names) load([...needs.keys()].find((file) => file.endsWith(`/${name}.ko`)) ?? name);
  return [...loaded].map((file) => join(folder, file));
}
