import { readFileSync, statfsSync } from "node:fs";

/** What the whole machine uses. Times are nanoseconds of processor time, sizes bytes. */
export interface NodeUsage {
  readonly cpuNanoseconds: number;
  readonly memory: MemoryUsage;
  readonly fs: FileSystemUsage;
  readonly pids: { readonly used: number; readonly max: number };
  readonly interfaces: readonly InterfaceUsage[];
  /** When the machine started, ms since the epoch. */
  readonly startedAt: number;
}

export interface MemoryUsage {
  readonly usageBytes: number;
  /** Without file cache that can be dropped at once. */
  readonly workingSetBytes: number;
  readonly availableBytes: number;
  readonly rssBytes: number;
}

export interface FileSystemUsage {
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly usedBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** @param folder On the file system that pods write to. */
export function readNodeUsage(folder: string): NodeUsage {
  const stat = read("/proc/stat");
  return {
    cpuNanoseconds: cpuOf(stat),
    memory: memoryOf(read("/proc/meminfo")),
    fs: fileSystemUsage(folder),
    pids: {
      used: Number(read("/proc/loadavg").split(" ")[3]?.split("/")[1] ?? 0),
      max: Number(read("/proc/sys/kernel/pid_max")),
    },
    interfaces: interfacesOf(read("/proc/net/dev")),
    startedAt: Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000,
  };
}

export function fileSystemUsage(folder: string): FileSystemUsage {
  const { blocks, bavail, bfree, bsize, files, ffree } = statfsSync(folder);
  return {
    capacityBytes: blocks * bsize,
    availableBytes: bavail * bsize,
    usedBytes: (blocks - bfree) * bsize,
    inodes: files,
    inodesFree: ffree,
  };
}

/** Hundredths of seconds (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq, steal. */
const TICK_NS = 10_000_000;

/** Pure: busy time of all processors since the start, from /proc/stat. */
export function cpuOf(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? "")
    .split(" ")
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_NS;
}

/** Pure: from /proc/meminfo. */
export function memoryOf(meminfo: string): MemoryUsage {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0) * 1024;
  const usageBytes = bytes("MemTotal") - bytes("MemFree");
  const workingSetBytes = Math.max(0, usageBytes - bytes("Inactive\\(file\\)"));
  return {
    usageBytes,
    workingSetBytes,
    availableBytes: bytes("MemTotal") - workingSetBytes,
    rssBytes: bytes("AnonPages"),
  };
}

/** Pure: the interfaces of /proc/net/dev but loopback. */
export function interfacesOf(dev: string): readonly InterfaceUsage[] {
  return dev
    .split("\n")
    .map((line) => /^\s*([^:\s]+):\s*(.*)$/.exec(line))
    .filter((match) => match !== null && match[1] !== "lo")
    .map((match) => {
      const fields = (match?.[2] ?? "").trim().split(/\s+/).map(Number);
      const at = (index: number): number => fields[index] ?? 0;
      return {
        name: match?.[1] ?? "",
        ...{ rxBytes: at(0), rxPackets: at(1), rxErrors: at(2), rxDropped: at(3) },
        ...{ txBytes: at(8), txPackets: at(9), txErrors: at(10), txDropped: at(11) },
      };
    });
}

function read(path: string): string {
  return readFileSync(path, "utf8").trim();
}
