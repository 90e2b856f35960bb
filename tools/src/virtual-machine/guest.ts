import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Lifetime, TsukubeError } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";

export interface GuestOptions {
  readonly kernel: string;
  readonly initialRoot: string;
  /** Scratch space of the caller. */
  readonly folder: string;
  readonly memoryMb: number;
  readonly processors: number;
}

const VIRTIOFSD = "/usr/lib/qemu/virtiofsd";

/**
 * Boots a guest that sees this machine's files, streams what its command prints to standard output, and waits for its end.
 * Processors are emulated, which needs nothing of the machine and is about ten times slower than it.
 * @returns the command's exit code. @throws {TsukubeError} `failed` with the console when the guest ended without one.
 */
export async function runGuest(options: GuestOptions): Promise<number> {
  await using lifetime = new Lifetime();
  const { folder } = options;
  const socket = join(folder, "files.sock");
  // no higher limit of open files than this process may set, and a cache for good: nobody edits what a guest reads
  const shared = ["source=/", "cache=always", "sandbox=chroot"].flatMap((option) => ["-o", option]);
  const files = spawn(VIRTIOFSD, ["--rlimit-nofile=0", `--socket-path=${socket}`, ...shared], { stdio: "ignore" });
  lifetime.add("virtiofsd", () => end(files));
  while (!existsSync(socket)) {
    if (files.exitCode !== null) {
      throw new TsukubeError("failed", `Cannot share files with a guest: virtiofsd ended with ${files.exitCode}`);
    }
    await realClock.sleep(20);
  }
  const machine = spawn("qemu-system-x86_64", argumentsOf(options, socket), {
    stdio: ["ignore", "inherit", "inherit"],
  });
  lifetime.add("qemu", () => end(machine));
  const stop = (): void => void machine.kill("SIGTERM");
  process.once("SIGINT", stop).once("SIGTERM", stop);
  await once(machine, "close");
  const code = readFileSync(join(folder, "exit-code"), "utf8").trim();
  if (/^\d+$/.test(code)) return Number(code);
  const console = readFileSync(join(folder, "console"), "utf8");
  throw new TsukubeError(
    "failed",
    `Cannot finish the command: the guest ended before it, its console says:\n${console}`,
  );
}

function argumentsOf(options: GuestOptions, socket: string): readonly string[] {
  const memory = `${options.memoryMb}M`;
  const serial = ["stdio", `file:${join(options.folder, "exit-code")}`, `file:${join(options.folder, "console")}`];
  return [
    ...["-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", String(options.processors)],
    ...[
      "-m",
      memory,
      "-object",
      `memory-backend-memfd,id=memory,size=${memory},share=on`,
      "-numa",
      "node,memdev=memory",
    ],
    ...["-nodefaults", "-no-reboot", "-display", "none", ...serial.flatMap((line) => ["-serial", line])],
    ...["-chardev", `socket,id=files,path=${socket}`, "-device", "vhost-user-fs-pci,chardev=files,tag=host"],
    ...["-netdev", "user,id=network", "-device", "virtio-net-pci,netdev=network,romfile="],
    ...["-kernel", options.kernel, "-initrd", options.initialRoot],
    ...["-append", "console=ttyS2 loglevel=5 panic=-1"],
  ];
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "close");
}
