import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { run } from "@tsukube/host";
import { type GuestKernel, moduleFiles } from "./guest-kernel.ts";

/** What the guest needs before it sees the host's files. */
const MODULES = ["virtio_pci", "virtiofs", "overlay"];

/**
 * Writes the archive that the kernel unpacks as its first root (Linux, initramfs buffer format).
 * @param folder Scratch space of the caller. @param command A line of sh, run in `directory`.
 */
export async function initialRoot(
  kernel: GuestKernel,
  folder: string,
  directory: string,
  command: string,
): Promise<string> {
  const root = join(folder, "root");
  for (const name of ["bin", "modules", "dev"]) mkdirSync(join(root, name), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  copyFileSync(join(import.meta.dirname, "init.sh"), join(root, "init"));
  copyFileSync(join(import.meta.dirname, "guest.sh"), join(root, "guest.sh"));
  chmodSync(join(root, "init"), 0o755);
  const modules = moduleFiles(kernel.modules, MODULES);
  for (const module of modules) copyFileSync(module, join(root, "modules", basename(module)));
  writeFileSync(join(root, "modules/order"), modules.map((module) => `${basename(module)}\n`).join(""));
  const settings = { modules: kernel.modules, folder: directory, command };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${quote(value)}\n`);
  writeFileSync(join(root, "command"), lines.join(""));
  const names = readdirSync(root, { recursive: true, encoding: "utf8" });
  const archive = join(folder, "initrd");
  await run("busybox", ["cpio", "-o", "-H", "newc", "-F", archive], { cwd: root, input: `${names.join("\n")}\n` });
  return archive;
}

/** A word of a shell's line. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
