import { existsSync, readdirSync, readFileSync, statfsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { codeOf, TsukubeError } from "@tsukube/foundation";

export interface CgroupLimits {
  /** Bytes; -1 is no limit. */
  readonly memoryBytes?: number;
  /** cgroup v1 scale: 2-262144. */
  readonly cpuShares?: number;
  /** Microseconds a period; -1 is no limit. */
  readonly cpuQuota?: number;
  readonly cpuPeriod?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  /** -1 is no limit. */
  readonly pids?: number;
  /** Bytes by page size, which must be one of {@link Cgroups.hugepageSizes}; 0 allows none. */
  readonly hugepages?: Readonly<Record<string, number>>;
}

export interface CgroupUsage {
  readonly cpuNanoseconds: number;
  /** Of these, in the kernel for them, where that is known. */
  readonly cpuSystemNanoseconds?: number;
  readonly memoryBytes: number;
  /** Usage without the inactive file cache. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  /** Of the group itself; undefined without one. */
  readonly memoryLimitBytes?: number;
  readonly pids: number;
}

/** How a limit of processor time was felt. */
export interface CpuThrottling {
  readonly periods: number;
  /** Those in which the time was used up. */
  readonly throttledPeriods: number;
  readonly throttledNanoseconds: number;
}

/** What processes of a group have read from and written to a device. */
export interface BlockIo {
  readonly major: number;
  readonly minor: number;
  readonly op: "Read" | "Write";
  readonly bytes: number;
}

/** Control groups of the machine, by paths such as "/kubepods/burstable/pod123": the same in every hierarchy. */
export interface Cgroups {
  readonly version: 1 | 2;
  /** What can be limited, as the kernel names it: "memory", "cpu", "cpuset", "pids", "io" ("blkio" in version 1); empty where nothing can. */
  readonly controllers: readonly string[];
  /** Whether processes can be made to stand still. */
  readonly canFreeze: boolean;
  /** Of huge pages, whose use can be limited: "2MB", "1GB"; empty where nothing limits it. */
  readonly hugepageSizes: readonly string[];
  /** Makes the group in every hierarchy (parents too) and sets limits. Idempotent. */
  create(path: string, limits?: CgroupLimits): Promise<void>;
  update(path: string, limits: CgroupLimits): Promise<void>;
  /** Removes the group and the groups below it; does nothing when there is none. @throws EBUSY when processes remain. */
  remove(path: string): Promise<void>;
  exists(path: string): boolean;
  /** Whether the kernel limits what is swapped: another option than that of memory. @param path Of a group; any by default. */
  limitsSwap(path?: string): boolean;
  /** Processes in the group and below. */
  processes(path: string): Promise<readonly number[]>;
  /** undefined when there is no such group. */
  usage(path: string): Promise<CgroupUsage | undefined>;
  /** undefined when there is no such group, or no limit of its processor time so far. */
  throttling(path: string): Promise<CpuThrottling | undefined>;
  /** Of the group and those below, by device; empty when there is no such group. */
  blockIo(path: string): Promise<readonly BlockIo[]>;
  /** How often the kernel killed a process of the group for its memory limit. */
  oomKills(path: string): Promise<number>;
  /** Whether each process of the group stands still: the kernel stops them one by one. */
  isFrozen(path: string): Promise<boolean>;
  /**
   * Say that a process will be moved into a group within some milliseconds. The kernel then waits for every processor (an RCU grace
   * period, 4-10 ms) unless it did so just now: it begins at once, beside what is still to be done.
   */
  expectMove(): void;
}

const ROOT = "/sys/fs/cgroup";
const V1 = [
  "cpu",
  "cpuacct",
  "cpuset",
  "memory",
  "devices",
  "freezer",
  "blkio",
  "pids",
  "hugetlb",
  "net_cls",
  "perf_event",
  "systemd",
];
const CGROUP2_MAGIC = 0x63677270;

/** The machine's control groups: version 2, or version 1 (also in hybrid). @param root A test gives a folder. */
export function systemCgroups(root = ROOT): Cgroups {
  const version = existsSync(root) && statfsSync(root).type === CGROUP2_MAGIC ? 2 : 1;
  return version === 2 ? new CgroupsV2(root) : new CgroupsV1(root);
}

/** For who may make no groups: there are none, and no limits. */
export const noCgroups: Cgroups = {
  version: 1,
  controllers: [],
  canFreeze: false,
  hugepageSizes: [],
  async create(_, limits = {}) {
    refuseLimits(Object.keys(limits));
  },
  async update(_, limits) {
    refuseLimits(Object.keys(limits));
  },
  async remove() {},
  exists: () => false,
  limitsSwap: () => false,
  processes: async () => [],
  usage: async () => undefined,
  throttling: async () => undefined,
  blockIo: async () => [],
  oomKills: async () => 0,
  isFrozen: async () => false,
  expectMove() {},
};

/**
 * @param limits By the names under which they were asked for; nothing happens when there are none.
 * @param controllers What can be limited. @throws {TsukubeError} `unsupported`.
 */
export function refuseLimits(limits: readonly string[], controllers: readonly string[] = []): void {
  if (limits.length === 0) return;
  const state =
    controllers.length === 0
      ? "no controllers of control groups are delegated to it"
      : `of control groups it has the controllers ${controllers.join(", ")} alone`;
  throw new TsukubeError(
    "unsupported",
    `Cannot limit ${limits.join(", ")}: this engine runs without root and ${state}, expected no such limits, an engine of root, or one that is started in a control group of its own ("systemd-run --user --scope -p Delegate=yes tsukube engine")`,
  );
}

/** Moves this process where it is already. What the kernel does first is the same for every move, and lasts a while. */
class MoveInPlace {
  #file: string | undefined;
  #isUnderWay = false;

  /** @param folder Where a hierarchy is mounted. @param line How its line in /proc/self/cgroup begins. */
  constructor(folder: string, line: RegExp) {
    const lines = existsSync("/proc/self/cgroup") ? readFileSync("/proc/self/cgroup", "utf8").split("\n") : [];
    const path = lines.find((each) => line.test(each))?.replace(line, "");
    if (path !== undefined && !path.startsWith("/..")) this.#file = `${folder}${path}/cgroup.procs`;
  }

  begin(): void {
    if (this.#file === undefined || this.#isUnderWay) return;
    this.#isUnderWay = true;
    writeFile(this.#file, String(process.pid))
      .catch(() => (this.#file = undefined)) // it only saves time
      .finally(() => (this.#isUnderWay = false));
  }
}

class CgroupsV1 implements Cgroups {
  readonly version = 1;
  readonly controllers: readonly string[];
  readonly canFreeze: boolean;
  readonly hugepageSizes: readonly string[];
  readonly #root: string;
  readonly #move: MoveInPlace;

  constructor(root: string) {
    this.#root = root;
    this.controllers = V1.filter((name) => existsSync(`${root}/${name}`));
    this.canFreeze = this.controllers.includes("freezer");
    this.hugepageSizes = this.controllers.includes("hugetlb") ? hugepageSizes() : [];
    this.#move = new MoveInPlace(`${root}/pids`, /^\d+:pids:/);
  }

  async create(path: string, limits: CgroupLimits = {}): Promise<void> {
    for (const controller of this.controllers) await makeGroup(`${this.#root}/${controller}`, path);
    await this.update(path, limits);
  }

  async update(path: string, limits: CgroupLimits): Promise<void> {
    const at = (controller: string, file: string): string => `${this.#root}/${controller}${path}/${file}`;
    const writes: [string, string | number | undefined][] = [
      [at("memory", "memory.limit_in_bytes"), limits.memoryBytes],
      [at("cpu", "cpu.shares"), limits.cpuShares],
      [at("cpu", "cpu.cfs_period_us"), limits.cpuPeriod],
      [at("cpu", "cpu.cfs_quota_us"), limits.cpuQuota],
      [at("cpuset", "cpuset.cpus"), limits.cpusetCpus],
      [at("cpuset", "cpuset.mems"), limits.cpusetMems],
      [at("pids", "pids.max"), limits.pids === -1 ? "max" : limits.pids],
      ...Object.entries(limits.hugepages ?? {}).map(([size, bytes]): [string, number] => [
        at("hugetlb", `hugetlb.${size}.limit_in_bytes`),
        bytes,
      ]),
    ];
    for (const [file, value] of writes) {
      if (value !== undefined && value !== "") await writeFile(file, String(value));
    }
  }

  async remove(path: string): Promise<void> {
    const failures: unknown[] = [];
    for (const controller of this.controllers)
      await removeGroup(`${this.#root}/${controller}${path}`).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  exists(path: string): boolean {
    return existsSync(`${this.#root}/memory${path}`);
  }

  limitsSwap(path = ""): boolean {
    return existsSync(`${this.#root}/memory${path}/memory.memsw.limit_in_bytes`);
  }

  processes(path: string): Promise<readonly number[]> {
    return processesOf(`${this.#root}/memory${path}`);
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    if (!this.exists(path)) return undefined;
    const memory = `${this.#root}/memory${path}`;
    const stat = table(await read(`${memory}/memory.stat`));
    const used = Number(await read(`${memory}/memory.usage_in_bytes`));
    const limit = Number(await read(`${memory}/memory.limit_in_bytes`));
    return {
      cpuNanoseconds: Number(await read(`${this.#root}/cpuacct${path}/cpuacct.usage`)),
      cpuSystemNanoseconds: Number(await read(`${this.#root}/cpuacct${path}/cpuacct.usage_sys`)),
      memoryBytes: used,
      workingSetBytes: Math.max(0, used - (stat["total_inactive_file"] ?? 0)),
      rssBytes: stat["total_rss"] ?? 0,
      pageFaults: stat["total_pgfault"] ?? 0,
      majorPageFaults: stat["total_pgmajfault"] ?? 0,
      ...(limit > 0 && limit < 2 ** 60 ? { memoryLimitBytes: limit } : {}),
      pids: Number(await read(`${this.#root}/pids${path}/pids.current`)),
    };
  }

  async throttling(path: string): Promise<CpuThrottling | undefined> {
    return throttlingOf(table(await read(`${this.#root}/cpu${path}/cpu.stat`)));
  }

  async blockIo(path: string): Promise<readonly BlockIo[]> {
    const text = await read(`${this.#root}/blkio${path}/blkio.throttle.io_service_bytes_recursive`);
    return [...text.matchAll(/^(\d+):(\d+) (Read|Write) (\d+)$/gm)].map(([, major, minor, op, bytes]) => ({
      major: Number(major),
      minor: Number(minor),
      op: op as BlockIo["op"],
      bytes: Number(bytes),
    }));
  }

  async oomKills(path: string): Promise<number> {
    return table(await read(`${this.#root}/memory${path}/memory.oom_control`))["oom_kill"] ?? 0;
  }

  async isFrozen(path: string): Promise<boolean> {
    return (await read(`${this.#root}/freezer${path}/freezer.state`)).trim() === "FROZEN";
  }

  expectMove(): void {
    this.#move.begin();
  }
}

/** Makes a group of version 1, with parents. A new cpuset takes no process until it names processors and memory nodes: the parent's. */
export async function makeGroup(hierarchy: string, path: string): Promise<void> {
  let folder = hierarchy;
  for (const part of path.split("/").filter((name) => name !== "")) {
    const parent = folder;
    folder = `${folder}/${part}`;
    await mkdir(folder, { recursive: true });
    for (const file of ["cpuset.cpus", "cpuset.mems"])
      if (existsSync(`${folder}/${file}`) && (await read(`${folder}/${file}`)) === "")
        await writeFile(`${folder}/${file}`, await read(`${parent}/${file}`));
  }
}

class CgroupsV2 implements Cgroups {
  readonly version = 2;
  readonly controllers: readonly string[];
  readonly canFreeze = true;
  readonly hugepageSizes: readonly string[];
  readonly #root: string;
  readonly #move: MoveInPlace;

  constructor(root: string) {
    this.#root = root;
    this.controllers = words(readFileSync(`${root}/cgroup.controllers`, "utf8"));
    this.hugepageSizes = this.controllers.includes("hugetlb") ? hugepageSizes() : [];
    this.#move = new MoveInPlace(root, /^0::/);
  }

  async create(path: string, limits: CgroupLimits = {}): Promise<void> {
    let folder = this.#root;
    for (const part of path.split("/").filter((name) => name !== "")) {
      await delegate(folder);
      folder = `${folder}/${part}`;
      await mkdir(folder, { recursive: true });
    }
    await this.update(path, limits);
  }

  async update(path: string, limits: CgroupLimits): Promise<void> {
    const max = (value: number | undefined): string | number | undefined => (value === -1 ? "max" : value);
    const quota =
      limits.cpuQuota === undefined
        ? undefined
        : `${limits.cpuQuota > 0 ? limits.cpuQuota : "max"} ${limits.cpuPeriod ?? 100000}`;
    const writes: [string, string | number | undefined][] = [
      ["memory.max", max(limits.memoryBytes)],
      ["cpu.weight", limits.cpuShares === undefined ? undefined : weightOfShares(limits.cpuShares)],
      ["cpu.max", quota],
      ["cpuset.cpus", limits.cpusetCpus],
      ["cpuset.mems", limits.cpusetMems],
      ["pids.max", max(limits.pids)],
      ...Object.entries(limits.hugepages ?? {}).map(([size, bytes]): [string, number] => [
        `hugetlb.${size}.max`,
        bytes,
      ]),
    ];
    for (const [file, value] of writes) {
      if (value !== undefined && value !== "") await this.#limit(path, file, String(value));
    }
  }

  async #limit(path: string, file: string, value: string): Promise<void> {
    const folder = `${this.#root}${path}`;
    if (!existsSync(`${folder}/${file}`)) {
      const [controller = ""] = file.split(".");
      const has = await read(`${folder}/cgroup.controllers`);
      throw new TsukubeError(
        "unsupported",
        `Cannot set ${file} of control group "${path}": its controllers are "${has}", expected "${controller}" among them; the groups above do not delegate it`,
      );
    }
    await writeFile(`${folder}/${file}`, value);
  }

  remove(path: string): Promise<void> {
    return removeGroup(`${this.#root}${path}`);
  }

  exists(path: string): boolean {
    return existsSync(`${this.#root}${path}`);
  }

  limitsSwap(path?: string): boolean {
    const has = (folder: string, file: string): boolean => existsSync(`${folder}/${file}`);
    if (path !== undefined) return has(`${this.#root}${path}`, "memory.swap.max");
    // the root itself has no limits; as long as no group has any, nothing speaks against it
    const entries = readdirSync(this.#root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const limited = entries.map(({ name }) => `${this.#root}/${name}`).filter((folder) => has(folder, "memory.max"));
    return limited.length === 0 || limited.some((folder) => has(folder, "memory.swap.max"));
  }

  processes(path: string): Promise<readonly number[]> {
    return processesOf(`${this.#root}${path}`);
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    if (!this.exists(path)) return undefined;
    const folder = `${this.#root}${path}`;
    const stat = table(await read(`${folder}/memory.stat`));
    const cpu = table(await read(`${folder}/cpu.stat`));
    const used = Number(await read(`${folder}/memory.current`));
    const limit = await read(`${folder}/memory.max`);
    return {
      cpuNanoseconds: (cpu["usage_usec"] ?? 0) * 1000,
      cpuSystemNanoseconds: (cpu["system_usec"] ?? 0) * 1000,
      memoryBytes: used,
      workingSetBytes: Math.max(0, used - (stat["inactive_file"] ?? 0)),
      rssBytes: stat["anon"] ?? 0,
      pageFaults: stat["pgfault"] ?? 0,
      majorPageFaults: stat["pgmajfault"] ?? 0,
      ...(limit !== "max" && limit !== "" ? { memoryLimitBytes: Number(limit) } : {}),
      pids: Number(await read(`${folder}/pids.current`)),
    };
  }

  async throttling(path: string): Promise<CpuThrottling | undefined> {
    return throttlingOf(table(await read(`${this.#root}${path}/cpu.stat`)));
  }

  async blockIo(path: string): Promise<readonly BlockIo[]> {
    const text = await read(`${this.#root}${path}/io.stat`);
    return [...text.matchAll(/^(\d+):(\d+) .*rbytes=(\d+) wbytes=(\d+)/gm)].flatMap(
      ([, major, minor, read, written]) => {
        const device = { major: Number(major), minor: Number(minor) };
        return [
          { ...device, op: "Read" as const, bytes: Number(read) },
          { ...device, op: "Write" as const, bytes: Number(written) },
        ];
      },
    );
  }

  async oomKills(path: string): Promise<number> {
    return table(await read(`${this.#root}${path}/memory.events`))["oom_kill"] ?? 0;
  }

  async isFrozen(path: string): Promise<boolean> {
    return table(await read(`${this.#root}${path}/cgroup.events`))["frozen"] === 1;
  }

  expectMove(): void {
    this.#move.begin();
  }
}

const HUGEPAGES = "/sys/kernel/mm/hugepages";

/** As control groups name them: folders are named by kibibytes. */
function hugepageSizes(): readonly string[] {
  if (!existsSync(HUGEPAGES)) return [];
  return readdirSync(HUGEPAGES)
    .flatMap((name) => /^hugepages-(\d+)kB$/.exec(name)?.[1] ?? [])
    .map((kibibytes) => sizeName(Number(kibibytes)));
}

function sizeName(kibibytes: number): string {
  if (kibibytes >= 1 << 20) return `${kibibytes >> 20}GB`;
  return kibibytes >= 1024 ? `${kibibytes >> 10}MB` : `${kibibytes}KB`;
}

/** Where the processes go that are in the way of their group's children. */
export const LEAF = "init";

/**
 * Gives the children of a group the controllers that it has itself. Only leaves may hold processes then (Linux, cgroup-v2.rst,
 * "No Internal Process Constraint"); the root alone is free of that. What looks like the root in a cgroup namespace, as in a
 * container, is not: who is there moves into a leaf, before anything else: some controllers (cpu, pids) would be given with the
 * processes there, and make the group one of threads that no other controller is for.
 */
async function delegate(folder: string): Promise<void> {
  const given = new Set(words(await read(`${folder}/cgroup.subtree_control`)));
  const missing = words(await read(`${folder}/cgroup.controllers`)).filter((controller) => !given.has(controller));
  if (missing.length > 0 && existsSync(`${folder}/cgroup.type`)) await moveIntoLeaf(folder); // the true root has no type
  for (const controller of missing) {
    await writeFile(`${folder}/cgroup.subtree_control`, `+${controller}`).catch(() => {}); // not every one can be delegated
  }
}

function words(text: string): readonly string[] {
  return text.split(/\s/).filter((word) => word !== "");
}

async function moveIntoLeaf(folder: string): Promise<void> {
  const pids = (await read(`${folder}/cgroup.procs`)).split("\n").filter((line) => line !== "");
  if (pids.length > 0) await mkdir(`${folder}/${LEAF}`, { recursive: true });
  for (const pid of pids) await writeFile(`${folder}/${LEAF}/cgroup.procs`, pid).catch(() => {}); // it ended meanwhile
}

/** cpu.weight for v1 shares, as runc from 1.3.2 converts them. */
export function weightOfShares(shares: number): number {
  if (shares === 0) return 0;
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const l = Math.log2(shares);
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

async function read(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENODEV") return "";
    throw error;
  }
}

/** Pure: of cpu.stat, in either version's words. */
function throttlingOf(stat: Readonly<Record<string, number>>): CpuThrottling | undefined {
  const { nr_periods: periods = 0, nr_throttled: throttledPeriods = 0 } = stat;
  if (periods === 0) return undefined;
  return {
    periods,
    throttledPeriods,
    throttledNanoseconds: stat["throttled_time"] ?? (stat["throttled_usec"] ?? 0) * 1000,
  };
}

function table(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(text.split("\n").map((line) => [line.split(" ")[0], Number(line.split(" ")[1])]));
}

async function childGroups(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => `${folder}/${entry.name}`);
}

async function processesOf(folder: string): Promise<readonly number[]> {
  const own = (await read(`${folder}/cgroup.procs`))
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
  const below = await Promise.all((await childGroups(folder)).map(processesOf));
  return [...own, ...below.flat()];
}

/** With those below. @throws EBUSY when processes remain. */
export async function removeGroup(folder: string): Promise<void> {
  for (const child of await childGroups(folder)) await removeGroup(child);
  await rmdir(folder).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
}
