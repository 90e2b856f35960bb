import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PodStatus } from "@tsukube/api/types/core-v1";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const isRoot = process.getuid?.() === 0;
const canHaveUsers = spawnSync("unshare", ["--user", "true"]).status === 0; // not in a chroot

/** A pod of busybox containers. @param spec YAML lines of its spec besides containers, indented by two. */
function podYaml(name: string, containers: readonly string[], spec = ""): string {
  const lines = containers.map((more, index) => {
    const own = /\bname:/.test(more.split(",")[0] ?? "") ? "" : `name: c${index}, `;
    return `    - { ${own}image: tsukube.local/busybox, ${more} }`;
  });
  return `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name}, version: one } }
spec:
  terminationGracePeriodSeconds: 0${spec}
  containers:
${lines.join("\n")}
---`;
}
const sh = (script: string) => `command: [sh, -c, ${JSON.stringify(script)}]`;
const FOREVER = "command: [sleep, '10000']";

/** Speaks grpc.health.v1 by hand: SERVING until the file /tmp/sick is there. */
const HEALTH = `
const { existsSync } = require("node:fs");
require("node:http2").createServer().on("stream", (stream, headers) => {
  if (headers[":path"] !== "/grpc.health.v1.Health/Check") return stream.close();
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, existsSync("/tmp/sick") ? 2 : 1]));
}).listen(5000);
`;

describe.skipIf(!isRoot)("what a kubelet does for a pod (needs root)", () => {
  const lifetime = new Lifetime();
  let tsukube: Tsukube;
  let k: Kubectl;
  let node: string;

  beforeAll(async () => {
    tsukube = new Tsukube(lifetime, "e2e-pods");
    await tsukube.run(["up"]);
    k = new Kubectl((await tsukube.status()).kubeconfig);
    node = await k.out("get nodes -o jsonpath={.items[0].metadata.name}");
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  const ready = (...names: string[]) =>
    k.run(`wait --for=condition=Ready ${names.map((name) => `pod/${name}`).join(" ")} --timeout=60s`);
  const statusOf = async (name: string): Promise<PodStatus> =>
    (JSON.parse(await k.out(`get pod ${name} -o json`)) as { status: PodStatus }).status;
  const statusesOf = async (name: string) => (await statusOf(name)).containerStatuses ?? [];
  const restarts = async (name: string) => (await statusesOf(name))[0]?.restartCount;
  const phaseIs = (name: string, phase: string) =>
    k.run(`wait --for=jsonpath={.status.phase}=${phase} pod/${name} --timeout=60s`);
  const gone = (...names: string[]) => k.run(`delete pod ${names.join(" ")} --timeout=60s`);
  const exec = (pod: string, command: string) => k.out(`exec ${pod} -- sh -c '${command}'`);

  test("a gRPC probe asks the health service, and a container that is not serving starts again", async () => {
    const health = `
apiVersion: v1
kind: Pod
metadata: { name: grpc }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: tsukube.local/node:26
      command: [node, -e, ${JSON.stringify(HEALTH)}]
      livenessProbe: { grpc: { port: 5000 }, initialDelaySeconds: 2, periodSeconds: 1, failureThreshold: 2 }
      readinessProbe: { grpc: { port: 5000 }, periodSeconds: 1 }`;
    await k.apply(health);
    await ready("grpc");
    expect(await restarts("grpc")).toBe(0);
    await k.run('exec grpc -- node -e fs.mkdirSync("/tmp/sick")');
    await eventually("a restart", async () => (await restarts("grpc")) === 1);
    expect(await k.out("get events --field-selector involvedObject.name=grpc,reason=Unhealthy")).toMatch(
      /Liveness probe failed: service unhealthy \(responded with "NOT_SERVING"\)/,
    );
    await gone("grpc");
  }, 120_000);

  test("startup gates readiness; HTTP probes send headers to named ports", async () => {
    const serve = `mkdir -p /www/cgi-bin; printf '#!/bin/sh\\n[ "$HTTP_X_KEY" = right ] && echo Status: 200 OK || echo Status: 403 No; echo; echo\\n' > /www/cgi-bin/ok; chmod +x /www/cgi-bin/ok; exec httpd -f -p 8080 -h /www`;
    const get = (key: string) =>
      `{ httpGet: { port: web, path: /cgi-bin/ok, httpHeaders: [{ name: X-Key, value: ${key} }] }, periodSeconds: 1 }`;
    const ports = "ports: [{ name: web, containerPort: 8080 }]";
    const startup = "startupProbe: { exec: { command: [test, -e, /tmp/up] }, periodSeconds: 1, failureThreshold: 60 }";
    await k.apply(
      podYaml("probed", [
        `${sh(serve)}, ${ports}, readinessProbe: ${get("right")}, ${startup}`,
        `${sh(serve.replace("8080", "8081"))}, ports: [{ name: web, containerPort: 8081 }], readinessProbe: ${get("wrong")}`,
      ]),
    );
    const states = async () => (await statusesOf("probed")).map(({ started, ready: isReady }) => [started, isReady]);
    const other = [true, false]; // it started, and its probe sends what the server refuses
    await eventually("the other has started", async () => (await states())[1]?.[0] === true);
    expect(await states()).toEqual([[false, false], other]);
    await k.run("exec probed -c c0 -- touch /tmp/up");
    await eventually("ready", async () => (await states())[0]?.[1] === true);
    expect(await states()).toEqual([[true, true], other]);
    await gone("probed");
  }, 120_000);

  test("ConfigMaps, Secrets and labels reach files within two seconds, optional ones when they come", async () => {
    await k.run("create configmap colors --from-literal=a=one");
    await k.run("create secret generic key --from-literal=t=one");
    const volumes = `
  volumes:
    - { name: c, configMap: { name: colors } }
    - { name: s, secret: { secretName: key, defaultMode: 0400 } }
    - { name: late, configMap: { name: late, optional: true } }
    - { name: p, projected: { sources: [{ downwardAPI: { items: [{ path: labels, fieldRef: { fieldPath: metadata.labels } }] } }] } }`;
    const mounts = ["c", "s", "late", "p"].map((name) => `{ name: ${name}, mountPath: /v/${name} }`).join(", ");
    const part = "{ name: c, mountPath: /part, subPath: a }";
    await k.apply(podYaml("follower", [`${FOREVER}, volumeMounts: [${mounts}, ${part}]`], volumes));
    await ready("follower");
    const shown = () =>
      exec("follower", "cat /v/c/a /v/s/t /v/late/x 2>/dev/null; grep version /v/p/labels; cat /part");
    expect(await shown()).toBe('oneoneversion="one"\none');
    expect(await exec("follower", "stat -Lc %a /v/s/t; mount | grep -c /v/s")).toBe("400\n1");
    await k.run(`patch configmap colors -p '{"data":{"a":"two"}}'`);
    await k.run(`patch secret key -p '{"stringData":{"t":"two"}}'`);
    await k.run("create configmap late --from-literal=x=late");
    await k.run("label pod follower version=two --overwrite");
    const began = Date.parse(new Date().toISOString());
    await eventually("files follow", async () => (await shown()) === 'twotwolateversion="two"\none');
    expect(Date.parse(new Date().toISOString()) - began).toBeLessThan(5000); // kubectl itself takes its time
    await gone("follower");
  }, 120_000);

  test("hooks run around a container's life, sidecars end after it, within the pod's time", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tsukube-e2e-hooks-"));
    lifetime.add("hooks", () => rmSync(folder, { recursive: true }));
    const log = (what: string) => `echo ${what} >> /log/log`;
    const loop = (name: string) => sh(`trap '${log(`${name}-term`)}; exit 0' TERM; while :; do sleep 0.05; done`);
    const mount = "volumeMounts: [{ name: log, mountPath: /log }]";
    const spec = `
  volumes: [{ name: log, hostPath: { path: ${folder} } }]
  initContainers:
    - { name: init, image: tsukube.local/busybox, ${sh(log("init"))}, ${mount} }
    - { name: side, image: tsukube.local/busybox, restartPolicy: Always, ${loop("side")}, ${mount} }`;
    const lifecycle = `lifecycle: { postStart: { exec: { command: [sh, -c, ${JSON.stringify(log("post"))}] } }, preStop: { exec: { command: [sh, -c, ${JSON.stringify(`sleep 0.5; ${log("pre")}`)}] } } }`;
    await k.apply(
      podYaml("hooked", [`${loop("main")}, ${lifecycle}, ${mount}`], spec).replace("Seconds: 0", "Seconds: 20"),
    );
    await ready("hooked");
    await gone("hooked");
    expect(readFileSync(join(folder, "log"), "utf8").trim().split("\n")).toEqual([
      "init",
      "post",
      "pre",
      "main-term",
      "side-term",
    ]);
  }, 120_000);

  test("pods end as their containers do, and say why", async () => {
    const never = "\n  restartPolicy: Never";
    const init = `${never}\n  initContainers: [{ name: bad, image: tsukube.local/busybox, command: ["false"] }]`;
    const rules =
      "restartPolicy: Never, restartPolicyRules: [{ action: Restart, exitCodes: { operator: In, values: [42] } }]";
    await k.apply(
      [
        podYaml("done", ["command: ['true']", sh("echo bye > /dev/termination-log")], never),
        podYaml(
          "failed",
          [`${sh("echo why; exit 3")}, terminationMessagePolicy: FallbackToLogsOnError`, "command: ['true']"],
          never,
        ),
        podYaml("uninitialized", [FOREVER], init),
        podYaml("late", [FOREVER], "\n  activeDeadlineSeconds: 2"),
        podYaml("greedy", [`${sh("exec tail /dev/zero")}, resources: { limits: { memory: 16Mi } }`], never),
        podYaml(
          "full",
          [`${sh("head -c 5000000 /dev/zero > /d/x; sleep 1000")}, volumeMounts: [{ name: d, mountPath: /d }]`],
          `${never}\n  volumes: [{ name: d, emptyDir: { sizeLimit: 1Mi } }]`,
        ),
        podYaml(
          "ruled",
          [
            `${sh("[ -e /d/once ] && exit 1; touch /d/once; exit 42")}, ${rules}, volumeMounts: [{ name: d, mountPath: /d }]`,
          ],
          "\n  volumes: [{ name: d, emptyDir: {} }]",
        ),
      ].join("\n"),
    );
    await phaseIs("done", "Succeeded");
    for (const name of ["failed", "uninitialized", "late", "greedy", "full", "ruled"]) await phaseIs(name, "Failed");
    const ends = async (name: string) => (await statusesOf(name)).map(({ state }) => state?.terminated);
    expect((await ends("done"))[1]?.message).toBe("bye\n");
    expect((await ends("failed"))[0]).toMatchObject({ exitCode: 3, message: "why\n" });
    expect((await ends("greedy"))[0]).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
    const conditions = async (name: string) => (await statusOf(name)).conditions;
    const condition = (type: string, status: string, reason: string) =>
      expect.arrayContaining([expect.objectContaining({ type, status, reason })]);
    expect(await conditions("uninitialized")).toEqual(condition("Initialized", "False", "ContainersNotInitialized"));
    expect(await conditions("failed")).toEqual(condition("Ready", "False", "PodFailed"));
    expect(await conditions("full")).toEqual(condition("DisruptionTarget", "True", "TerminationByKubelet"));
    expect((await statusOf("late")).reason).toBe("DeadlineExceeded");
    expect(await statusOf("full")).toMatchObject({
      reason: "Evicted",
      message: 'Usage of EmptyDir volume "d" exceeds the limit "1Mi". ',
    });
    expect(await restarts("ruled")).toBe(1);
    await gone("done", "failed", "uninitialized", "late", "greedy", "full", "ruled");
  }, 120_000);

  test("a container runs as who, with what rights and under which names it is told to", async () => {
    const spec = `
  hostname: db
  subdomain: sql
  setHostnameAsFQDN: true
  shareProcessNamespace: true
  hostAliases: [{ ip: 10.1.2.3, hostnames: [alias.example] }]
  dnsConfig: { options: [{ name: ndots, value: "2" }] }
  securityContext: { runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000], fsGroup: 5000 }
  volumes: [{ name: e, emptyDir: {} }]
  initContainers:
    - { name: init, image: tsukube.local/busybox, ${sh("printf \"A='from file'\\n\" > /e/vars")}, volumeMounts: [{ name: e, mountPath: /e }] }`;
    const security =
      "securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }";
    const env =
      "env: [{ name: A, value: a }, { name: B, value: $(A)b$$(A) }, { name: F, valueFrom: { fileKeyRef: { volumeName: e, path: vars, key: A } } }, { name: M, valueFrom: { resourceFieldRef: { resource: limits.memory, divisor: 1Mi } } }]";
    await k.apply(
      podYaml(
        "secured",
        [`${FOREVER}, ${security}, ${env}, resources: { limits: { memory: 32Mi } }`, "command: [sleep, '4321']"],
        spec,
      ),
    );
    await ready("secured");
    expect(await exec("secured", "id -u; id -g; id -G; hostname; echo $B,$F,$M")).toBe(
      "1000\n3000\n3000 4000 5000\ndb.sql.default.svc.cluster.local\nab$(A),from file,32",
    );
    expect(await exec("secured", 'touch /x 2>&1; grep -E "CapBnd|NoNewPrivs" /proc/self/status')).toBe(
      "touch: /x: Read-only file system\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1",
    );
    expect(await exec("secured", "grep alias /etc/hosts; grep ndots /etc/resolv.conf")).toBe(
      "10.1.2.3\talias.example\noptions ndots:2",
    );
    expect(await exec("secured", 'ps -o args | grep -c "sleep 4321"')).not.toBe("0");
    await k.run(
      "debug secured --image=tsukube.local/busybox --target=c0 --container=dbg --profile=general -- sh -c 'ps -o args; sleep 1000'",
    );
    await eventually("the debugger sees them", async () => /sleep 4321/.test(await k.out("logs secured -c dbg")));
    expect((await statusesOf("secured"))[0]?.user).toEqual({
      linux: { uid: 1000, gid: 3000, supplementalGroups: [3000, 5000, 4000] },
    });
    await gone("secured");
  }, 120_000);

  test.skipIf(!canHaveUsers)(
    "a pod with users of its own: its root is nobody on the node, and its volumes are its own",
    async () => {
      await k.run("create configmap settings --from-literal=mode=quiet");
      const folder = mkdtempSync(join(tmpdir(), "tsukube-users-"));
      lifetime.add("host folder", () => rmSync(folder, { recursive: true }));
      const spec = `
  hostUsers: false
  securityContext: { fsGroup: 5000 }
  volumes:
    - { name: e, emptyDir: {} }
    - { name: m, emptyDir: { medium: Memory } }
    - { name: s, configMap: { name: settings } }
    - { name: h, hostPath: { path: ${folder} } }
    - { name: i, image: { reference: tsukube.local/busybox } }`;
      const mounts = ["e", "m", "s", "h", "i"].map((name) => `{ name: ${name}, mountPath: /v/${name} }`).join(", ");
      await k.apply(podYaml("own", [`${FOREVER}, volumeMounts: [${mounts}]`], spec));
      await k.apply(podYaml("other", [FOREVER], "\n  hostUsers: false"));
      await ready("own", "other");
      const first = async (pod: string) => Number((await exec(pod, "cat /proc/self/uid_map")).trim().split(/\s+/)[1]);
      expect(await exec("own", "id -u; stat -Lc %u:%g /bin/busybox /v/e /v/m /v/s/mode /v/h /v/i/bin/busybox")).toBe(
        "0\n0:0\n0:5000\n0:5000\n0:5000\n0:0\n0:0",
      );
      expect(await exec("own", "cat /v/s/mode /var/run/secrets/kubernetes.io/serviceaccount/namespace")).toBe(
        "quietdefault",
      );
      await exec("own", "echo x > /v/h/file && chown 7:8 /v/h/file && echo x > /v/e/file && echo >> /etc/hosts");
      expect([statSync(join(folder, "file")).uid, statSync(join(folder, "file")).gid]).toEqual([7, 8]);
      const [one, two] = [await first("own"), await first("other")];
      expect([one === two, Math.min(one, two) >= 65_536, one % 65_536]).toEqual([false, true, 0]);
      expect(await k.out("get nodes -o jsonpath={.items[0].status.runtimeHandlers[0].features.userNamespaces}")).toBe(
        "true",
      );
      const refused = await k.fails("apply -f -", {
        input: podYaml("both", [FOREVER], "\n  hostUsers: false\n  hostNetwork: true"),
      });
      expect(refused).toMatch(/spec.hostNetwork: Forbidden: when `hostUsers` is false/);
      await k.apply(podYaml("lost", ["command: [no-such-program]"], "\n  hostUsers: false"));
      const reason = "{.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff";
      await k.run(`wait --for=jsonpath=${reason} --timeout=60s pod/lost`);
      const node = await k.out("get nodes -o jsonpath={.items[0].metadata.name}");
      const metrics = await k.out(`get --raw /api/v1/nodes/${node}/proxy/metrics`);
      expect(metrics).toMatch(/^kubelet_started_user_namespaced_pods_total 3$/m);
      expect(metrics).toMatch(/^kubelet_started_user_namespaced_pods_errors_total 1$/m);
      await gone("own", "other", "lost");
    },
    120_000,
  );

  test("containers are resized in place, restarted where their policy says so, and not beyond the node", async () => {
    const resources = "resources: { requests: { cpu: 100m, memory: 32Mi }, limits: { cpu: 200m, memory: 32Mi } }";
    const policy = "resizePolicy: [{ resourceName: memory, restartPolicy: RestartContainer }]";
    await k.apply(podYaml("resized", [`${FOREVER}, ${resources}, ${policy}`]));
    await ready("resized");
    const resize = (change: string) =>
      k.run(
        `patch pod resized --subresource resize -p '{"spec":{"containers":[{"name":"c0","resources":${change}}]}}'`,
      );
    const resources0 = async () => (await statusesOf("resized"))[0];
    await resize('{"requests":{"cpu":"150m"},"limits":{"cpu":"300m"}}');
    await eventually("cpu", async () => (await resources0())?.resources?.limits?.["cpu"] === "300m");
    expect(await exec("resized", "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu/cpu.shares")).toBe(
      "30000\n153",
    );
    expect(await restarts("resized")).toBe(0);
    await resize('{"requests":{"memory":"48Mi"},"limits":{"memory":"48Mi"}}');
    await eventually("a restart", async () => (await restarts("resized")) === 1);
    await ready("resized");
    expect(await exec("resized", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes")).toBe(String(48 << 20));
    await expect(resize('{"requests":{"cpu":"900"},"limits":{"cpu":"901"}}')).rejects.toThrow(
      "node didn't have enough allocatable resources: cpu, requested: 900000",
    );
    expect((await resources0())?.allocatedResources?.["cpu"]).toBe("150m");
    await gone("resized");
  }, 120_000);

  test("an init container is resized while it runs", async () => {
    const resources = "resources: { requests: { cpu: 100m }, limits: { cpu: 200m } }";
    const init = `\n  initContainers: [{ name: first, image: tsukube.local/busybox, ${FOREVER}, ${resources} }]`;
    await k.apply(podYaml("early", [FOREVER], init));
    const limit = async () => (await statusOf("early")).initContainerStatuses?.[0]?.resources?.limits?.["cpu"];
    await eventually("it runs", async () => (await limit()) === "200m");
    const change = { spec: { initContainers: [{ name: "first", resources: { limits: { cpu: "300m" } } }] } };
    await k.run(`patch pod early --subresource resize -p '${JSON.stringify(change)}'`);
    await eventually("it has more", async () => (await limit()) === "300m");
    await gone("early");
  }, 120_000);

  test("a pod is resized as a whole, up and down, and not below what it uses", async () => {
    const policy = "resizePolicy: [{ resourceName: cpu, restartPolicy: RestartContainer }]";
    const whole = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
    const resources = JSON.stringify(whole("100m", "64Mi"));
    await k.apply(podYaml("whole", [`${FOREVER}, ${policy}`], `\n  resources: ${resources}`));
    await ready("whole");
    const resize = (cpu: string, memory: string) =>
      k.run(`patch pod whole --subresource resize -p '${JSON.stringify({ spec: { resources: whole(cpu, memory) } })}'`);
    const settled = async (cpu: string, times: number) => {
      await eventually(`cpu is ${cpu}`, async () => (await statusOf("whole")).resources?.limits?.["cpu"] === cpu);
      expect(await restarts("whole")).toBe(times);
    };
    expect(await exec("whole", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes")).toBe(String(64 << 20));
    await resize("200m", "64Mi");
    await settled("200m", 1);
    await resize("100m", "64Mi");
    await settled("100m", 2);
    await resize("100m", "10Ki");
    const message = async () =>
      (await statusOf("whole")).conditions?.find(({ type }) => type === "PodResizeInProgress")?.message ?? "";
    await eventually("it is refused", async () =>
      /pod memory limit \(10240\) below current usage/.test(await message()),
    );
    const shown = await statusOf("whole");
    expect([shown.allocatedResources, shown.resources]).toEqual([
      { cpu: "100m", memory: "10Ki" },
      whole("100m", "64Mi"),
    ]);
    await gone("whole");
  }, 120_000);

  test("a pod of a manifest on the node runs, is shown, and goes with its file", async () => {
    const { kubeconfig } = await tsukube.status();
    const file = join(dirname(kubeconfig), "manifests/web.yaml");
    writeFileSync(file, podYaml("web", [sh("echo static; sleep 1000")]).replaceAll("---", ""));
    await eventually("it runs", async () => (await k.out(`logs web-${node}`)) === "static");
    await k.run(`delete pod web-${node} --wait=false`);
    await eventually("it is shown again", async () => (await statusOf(`web-${node}`)).phase === "Running");
    expect(await restarts(`web-${node}`)).toBe(0);
    rmSync(file);
    await eventually("it is gone", async () => (await k.out(`get pod web-${node} --ignore-not-found`)) === "");
    expect(existsSync(file)).toBe(false);
  }, 120_000);

  test("a host port is a pod's or a container's, and whoever comes second is told who has it", async () => {
    const ports = "ports: [{ containerPort: 80, hostPort: 18097 }]";
    await k.run("apply -f -", { input: podYaml("port", [`${FOREVER}, ${ports}`]) });
    await ready("port");
    const publish = (port: number) =>
      tsukube.run(
        ["run", "-d", "--name", `port-${port}`, "-p", `${port}:80`, "tsukube.local/busybox", "sleep", "10000"],
        {
          accept: [0, 1, 125, 126],
        },
      );
    const { code, stderr } = await publish(18_097);
    expect([code, stderr]).not.toEqual([0, ""]);
    expect(stderr).toMatch(/Bind for 0\.0\.0\.0:18097 failed: port is already allocated \(a pod at [\d.]+ has it\)/);
    await tsukube.run(["rm", "-f", "port-18097"], { accept: [0, 1] });
    const { stdout } = await publish(18_098);
    await k.run("apply -f -", { input: podYaml("late", [`${FOREVER}, ${ports.replace("18097", "18098")}`]) });
    await eventually("the pod says who has its port", async () =>
      (await k.out("get events --field-selector involvedObject.name=late")).includes(
        `Cannot publish host port 18098/tcp: it leads to container ${stdout.slice(0, 12)} already`,
      ),
    );
    await tsukube.run(["rm", "-f", "port-18098"]);
    await ready("late");
    await gone("port", "late");
  }, 120_000);

  test("the node tells what it and its pods use, to who may ask", async () => {
    await k.apply(podYaml("busy", [sh("while :; do :; done")]));
    await ready("busy");
    const raw = (path: string) => k.out(`get --raw /api/v1/nodes/${node}/proxy/${path}`);
    const summary = JSON.parse(await raw("stats/summary")) as {
      node: { memory: { workingSetBytes: number } };
      pods: { podRef: { name: string }; cpu: { usageCoreNanoSeconds: number } }[];
    };
    expect(summary.node.memory.workingSetBytes).toBeGreaterThan(0);
    expect(summary.pods.find(({ podRef }) => podRef.name === "busy")?.cpu.usageCoreNanoSeconds).toBeGreaterThan(0);
    expect(await raw("metrics/resource")).toMatch(
      /container_cpu_usage_seconds_total\{container="c0",namespace="default",pod="busy"\}/,
    );
    const cadvisor = await raw("metrics/cadvisor");
    expect(cadvisor).toContain("container_memory_working_set_bytes");
    expect(cadvisor).toMatch(/^container_network_receive_packets_total\{.*pod="busy",interface="eth0"\} \d/m);
    const metrics = await raw("metrics");
    for (const series of [
      'kubelet_runtime_operations_total{operation_type="run_podsandbox"}',
      'kubelet_runtime_operations_duration_seconds_count{operation_type="start_container"}',
      'kubelet_started_containers_total{container_type="container"}',
      'kubelet_active_pods{static=""}',
      'kubelet_running_containers{container_state="running"}',
      "kubelet_pod_start_duration_seconds_count",
      'kubelet_pod_worker_duration_seconds_count{operation_type="create"}',
      'storage_operation_duration_seconds_count{volume_plugin="kubernetes.io/projected",operation_name="volume_mount",status="success",migrated="false"}',
      "process_resident_memory_bytes",
    ])
      expect(
        Number(
          metrics
            .split("\n")
            .find((line) => line.startsWith(`${series} `))
            ?.split(" ")
            .at(-1),
        ),
      ).toBeGreaterThan(0);
    expect(await raw("configz")).toContain('"kubeletconfig"');
    expect(
      await k.fails(`get --raw /api/v1/nodes/${node}/proxy/pods --as=system:serviceaccount:default:default`),
    ).toMatch(/forbidden/i);
    await gone("busy");
  }, 120_000);
});
