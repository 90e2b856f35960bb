import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { Client, ResourceClient } from "@tsukube/client";
import { realClock, run } from "@tsukube/host";
import { BenchCluster, cpuSecondsOf, pssOf } from "./bench-cluster.ts";
import { delayOf, watchDelay } from "./bench-delay.ts";
import type { Measured } from "./bench-scenarios.ts";

const SINGLE = 10;
const MANY = 50;
const IDLE_SECONDS = 60;

/** From `apply` to Running: one pod after the other beside crun under conmon by hand, then fifty at once with the delays of both event loops. */
export async function pods(root: string): Promise<readonly Measured[]> {
  const cluster = new BenchCluster(root);
  try {
    await cluster.tsukube("status"); // bundles when the sources changed
    const began = performance.now();
    await cluster.tsukube("up");
    const up = performance.now() - began;
    const client = await cluster.client();
    await starts(client, 2, 1); // warm
    const one = median(await starts(client, SINGLE, 1));
    const floor = median(await byHand(SINGLE));
    const processes = (await cluster.processes()).filter(({ name }) => name === "server" || name === "node");
    for (const { pid } of processes) await watchDelay(pid);
    const before = processes.map(({ pid }) => cpuSecondsOf(pid));
    const many = median(await starts(client, MANY, MANY));
    const cpu = processes.map(({ pid }, index) => ((cpuSecondsOf(pid) - (before[index] ?? 0)) / MANY) * 1000);
    const delays: Measured[] = [];
    for (const { name, pid } of processes)
      delays.push({ what: `${name} event loop, p99.9`, value: await delayOf(pid), unit: "ms" });
    await client.close();
    return [
      { what: "up with a node", value: up, unit: "ms" },
      { what: "apply to Running", value: one, unit: "ms" },
      { what: "crun under conmon by hand", value: floor, unit: "ms" },
      { what: "ratio", value: one / floor, unit: "x" },
      { what: `${MANY} at once, p50`, value: many, unit: "ms" },
      ...processes.map(({ name }, index) => ({ what: `${name} CPU a pod`, value: cpu[index] ?? 0, unit: "ms" })),
      ...delays,
    ];
  } finally {
    await cluster.close();
  }
}

/** The guestbook at rest: memory and CPU of our processes, without conmon and workloads. */
export async function idle(root: string): Promise<readonly Measured[]> {
  const cluster = new BenchCluster(root);
  try {
    await cluster.tsukube("up", join(root, "examples/guestbook"));
    await realClock.sleep(20_000); // what a start leaves behind settles
    const processes = await cluster.processes();
    const before = processes.map(({ pid }) => cpuSecondsOf(pid));
    await realClock.sleep(IDLE_SECONDS * 1000);
    const cpu = processes.reduce((sum, { pid }, index) => sum + cpuSecondsOf(pid) - (before[index] ?? 0), 0);
    return [
      ...processes.map(({ name, pid }) => ({
        what: `${name} PSS`,
        value: pssOf(pid),
        unit: "MB",
        ...(name === "server" && { goal: "< 100" }),
      })),
      { what: "PSS together", value: processes.reduce((sum, { pid }) => sum + pssOf(pid), 0), unit: "MB" },
      { what: "of a core", value: (cpu / IDLE_SECONDS) * 100, unit: "%" },
    ];
  } finally {
    await cluster.close();
  }
}

/** Milliseconds from each pod's create to its Running, `parallel` at a time; the pods are removed after. */
async function starts(client: Client, count: number, parallel: number): Promise<readonly number[]> {
  const pods = client.resource<Pod>({ group: "", version: "v1", resource: "pods" }, "default");
  const running = new RunningPods(pods);
  await running.open();
  const names = Array.from({ length: count }, (_, index) => `bench-${index}`);
  const waiting = [...names];
  const times: number[] = [];
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const began = performance.now();
      const runs = running.of(name);
      await pods.create(podNamed(name));
      await runs;
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  running.close();
  await Promise.all(names.map((name) => pods.delete(name, { gracePeriodSeconds: 0 })));
  while ((await pods.list({ labelSelector: "bench" })).items.length > 0) await realClock.sleep(50);
  await realClock.sleep(500); // containers and networks go after their pods
  return times;
}

function podNamed(name: string): Pod {
  const container = { name: "c", image: "tsukube.local/busybox", command: ["sleep", "1000"] };
  return {
    metadata: { name, labels: { bench: "" } },
    spec: { terminationGracePeriodSeconds: 0, containers: [container] },
  };
}

/** Follows by a watch which pods run. */
class RunningPods {
  readonly #pods: ResourceClient<Pod>;
  readonly #waiting = new Map<string, () => void>();
  readonly #end = new AbortController();

  constructor(pods: ResourceClient<Pod>) {
    this.#pods = pods;
  }

  async open(): Promise<void> {
    const { metadata } = await this.#pods.list();
    void this.#follow(metadata?.resourceVersion ?? "").catch(() => {});
  }

  of(name: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(name, resolve));
  }

  close(): void {
    this.#end.abort();
  }

  async #follow(resourceVersion: string): Promise<void> {
    for await (const { object } of this.#pods.watch({ resourceVersion, signal: this.#end.signal })) {
      const pod = object as Pod;
      if (pod.status?.phase === "Running") this.#waiting.get(pod.metadata?.name ?? "")?.();
    }
  }
}

/** The same steps without us: namespaces, two batches of ip(8), an overlay, conmon and crun create, crun start. */
async function byHand(count: number): Promise<readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-floor-"));
  try {
    await prepareFloor(folder);
    const times: number[] = [];
    for (let index = 0; index < count; index++) {
      const began = performance.now();
      await run("sh", ["-eu", join(folder, "start.sh"), String(index)], { cwd: folder });
      times.push(performance.now() - began);
      await run("sh", ["-u", join(folder, "stop.sh"), String(index)], { cwd: folder, accept: [0, 1, 2, 32] });
    }
    return times;
  } finally {
    await run("sh", ["-c", CLEAN], { cwd: folder, accept: [0, 1, 2, 32] });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function prepareFloor(folder: string): Promise<void> {
  const lower = join(folder, "lower");
  for (const path of ["bin", "proc", "dev", "sys"]) mkdirSync(join(lower, path), { recursive: true });
  await run("cp", [existsSync("/bin/busybox") ? "/bin/busybox" : "/usr/bin/busybox", join(lower, "bin/busybox")]);
  const upper = join(folder, "upper"); // overlays need a file system that can carry one
  mkdirSync(upper);
  await run("mount", ["-t", "tmpfs", "tmpfs", upper]);
  await run("ip", ["link", "add", "tkfloor0", "type", "bridge"]);
  writeFileSync(join(folder, "spec.json"), JSON.stringify(floorSpec()));
  writeFileSync(join(folder, "crun.sh"), WRAPPER, { mode: 0o755 });
  writeFileSync(join(folder, "start.sh"), START);
  writeFileSync(join(folder, "stop.sh"), STOP);
}

function floorSpec(): object {
  return {
    ociVersion: "1.0.2",
    process: { args: ["/bin/busybox", "sleep", "1000"], cwd: "/", user: { uid: 0, gid: 0 } },
    root: { path: "rootfs" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: {
      cgroupsPath: "/tsukube-floor/ID",
      namespaces: [{ type: "mount" }, { type: "pid" }, { type: "network", path: "NETNS" }],
      resources: { memory: { limit: 64 << 20 }, cpu: { shares: 128 } },
    },
  };
}

/** On hybrid cgroups crun must not see the version 2 mount. */
const WRAPPER = `#!/bin/sh
[ -d /sys/fs/cgroup/unified ] || exec crun "$@"
exec unshare -m --propagation unchanged sh -c 'mount --make-private /sys/fs/cgroup
mount --make-private /sys/fs/cgroup/unified; umount /sys/fs/cgroup/unified; exec crun "$@"' sh "$@"
`;

const START = `id=floor-$1; b=$PWD/$id; mkdir -p $b/rootfs $b/persist upper/$id/u upper/$id/w; touch $b/net
unshare --net=$b/net true
printf '%s\\n' "link add tkf$1 type veth peer name eth0 netns $b/net" "link set tkf$1 master tkfloor0 up" | ip -batch -
printf '%s\\n' "link set lo up" "addr add 10.99.0.$((2 + $1))/24 dev eth0" "link set eth0 up" | nsenter --net=$b/net ip -batch -
mount -t overlay overlay -o lowerdir=$PWD/lower,upperdir=$PWD/upper/$id/u,workdir=$PWD/upper/$id/w $b/rootfs
sed "s|NETNS|$b/net|; s|ID|$id|" spec.json > $b/config.json
conmon -c $id -u $id -n $id -r $PWD/crun.sh --runtime-arg --root --runtime-arg $PWD/oci -b $b -p $b/pid -P $b/conmon.pid \\
  --exit-dir $PWD --persist-dir $b/persist -l k8s-file:$b/log --full-attach
while [ ! -s $b/pid ]; do sleep 0.001; done
until ./crun.sh --root $PWD/oci start $id 2>/dev/null; do sleep 0.001; done
`;

const STOP = `id=floor-$1; b=$PWD/$id
./crun.sh --root $PWD/oci delete --force $id; umount $b/rootfs; umount $b/net; rm -rf $b; ip link del tkf$1 2>/dev/null; true
`;

/** Control groups too: the runtime removes the containers' own alone. */
const CLEAN = `ip link del tkfloor0 2>/dev/null; umount upper 2>/dev/null
find /sys/fs/cgroup -depth -type d -path '*/tsukube-floor*' -exec rmdir {} + 2>/dev/null
`;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
