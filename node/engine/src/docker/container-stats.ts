import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { TsukubeError } from "@tsukube/foundation";
import { noCgroups } from "@tsukube/kernel";
import { type DockerContainer, isRunning } from "./containers/container-record.ts";
import { time } from "./containers/container-views.ts";
import type { DockerAnswer, DockerDeps, DockerRequest } from "./contracts.ts";
import { isTrue } from "./query-flag.ts";

const INTERVAL_MS = 1000;
/** proc(5), stat: on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Sample {
  readonly read: string;
  readonly cpu: object;
  readonly rest: object;
}

/** `GET /containers/ID/stats`: one document a second, one alone, or one without a first to compare with (`one-shot`). */
export function statsStream(
  deps: DockerDeps,
  container: DockerContainer,
  { query, signal }: DockerRequest,
): DockerAnswer {
  if (deps.cgroups === noCgroups)
    throw new TsukubeError(
      "unsupported",
      "Cannot measure what containers use: this engine runs without root and has no control groups, expected an engine of root",
    );
  const isOne = !isTrue(query.get("stream") ?? "1");
  const oneShot = isTrue(query.get("one-shot"));
  async function* documents(): AsyncGenerator<Buffer> {
    let before: Sample | undefined;
    if (isOne && !oneShot && isRunning(container)) {
      before = await sampleOf(deps, container);
      await deps.clock.sleep(INTERVAL_MS, signal);
    }
    while (!signal.aborted) {
      const current = deps.dockerContainers.store.find(container.id);
      if (current === undefined) return;
      const sample = await sampleOf(deps, current);
      yield Buffer.from(`${JSON.stringify(documentOf(current, sample, before))}\n`);
      if (isOne) return;
      before = sample;
      await deps.clock.sleep(INTERVAL_MS, signal);
    }
  }
  return { bytes: documents(), type: "application/json" };
}

function documentOf({ id, name }: DockerContainer, { read, cpu, rest }: Sample, before: Sample | undefined): object {
  return {
    id,
    name: `/${name}`,
    read,
    preread: before?.read ?? "0001-01-01T00:00:00Z",
    cpu_stats: cpu,
    precpu_stats: before?.cpu ?? NO_CPU,
    storage_stats: {},
    ...rest,
  };
}

const NO_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

async function sampleOf(deps: DockerDeps, container: DockerContainer): Promise<Sample> {
  const run = deps.runs.find(container.id);
  const read = time(deps.clock.now());
  const usage = run === undefined || !isRunning(container) ? undefined : await deps.cgroups.usage(run.cgroupPath);
  if (run === undefined || usage === undefined)
    return {
      read,
      cpu: NO_CPU,
      rest: { num_procs: 0, pids_stats: {}, memory_stats: {}, blkio_stats: {}, networks: {} },
    };
  // version 1 counts it by ticks, which may be more than all
  const inKernel = Math.min(usage.cpuSystemNanoseconds ?? 0, usage.cpuNanoseconds);
  const inactive = usage.memoryBytes - usage.workingSetBytes;
  const io = (await deps.cgroups.blockIo(run.cgroupPath)).map(({ major, minor, op, bytes }) => ({
    major,
    minor,
    op,
    value: bytes,
  }));
  const { PidsLimit } = container.hostConfig;
  const held = await deps.cgroups.throttling(run.cgroupPath);
  const networks = networksOf(run.pid);
  return {
    read,
    cpu: {
      cpu_usage: {
        total_usage: usage.cpuNanoseconds,
        usage_in_kernelmode: inKernel,
        usage_in_usermode: usage.cpuNanoseconds - inKernel,
      },
      system_cpu_usage: systemCpu(),
      online_cpus: availableParallelism(),
      throttling_data: {
        periods: held?.periods ?? 0,
        throttled_periods: held?.throttledPeriods ?? 0,
        throttled_time: held?.throttledNanoseconds ?? 0,
      },
    },
    rest: {
      num_procs: 0,
      pids_stats: { current: usage.pids, ...(PidsLimit != null && PidsLimit > 0 ? { limit: PidsLimit } : {}) },
      memory_stats: {
        usage: usage.memoryBytes,
        limit: usage.memoryLimitBytes ?? totalmem(),
        stats: {
          inactive_file: inactive,
          total_inactive_file: inactive,
          rss: usage.rssBytes,
          pgfault: usage.pageFaults,
          pgmajfault: usage.majorPageFaults,
        },
      },
      blkio_stats: {
        io_service_bytes_recursive: io,
        io_serviced_recursive: null,
        io_queue_recursive: null,
        io_service_time_recursive: null,
        io_wait_time_recursive: null,
        io_merged_recursive: null,
        io_time_recursive: null,
        sectors_recursive: null,
      },
      ...(networks === undefined ? {} : { networks }),
    },
  };
}

/** Nanoseconds that all processors together have passed, working or not (proc(5), stat). */
function systemCpu(): number {
  const [, ...fields] = (readFileSync("/proc/stat", "utf8").split("\n", 1)[0] ?? "").trim().split(/\s+/);
  return fields.slice(0, 8).reduce((sum, field) => sum + Number(field), 0) * (1e9 / TICKS_PER_SECOND);
}

/** By interface, without the loopback. */
function networksOf(pid: number | undefined): object | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, "utf8");
  } catch {
    return undefined;
  }
  const rows = text
    .split("\n")
    .slice(2)
    .filter((line) => line.includes(":"));
  const entries = rows.map((line) => {
    const [name = "", numbers = ""] = line.split(":");
    const n = numbers.trim().split(/\s+/).map(Number);
    const received = { rx_bytes: n[0], rx_packets: n[1], rx_errors: n[2], rx_dropped: n[3] };
    return [
      name.trim(),
      { ...received, tx_bytes: n[8], tx_packets: n[9], tx_errors: n[10], tx_dropped: n[11] },
    ] as const;
  });
  return Object.fromEntries(entries.filter(([name]) => name !== "lo"));
}
