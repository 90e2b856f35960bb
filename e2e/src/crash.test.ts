import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { Lifetime } from "@tsukube/foundation";
import { isAlive, realClock, run, systemRandom } from "@tsukube/host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, fetchText } from "./eventually.ts";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const ROOT = dirname(dirname(import.meta.dirname));
const namespace = "default";

/** Ends processes as a crash would, and waits until they are gone. */
async function crash(pids: readonly number[]): Promise<void> {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  for (const pid of pids) while (isAlive(pid)) await realClock.sleep(5);
}

const pidsOf = async (tsukube: Tsukube): Promise<readonly number[]> =>
  (await tsukube.status()).processes.map(({ pid }) => pid);

/** A moment of the next second that no two runs share. */
const someMoment = (): Promise<void> => realClock.sleep(((systemRandom.bytes(1)[0] ?? 0) / 256) * 1000);

test("kill -9 under load, again and again, loses no acknowledged write and invents none", async () => {
  await using lifetime = new Lifetime();
  const tsukube = new Tsukube(lifetime, "e2e-crash-writes");
  await tsukube.run(["up", "--no-node"]);
  const { kubeconfig } = await tsukube.status();
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  /** What the server said last about a name; undefined is deleted. */
  const acknowledged = new Map<string, { readonly value: string; readonly revision: bigint } | undefined>();
  /** Writes that nobody answered: they may have happened. */
  const unanswered = new Map<string, string | undefined>();
  let writes = 0;
  const done = new AbortController();
  const core = config.makeApiClient(CoreV1Api);
  const writeOnce = async (name: string, value: string | undefined): Promise<void> => {
    if (value === undefined) {
      await core.deleteNamespacedConfigMap({ name, namespace });
      acknowledged.set(name, undefined);
      return;
    }
    const body = { metadata: { name }, data: { value } };
    const answer =
      acknowledged.get(name) === undefined
        ? await core.createNamespacedConfigMap({ namespace, body })
        : await core.replaceNamespacedConfigMap({ name, namespace, body });
    acknowledged.set(name, { value, revision: BigInt(answer.metadata?.resourceVersion ?? 0) });
  };
  const write = async (writer: number): Promise<void> => {
    for (let turn = 0; !done.signal.aborted; turn += 1) {
      const name = `w${writer}-${turn % 40}`;
      if (unanswered.has(name)) continue;
      const value = turn % 3 === 0 && acknowledged.get(name) !== undefined ? undefined : `${writer}/${turn}`;
      try {
        await writeOnce(name, value);
        writes += 1;
      } catch {
        unanswered.set(name, value);
        await eventually("an answer", async () => (await tsukube.status()).ready);
      }
    }
  };
  const writers = [1, 2, 3, 4].map(write);
  for (let round = 0; round < 4; round += 1) {
    const before = writes;
    await eventually("writes go on", async () => writes > before + 50);
    await someMoment();
    await crash(await pidsOf(tsukube));
    await tsukube.run(["up", "--no-node"]);
  }
  done.abort();
  await Promise.all(writers);
  await crash(await pidsOf(tsukube));
  await tsukube.run(["up", "--no-node"]);
  const list = await core.listNamespacedConfigMap({ namespace });
  const now = BigInt(list.metadata?.resourceVersion ?? 0);
  const found = new Map(list.items.map((item) => [item.metadata?.name ?? "", item]));
  for (const [name, last] of acknowledged) {
    const item = found.get(name);
    if (unanswered.has(name)) {
      expect([last?.value, unanswered.get(name)], name).toContain(item?.data?.["value"]);
      continue;
    }
    expect(item?.data?.["value"], name).toBe(last?.value);
    if (last === undefined) continue;
    expect(BigInt(item?.metadata?.resourceVersion ?? 0), name).toBe(last.revision);
    expect(last.revision).toBeLessThanOrEqual(now);
  }
  expect(acknowledged.size - unanswered.size).toBeGreaterThan(100);
}, 120_000);

describe.skipIf(process.getuid?.() !== 0)("a cluster whose processes are killed (needs root)", () => {
  const lifetime = new Lifetime();
  let tsukube: Tsukube;
  let k: Kubectl;
  let url: string;

  beforeAll(async () => {
    tsukube = new Tsukube(lifetime, "e2e-crash");
    url = (await tsukube.run(["up", `${ROOT}/examples/hello`])).stdout.trimEnd().split("\n").at(-1) ?? "";
    k = new Kubectl((await tsukube.status()).kubeconfig);
    await k.apply(WATCHER);
    await k.run("wait --for=condition=Ready pod/watcher --timeout=30s");
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  /** Asks a Service by name, by a name of its own each time so that no cache answers, and writes what fails. */
  const script = `
    turn=0
    while :; do
      turn=$((turn+1))
      wget -q -O /dev/null http://hello/ || echo "FAIL http $(date)"
      nslookup -type=a hello.default.svc.cluster.local >/dev/null || echo "FAIL dns $(date)"
      [ $((turn % 20)) = 0 ] && echo "turn $turn"
    done`;
  const WATCHER = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "watcher" },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: "c", image: "tsukube.local/busybox", command: ["sh", "-c", script] }],
    },
  };
  const containers = async (): Promise<readonly string[]> => {
    const item = "{.containerID} {.restartCount}{'\\n'}";
    const path = `{range .items[*].status.containerStatuses[*]}${item}{end}`;
    const { stdout } = await run(k.binary, ["get", "pods", "-A", "-o", `jsonpath=${path}`], { env: k.env });
    return stdout.trim().split("\n").sort();
  };

  test("kill -9 at any moment restarts no container and interrupts neither Services nor DNS", async () => {
    await eventually("the watcher watches", async () => /turn/.test(await k.out("logs watcher")));
    const before = await containers();
    const failures: string[] = [];
    const done = new AbortController();
    let asked = 0;
    const polling = (async () => {
      while (!done.signal.aborted) {
        asked += 1;
        await fetchText(url).catch((error: unknown) => failures.push(String(error)));
      }
    })();
    for (let round = 0; round < 5; round += 1) {
      await someMoment();
      const pids = await pidsOf(tsukube);
      // all, or only some of them: what is left must cope
      await crash(round % 2 === 0 ? pids : pids.filter((_, index) => index % 2 === (round % 4) >> 1));
      await tsukube.run(["up"]);
    }
    await eventually("the node is ready", async () => (await tsukube.status()).nodes[0]?.ready === true);
    const turns = async () => Number([...(await k.out("logs watcher")).matchAll(/turn (\d+)/g)].at(-1)?.[1]);
    const seen = await turns();
    await eventually("the watcher goes on", async () => (await turns()) > seen);
    done.abort();
    await polling;
    expect([failures.length, failures[0]]).toEqual([0, undefined]);
    expect(asked).toBeGreaterThan(100);
    expect(await k.out("logs watcher")).not.toContain("FAIL");
    expect(await containers()).toEqual(before);
  }, 120_000);

  test("after a kill containers are still watched: one that ends is restarted, a pod that is deleted goes", async () => {
    await k.run("run mortal --image=tsukube.local/busybox -- sh -c 'trap exit USR1; while :; do sleep 0.1; done'");
    await k.run("wait --for=condition=Ready pod/mortal --timeout=30s");
    await crash(await pidsOf(tsukube));
    // it ends while nobody looks
    const pid = await processOf("trap exit USR1");
    process.kill(pid, "SIGUSR1");
    while (isAlive(pid)) await realClock.sleep(10);
    await tsukube.run(["up"]);
    await k.run("wait pod/mortal --for=jsonpath={.status.containerStatuses[0].restartCount}=1 --timeout=30s");
    await k.run("wait --for=condition=Ready pod/mortal --timeout=30s");
    await crash(await pidsOf(tsukube));
    await tsukube.run(["up"]);
    await k.run("delete pod mortal --grace-period=1 --timeout=30s");
    expect(await processOf("trap exit USR1").catch(() => 0)).toBe(0);
  }, 90_000);

  test("a reboot brings every workload back", async () => {
    await k.apply(KEEPER);
    await k.run("wait --for=condition=Ready pod/keeper --timeout=30s");
    const names = () => k.out("get pods -o 'jsonpath={.items[*].metadata.name}'");
    const before = await names();
    await reboot(tsukube);
    expect(await fetchText(url).catch(() => "gone")).toBe("gone");
    await tsukube.run(["up"]);
    await eventually("the application answers", async () => /^Hello/.test(await fetchText(url)));
    await k.run("wait --for=condition=Ready pod --all --timeout=60s");
    expect(await names()).toBe(before);
    expect(await k.out("exec keeper -- cat /data/boots")).toBe("boot\nboot");
    expect(await k.out("get pod keeper -o 'jsonpath={.status.containerStatuses[0].restartCount}'")).toBe("1");
    expect(await k.out("exec watcher -- wget -q -O- http://hello/")).toMatch(/^Hello from/);
  }, 120_000);
});

const KEEPER = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: keeper }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
---
apiVersion: v1
kind: Pod
metadata: { name: keeper }
spec:
  containers:
    - name: c
      image: tsukube.local/busybox
      command: [sh, -c, "echo boot >> /data/boots; exec sleep 10000"]
      volumeMounts: [{ name: data, mountPath: /data }]
  volumes: [{ name: data, persistentVolumeClaim: { claimName: keeper } }]
`;

/** The pid of the process whose command line has this text and that runs in a container. */
async function processOf(text: string): Promise<number> {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = all.find((pid) => {
    try {
      const inContainer = readFileSync(`/proc/${pid}/cgroup`, "utf8").includes("/kubepods/");
      return inContainer && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
    } catch {
      return false; // it has ended
    }
  });
  if (found === undefined) throw new Error(`no process with "${text}"`);
  return Number(found);
}

/** What a reboot leaves of a cluster: the state directory. Processes, mounts, links, tables, groups and /run are gone. */
async function reboot(tsukube: Tsukube): Promise<void> {
  const runtime = `/run/tsukube/${tsukube.name}`;
  const isOurs = (pid: string): boolean => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      const group = readFileSync(`/proc/${pid}/cgroup`, "utf8");
      return command.includes(`${runtime}/`) || group.includes(`/tsukube-${tsukube.name}/`);
    } catch {
      return false;
    }
  };
  await crash(await pidsOf(tsukube));
  await crash(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && isOurs(name))
      .map(Number),
  );
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const point of mounts.filter((path) => path.includes(`/tsukube/${tsukube.name}/`)).reverse())
    await run("umount", ["-l", point], { accept: [0, 1, 32] });
  const tables = (await run("nft", ["list", "tables"])).stdout.trim().split("\n");
  for (const table of tables.filter((line) => line.includes(`tsukube-${tsukube.name}`)))
    await run("nft", ["delete", ...table.split(" ")]);
  const index = /"index":(\d+)/.exec(readFileSync(`/var/lib/tsukube/${tsukube.name}/cluster.json`, "utf8"))?.[1];
  await run("ip", ["link", "delete", `tsukube${index}`]);
  rmSync(runtime, { recursive: true, force: true });
}
