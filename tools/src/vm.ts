import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type HostProgram, installPackages, missingPrograms } from "@tsukube/cli/host-packages";
import { messageOf } from "@tsukube/foundation";
import { runGuest } from "./virtual-machine/guest.ts";
import { guestKernel } from "./virtual-machine/guest-kernel.ts";
import { initialRoot, quote } from "./virtual-machine/initial-root.ts";

/**
 * `npm run vm -- COMMAND ARGS`: runs a command with another kernel, cgroup v2 and no init system, in a virtual machine that sees this machine's
 * files and forgets what it writes. Needs root and Debian; its processors are emulated, so give it little to do.
 * Ends with the command's exit code.
 */
const PROGRAMS: readonly HostProgram[] = [
  { program: "qemu-system-x86_64", package: "qemu-system-x86", why: "emulates the machine" },
  { program: "busybox", package: "busybox-static", why: "is the guest's first program" },
];
const USAGE = "usage: npm run vm -- [--memory MB] [--cpus N] COMMAND ARGS (one word: a line of sh)";

const root = dirname(dirname(import.meta.dirname));

async function main(args: readonly string[]): Promise<number> {
  const options = { memory: { type: "string", default: "4096" }, cpus: { type: "string", default: "2" } } as const;
  const first = args.findIndex((arg, index) => !arg.startsWith("--") && !args[index - 1]?.match(/^--(memory|cpus)$/));
  const words = first === -1 ? [] : args.slice(first);
  const { values } = parseArgs({ args: args.slice(0, first === -1 ? undefined : first), options });
  if (words.length === 0) throw new Error(USAGE);
  if (process.getuid?.() !== 0) throw new Error("Cannot share files with a guest: not root, expected root");
  await installPackages(missingPrograms(PROGRAMS), (detail) => process.stderr.write(`vm: ${detail}\n`));
  const kernel = await guestKernel();
  const folder = mkdtempSync(join(tmpdir(), "tsukube-vm-"));
  try {
    const command = words.length === 1 ? (words[0] ?? "") : words.map(quote).join(" ");
    return await runGuest({
      kernel: kernel.image,
      initialRoot: await initialRoot(kernel, folder, root, command),
      folder,
      memoryMb: Number(values.memory),
      processors: Number(values.cpus),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`vm: ${messageOf(error)}\n`);
  process.exitCode = 125;
}
