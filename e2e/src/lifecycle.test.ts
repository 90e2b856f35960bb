import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { isAlive, realClock } from "@tsukube/host";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { clientBinary } from "./clients.ts";
import { eventually, fetchText } from "./eventually.ts";
import { hostSettings, leftBehind } from "./host-state.ts";
import { Background, Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const ROOT = dirname(dirname(import.meta.dirname));

const OTHERS = `# mine, with care
apiVersion: v1
kind: Config
current-context: work # the one I use
clusters:
  - name: work
    cluster: { server: "https://work.example.com" }
contexts:
  - name: work
    context: { cluster: work, user: me, namespace: team }
users:
  - name: me # never commit
    user: { token: t }
preferences: {}
`;

describe("the control plane alone", () => {
  let lifetime: Lifetime;
  let tsukube: Tsukube;

  beforeEach(() => {
    lifetime = new Lifetime();
    tsukube = new Tsukube(lifetime, "e2e-lifecycle");
  });
  afterEach(() => lifetime.close(), 60_000);

  const kubeconfig = () => readFileSync(join(tsukube.home, ".kube/config"), "utf8");

  test("a context joins those of others, and leaves them as they were", async () => {
    mkdirSync(join(tsukube.home, ".kube"));
    writeFileSync(join(tsukube.home, ".kube/config"), OTHERS);
    await tsukube.run(["up", "--no-node"]);
    const merged = kubeconfig();
    for (const line of OTHERS.split("\n")) expect(merged).toContain(line.trim());
    expect(merged.match(/name: tsukube-e2e-lifecycle$/gm)?.length).toBe(3);
    const k = new Kubectl(join(tsukube.home, ".kube/config"));
    expect(await k.out("config current-context")).toBe("work");
    expect(await k.out("get namespaces default -o name --context tsukube-e2e-lifecycle")).toBe("namespace/default");
    await tsukube.run(["up", "--no-node"]);
    expect(kubeconfig()).toBe(merged);
    await tsukube.run(["down"]);
    expect(kubeconfig()).toBe(merged);
    await tsukube.run(["down", "--purge"]);
    expect(kubeconfig()).toBe(OTHERS);
  }, 60_000);

  test("without a kubeconfig there is one, with our context as the current; a broken one is refused and kept", async () => {
    await tsukube.run(["up", "--no-node"]);
    const k = new Kubectl(join(tsukube.home, ".kube/config"));
    expect(await k.out("config current-context")).toBe("tsukube-e2e-lifecycle");
    expect(statSync(join(tsukube.home, ".kube/config")).mode & 0o777).toBe(0o600);
    await tsukube.run(["down", "--purge"]);
    expect(await k.out("config get-contexts -o name")).toBe("");
    writeFileSync(join(tsukube.home, ".kube/config"), "clusters: [\n");
    await expect(tsukube.run(["up", "--no-node"])).rejects.toThrow(
      /Cannot read kubeconfig .*expected YAML.*repair or move/,
    );
    expect(kubeconfig()).toBe("clusters: [\n");
    writeFileSync(join(tsukube.home, ".kube/config"), "");
  }, 60_000);

  test("status tells scripts exactly this", async () => {
    const before = JSON.parse((await tsukube.run(["status", "-o", "json"], { accept: [1] })).stdout) as object;
    await tsukube.run(["up", "--no-node"]);
    const status = JSON.parse((await tsukube.run(["status", "-o", "json"])).stdout) as Record<string, unknown>;
    expect(status).toEqual({
      name: "e2e-lifecycle",
      ready: true,
      version: "v1.37.2",
      kubeconfig: expect.stringMatching(/^\/.*e2e-lifecycle\/kubeconfig$/),
      apiServer: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
      criSocket: "",
      nodes: [],
      processes: [
        { name: "server-supervisor", pid: expect.any(Number) },
        { name: "server", pid: expect.any(Number) },
      ],
      applications: [],
    });
    for (const { pid } of status["processes"] as { pid: number }[]) expect(isAlive(pid)).toBe(true);
    expect(Object.keys(before)).toEqual(Object.keys(status));
    expect(before).toMatchObject({ ready: false, apiServer: "", processes: [] });
    await tsukube.run(["down"]);
    expect(await tsukube.status()).toMatchObject({ ready: false, processes: [], apiServer: status["apiServer"] });
    expect((await tsukube.run(["status"], { accept: [1] })).stdout).toMatch(/is not running[\s\S]*tsukube up/);
  }, 60_000);

  test("--timings says what took how long, logs shows what processes said, doctor what is wrong and what to do", async () => {
    const { stdout } = await tsukube.run(["up", "--no-node", "--timings"]);
    expect(stdout).toMatch(/^\s+\d+ ms {2}starting the control plane on port \d+$/m);
    expect((await tsukube.run(["logs", "server"])).stdout).toMatch(/"level":"info","message":"serving"/);
    await expect(tsukube.run(["logs", "node"])).rejects.toThrow(/Cannot show logs/);
    const follow = new Background(lifetime, join(ROOT, "tsukube"), ["--name", tsukube.name, "logs", "-f"], tsukube.env);
    await follow.until(/"message":"serving"/);
    await follow.stop();
    const env = { ...tsukube.env, TSUKUBE_KUBECTL: clientBinary("kubectl") };
    const kubectl = (...args: string[]) => tsukube.run(["kubectl", ...args], { env, accept: [0, 1] });
    expect((await kubectl("get", "namespace", "default", "-o", "name")).stdout).toBe("namespace/default\n");
    expect(await kubectl("get", "namespace", "none")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("NotFound"),
    });
    expect((await tsukube.run(["doctor"])).stdout).not.toMatch(/^BAD/m);
    const key = join(dirname((await tsukube.status()).kubeconfig), "pki/ca.key");
    chmodSync(key, 0o644);
    expect((await tsukube.run(["doctor"], { accept: [1] })).stdout).toMatch(/^BAD {2}.*ca\.key\n\s+chmod 600/m);
    chmodSync(key, 0o600);
    const { processes } = await tsukube.status();
    for (const { pid } of processes) process.kill(pid, "SIGKILL");
    await expect.poll(() => processes.some(({ pid }) => isAlive(pid))).toBe(false);
    expect((await tsukube.run(["doctor"])).stdout).toContain("the cluster is stopped");
  }, 60_000);

  test("--foreground shows the logs, and stops the cluster on Ctrl-C, or ends when another stops it", async () => {
    const start = () =>
      new Background(
        lifetime,
        join(ROOT, "tsukube"),
        ["--name", tsukube.name, "up", "--no-node", "--foreground"],
        tsukube.env,
      );
    const first = start();
    await first.until(/is ready after/);
    await eventually("the cluster runs", async () => (await tsukube.status()).ready);
    const k = new Kubectl((await tsukube.status()).kubeconfig);
    await k.run("create configmap kept");
    first.child.kill("SIGINT");
    expect(await first.ended()).toBe(0);
    expect(first.output).toContain('"message":"serving"');
    expect((await tsukube.status()).processes).toEqual([]);
    const second = start();
    await second.until(/is ready after/);
    expect(await k.out("get configmap kept -o name")).toBe("configmap/kept");
    await tsukube.run(["down"]);
    expect(await second.ended()).toBe(0);
  }, 60_000);

  test("several commands at once take turns: one server, one supervisor, no error", async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => tsukube.run(["up", "--no-node"])));
    expect(results.filter(({ stderr }) => stderr.includes("creating cluster")).length).toBe(1);
    expect(results.some(({ stderr }) => /Waiting for another tsukube command \(pid \d+\)/.test(stderr))).toBe(true);
    const { processes, ready } = await tsukube.status();
    expect([ready, processes.map(({ name }) => name)]).toEqual([true, ["server-supervisor", "server"]]);
    await Promise.all([tsukube.run(["down"]), tsukube.run(["up", "--no-node"]), tsukube.run(["down"])]);
    await tsukube.run(["up", "--no-node"]);
    expect((await tsukube.status()).ready).toBe(true);
  }, 60_000);

  test("clusters that are made at once get addresses of their own", async () => {
    const others = ["e2e-lifecycle-2", "e2e-lifecycle-3"].map((name) => new Tsukube(lifetime, name));
    const all = [tsukube, ...others];
    await Promise.all(all.map((one) => one.run(["up", "--no-node"])));
    const status = await Promise.all(all.map((one) => one.status()));
    expect(status.map(({ ready }) => ready)).toEqual([true, true, true]);
    expect(new Set(status.map(({ apiServer }) => apiServer)).size).toBe(3);
    const ips = await Promise.all(
      status.map(({ kubeconfig: path }) =>
        new Kubectl(path).out("get service kubernetes -o jsonpath={.spec.clusterIP}"),
      ),
    );
    expect(new Set(ips).size).toBe(3);
  }, 60_000);

  test("down of a cluster that does not exist says so, and makes nothing", async () => {
    expect((await tsukube.run(["down", "--purge"])).stdout).toContain("does not exist: nothing to stop");
    expect(existsSync(dirname((await tsukube.status()).kubeconfig))).toBe(false);
  });
});

describe.skipIf(process.getuid?.() !== 0)("two clusters with nodes on one host (need root)", () => {
  const lifetime = new Lifetime();
  afterAll(() => lifetime.close(), 120_000);

  test("have networks of their own, and down leaves the host as it was", async () => {
    const before = hostSettings();
    const [one, two] = [new Tsukube(lifetime, "e2e-first"), new Tsukube(lifetime, "e2e-second")];
    const urlOf = async (cluster: Tsukube): Promise<string> =>
      (await cluster.run(["up", join(ROOT, "examples/hello")])).stdout.trimEnd().split("\n").at(-1) ?? "";
    const urls = [await urlOf(one), await urlOf(two)] as const;
    expect(urls[0]).not.toBe(urls[1]);
    const clients = [
      new Kubectl((await one.status()).kubeconfig),
      new Kubectl((await two.status()).kubeconfig),
    ] as const;
    const nameOf = (k: Kubectl) => k.out("get pods -l app=hello -o jsonpath={.items[0].metadata.name}");
    const podIp = (k: Kubectl) => k.out("get pods -l app=hello -o jsonpath={.items[0].status.podIP}");
    expect(await fetchText(urls[0])).toBe(`Hello from ${await nameOf(clients[0])}\n`);
    expect(await fetchText(urls[1])).toBe(`Hello from ${await nameOf(clients[1])}\n`);
    const network = async (k: Kubectl) => (await podIp(k)).split(".").slice(0, 2).join(".");
    expect(await network(clients[0])).not.toBe(await network(clients[1]));
    // the same name leads to each cluster's own
    const asked = (k: Kubectl) => k.out("exec deployment/hello -- wget -qO- http://hello.default.svc.cluster.local/");
    expect(await asked(clients[1])).toBe(`Hello from ${await nameOf(clients[1])}`);

    // a pod that takes its time does not hold up anybody
    await clients[0].run("run slow --image=tsukube.local/busybox -- sleep 1000");
    await clients[0].run("wait --for=condition=Ready pod/slow --timeout=30s");
    await clients[0].run("delete pod slow --wait=false");
    const began = realClock.monotonic();
    await one.run(["down"]);
    expect(realClock.monotonic() - began).toBeLessThan(15_000); // its grace is twice that
    expect(await leftBehind(one.name)).toEqual([]);
    expect(await fetchText(urls[1])).toMatch(/^Hello from/);
    expect(await asked(clients[1])).toMatch(/^Hello from/);
    await two.run(["down"]);
    for (const { name } of [one, two]) expect(await leftBehind(name)).toEqual([]);
    expect(hostSettings()).toBe(before);
    await two.run(["up"]);
    await eventually("the application answers again", async () => /^Hello/.test(await fetchText(urls[1])));
  }, 180_000);
});
