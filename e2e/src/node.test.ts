import { dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually, fetchText } from "./eventually.ts";
import { hostSettings, leftBehind } from "./host-state.ts";
import { Tsukube } from "./tsukube.ts";

const ROOT = dirname(dirname(import.meta.dirname));
const isRoot = process.getuid?.() === 0;
type Kubectl = Awaited<ReturnType<Tsukube["kubectl"]>>;

describe.skipIf(!isRoot)("a cluster with a node (needs root)", () => {
  const lifetime = new Lifetime();
  let tsukube: Tsukube;
  let kubectl: Kubectl;
  let url = "";
  let before = "";

  beforeAll(async () => {
    before = hostSettings();
    tsukube = new Tsukube(lifetime, "e2e-node");
    const { stdout } = await tsukube.run(["up", join(ROOT, "examples/hello")]);
    url = stdout.trimEnd().split("\n").at(-1) ?? "";
    kubectl = await tsukube.kubectl();
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  const out = async (...args: string[]): Promise<string> => (await kubectl(args)).stdout.trim();

  test("the last line of up is the application's URL, and it answers", async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(await fetchText(url)).toMatch(/^Hello from hello-/);
  });

  test("a second up is quick and changes nothing", async () => {
    const shown = () => out("get", "pods", "-A", "-o", "jsonpath={.items[*].metadata.uid}");
    const pods = await shown();
    await tsukube.run(["up", join(ROOT, "examples/hello")]);
    expect(await shown()).toBe(pods);
  });

  test("the node is ready and says what it has", async () => {
    expect(await out("get", "nodes")).toMatch(/Ready/);
    expect(await out("describe", "nodes")).toMatch(/Container Runtime Version:\s+tsukube:/);
  });

  test("kube-proxy's and the kubelet's own ports tell how they are, how Services are served and what is in force", async () => {
    const { apiServer } = await tsukube.status();
    const index = Number(new URL(apiServer).port) - 6443;
    const get = async (port: number, path: string) => fetchText(`http://127.0.0.1:${port + 10 * index}${path}`);
    const own = index === 0 ? 10249 : 10245;
    expect(await get(10248, "/healthz")).toBe("ok");
    expect(JSON.parse(await get(10256, "/healthz"))).toMatchObject({ nodeEligible: true, healthy: true });
    expect(JSON.parse(await get(10256, "/livez"))).toMatchObject({ healthy: true });
    expect([await get(own, "/healthz"), await get(own, "/proxyMode")]).toEqual(["ok", "nftables"]);
    expect(JSON.parse(await get(own, "/configz"))).toMatchObject({ "kubeproxy.config.k8s.io": { mode: "nftables" } });
    expect(await get(own, "/metrics")).toMatch(
      /^kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv4"\} [1-9]/m,
    );
  });

  test("a pod runs, tells its log, takes commands with input and exit code, and goes", async () => {
    const script = "echo started; trap exit TERM; while :; do sleep 0.2; done";
    await kubectl([
      "run",
      "one",
      "--image=tsukube.local/busybox",
      "--restart=Never",
      "--env=COLOR=blue",
      "--",
      "sh",
      "-c",
      script,
    ]);
    await kubectl(["wait", "--for=condition=Ready", "pod/one", "--timeout=30s"]);
    expect(await out("logs", "one")).toBe("started");
    expect(await out("exec", "one", "--", "sh", "-c", "echo $COLOR; hostname")).toBe("blue\none");
    expect((await kubectl(["exec", "-i", "one", "--", "cat"], { input: "through stdin" })).stdout).toBe(
      "through stdin",
    );
    expect((await kubectl(["exec", "one", "--", "sh", "-c", "exit 7"], { accept: [7] })).code).toBe(7);
    expect(await out("exec", "one", "--", "cat", "/var/run/secrets/kubernetes.io/serviceaccount/namespace")).toBe(
      "default",
    );
    await kubectl(["delete", "pod", "one", "--timeout=30s"]);
    expect(await out("get", "pods", "one", "--ignore-not-found")).toBe("");
  }, 60_000);

  test("ConfigMap and Secret reach a pod as environment and as files, after its init container", async () => {
    await kubectl(["create", "configmap", "settings", "--from-literal=color=blue"]);
    await kubectl(["create", "secret", "generic", "key", "--from-literal=token=s3cret"]);
    const manifest = `
apiVersion: v1
kind: Pod
metadata: { name: reader }
spec:
  terminationGracePeriodSeconds: 0
  initContainers:
    - { name: init, image: tsukube.local/busybox, command: [sh, -c, "echo prepared > /work/file"], volumeMounts: [{ name: work, mountPath: /work }] }
  containers:
    - name: main
      image: tsukube.local/busybox
      command: [sleep, "1000"]
      env: [{ name: TOKEN, valueFrom: { secretKeyRef: { name: key, key: token } } }, { name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }]
      envFrom: [{ configMapRef: { name: settings } }]
      resources: { limits: { memory: 64Mi, cpu: 500m } }
      volumeMounts: [{ name: work, mountPath: /work }, { name: settings, mountPath: /settings }]
  volumes:
    - { name: work, emptyDir: {} }
    - { name: settings, configMap: { name: settings } }
`;
    await kubectl(["apply", "-f", "-"], { input: manifest });
    await kubectl(["wait", "--for=condition=Ready", "pod/reader", "--timeout=30s"]);
    expect(await out("exec", "reader", "--", "sh", "-c", 'echo "$color $TOKEN"; cat /work/file /settings/color')).toBe(
      "blue s3cret\nprepared\nblue",
    );
    expect(await out("get", "pod", "reader", "-o", "jsonpath={.status.qosClass}")).toBe("Burstable");
    await kubectl(["delete", "pod", "reader"]);
  }, 60_000);

  test("a container that fails is started again, later each time, and says why", async () => {
    await kubectl(["run", "crash", "--image=tsukube.local/busybox", "--", "sh", "-c", "echo dying; exit 3"]);
    await eventually("CrashLoopBackOff", async () => /CrashLoopBackOff/.test(await out("get", "pod", "crash")));
    expect(
      await out("get", "pod", "crash", "-o", "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}"),
    ).toBe("3");
    expect(await out("logs", "crash", "--previous")).toBe("dying");
    await kubectl(["delete", "pod", "crash", "--force", "--grace-period=0"]);
  }, 60_000);

  test("an image that does not exist is reported, and a pod that does not fit says why", async () => {
    await kubectl(["run", "noimage", "--image=tsukube.local/nothing"]);
    await eventually("image error", async () =>
      /ErrImagePull|ImagePullBackOff/.test(await out("get", "pod", "noimage")),
    );
    const huge = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"huge"},"spec":{"containers":[{"name":"c","image":"x","resources":{"requests":{"cpu":"1000"}}}]}}`;
    await kubectl(["apply", "-f", "-"], { input: huge });
    await eventually("FailedScheduling", async () =>
      /0\/1 nodes are available: 1 Insufficient cpu/.test(await out("describe", "pod", "huge")),
    );
    await kubectl(["delete", "pod", "noimage", "huge", "--force", "--grace-period=0"]);
  }, 60_000);

  test("Services and cluster DNS lead to pods, rolling updates go through, and deleting the owner deletes them", async () => {
    const ask = (host: string) => out("exec", "deploy/hello", "--", "wget", "-qO-", `http://${host}/`);
    await eventually("DNS", async () => /^Hello from/.test(await ask("hello.default.svc.cluster.local")));
    expect(await ask("hello")).toMatch(/^Hello from/);
    await kubectl(["scale", "deployment", "hello", "--replicas=2"]);
    await kubectl(["set", "env", "deployment/hello", "CHANGED=yes"]);
    await kubectl(["rollout", "status", "deployment/hello", "--timeout=60s"]);
    expect(await out("exec", "deploy/hello", "--", "sh", "-c", "echo $CHANGED")).toBe("yes");
    await kubectl(["rollout", "undo", "deployment/hello"]);
    await kubectl(["rollout", "status", "deployment/hello", "--timeout=60s"]);
    expect(await out("exec", "deploy/hello", "--", "sh", "-c", "echo [$CHANGED]")).toBe("[]");
  }, 120_000);

  test("a namespace goes with all that is in it", async () => {
    await kubectl(["create", "namespace", "gone"]);
    await kubectl(["create", "deployment", "d", "--image=tsukube.local/busybox", "-n", "gone", "--", "sleep", "1000"]);
    await kubectl(["delete", "namespace", "gone", "--timeout=60s"]);
    expect(await out("get", "namespace", "gone", "--ignore-not-found")).toBe("");
  }, 90_000);

  test("down leaves the host as it was, and up brings everything back", async () => {
    expect((await leftBehind(tsukube.name)).length).toBeGreaterThan(10); // it sees what there is
    await tsukube.run(["down"]);
    expect(await leftBehind(tsukube.name)).toEqual([]);
    expect(hostSettings()).toBe(before);
    await tsukube.run(["up"]);
    await eventually("the application answers again", async () => /^Hello from/.test(await fetchText(url)));
  }, 120_000);
});
