import { readdirSync, readFileSync } from "node:fs";
import type { Metrics } from "@tsukube/foundation";

/** Registers what this process uses, under the names that Prometheus' clients have for it. */
export function recordProcess(metrics: Metrics): void {
  const startedAt = Date.now() / 1000 - process.uptime();
  const gauge = (name: string, help: string, read: () => number | undefined): void =>
    metrics.collected(name, help, () => some(read()));
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  const cpuHelp = "Total user and system CPU time spent in seconds.";
  metrics.collected("process_cpu_seconds_total", cpuHelp, () => some(cpu()), "counter");
  gauge("process_resident_memory_bytes", "Resident memory size in bytes.", () => process.memoryUsage.rss());
  gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", () => startedAt);
  gauge("process_open_fds", "Number of open file descriptors.", () =>
    ofLinux(() => readdirSync("/proc/self/fd").length),
  );
  gauge("process_max_fds", "Maximum number of open file descriptors.", () =>
    ofLinux(() => Number(/^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1])),
  );
  gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", () =>
    ofLinux(() => 1024 * Number(/^VmSize:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1])),
  );
}

function some(
  value: number | undefined,
): readonly (readonly [object: Readonly<Record<string, string>>, value: number])[] {
  return value === undefined || Number.isNaN(value) ? [] : [[{}, value]];
}

/** Nothing where there is no /proc. */
function ofLinux(read: () => number): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
