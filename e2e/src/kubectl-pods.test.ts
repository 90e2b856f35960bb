import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetchText } from "./eventually.ts";
import { Background, Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const isRoot = process.getuid?.() === 0;
const BUSYBOX = "tsukube.local/busybox";

/** What the pod `multi` does: one container logs, one serves, one is a shell with a terminal, one answers on its input. */
const MULTI = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "multi", labels: { app: "multi" } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: "talker",
        image: BUSYBOX,
        command: ["sh", "-c", "echo one; echo two; sleep 0.2; echo bad >&2; exec sleep 10000"],
      },
      {
        name: "web",
        image: BUSYBOX,
        command: [
          "sh",
          "-c",
          "echo serving; mkdir /www; echo from-web > /www/index.html; exec httpd -f -p 8080 -h /www",
        ],
        ports: [{ name: "http", containerPort: 8080 }],
      },
      { name: "shell", image: BUSYBOX, command: ["sh"], stdin: true, tty: true },
      {
        name: "echo",
        image: BUSYBOX,
        command: ["sh", "-c", 'while read x; do echo "got $x"; done; sleep 10000'],
        stdin: true,
      },
    ],
  },
};

describe.skipIf(!isRoot)("kubectl and running pods (needs root)", () => {
  const lifetime = new Lifetime();
  const folder = mkdtempSync(join(tmpdir(), "tsukube-e2e-pods-"));
  let tsukube: Tsukube;
  let k: Kubectl;
  let node: string;

  beforeAll(async () => {
    lifetime.add("files", () => rmSync(folder, { recursive: true }));
    tsukube = new Tsukube(lifetime, "e2e-kubectl-pods");
    await tsukube.run(["up"]);
    k = new Kubectl((await tsukube.status()).kubeconfig);
    node = await k.out("get nodes -o jsonpath={.items[0].metadata.name}");
    await k.apply(MULTI);
    await k.run("wait --for=condition=Ready pod/multi --timeout=30s");
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  /** kubectl on a terminal of 33 rows and 111 columns, of 20 and 90 once the fifo is written; what is written reaches it as keys. */
  const onTerminal = (line: string, fifo = "/dev/null"): Background => {
    const later = `(read x < ${fifo} && stty rows 20 cols 90 < /dev/tty) &`;
    const command = `stty rows 33 cols 111; ${later} exec ${k.binary} ${line}`;
    return new Background(lifetime, "script", ["-qec", command, "/dev/null"], k.env);
  };

  test("get and describe show where a pod runs and what it has", async () => {
    expect(await k.out("get pod multi -o wide --no-headers")).toMatch(
      new RegExp(`^multi\\s+4/4\\s+Running\\s+0\\s+\\d+s\\s+10\\.\\d+\\.\\d+\\.\\d+\\s+${node}\\s`),
    );
    const shown = await k.out("describe pod multi");
    for (const text of [
      new RegExp(`Node:\\s+${node}/`),
      /Container ID:\s+tsukube:\/\/[0-9a-f]{64}/,
      /State:\s+Running/,
      /QoS Class:\s+BestEffort/,
      /Normal\s+Scheduled\s.*Successfully assigned default\/multi/,
      /Normal\s+Started\s/,
    ])
      expect(shown).toMatch(text);
    const described = await k.out(`describe node ${node}`);
    for (const text of [
      /Ready\s+True\s.*KubeletReady/,
      /Container Runtime Version:\s+tsukube:/,
      /default\s+multi\s+0 \(0%\)/,
      /Allocatable:\s+cpu:\s+\d+/,
    ])
      expect(described).toMatch(text);
    expect(await k.out("get nodes --no-headers -o wide")).toMatch(/\sReady\s+.*v1\.37.*tsukube:\/\//);
  }, 60_000);

  test("run starts a pod with variables, labels and ports, waits for it with -i, and removes it with --rm", async () => {
    const line = `run asked -i --rm --restart=Never --image=${BUSYBOX} --env=COLOR=blue --labels=a=b -- sh`;
    const result = await k.run(line, { input: "echo $COLOR; exit 3\n", accept: [3] });
    expect(result.stdout).toMatch(/^blue$/m);
    expect(await k.out("get pod asked --ignore-not-found")).toBe("");
    await k.run(`run exposed --image=${BUSYBOX} --port=80 --expose --labels=a=b -- sleep 1000`);
    expect(await k.out("get service exposed -o jsonpath={.spec.selector}")).toBe('{"a":"b"}');
    await k.run("delete pod,service exposed --force --grace-period=0");
  }, 60_000);

  test("logs of one container, of all, by label, followed, cut, with times, and of the one before", async () => {
    expect(await k.out("logs multi -c talker")).toBe("one\ntwo\nbad");
    expect(await k.out("logs multi -c talker --tail=1")).toBe("bad");
    expect(await k.out("logs multi -c talker --limit-bytes=3")).toBe("one");
    expect(await k.out("logs multi -c talker --since=1h --timestamps --tail=1")).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z bad$/,
    );
    const all = await k.out("logs multi --all-containers --prefix"); // in whichever order they come
    for (const line of ["[pod/multi/talker] one\n", "[pod/multi/web] serving"]) expect(all).toContain(line);
    expect(await k.out("logs -l app=multi -c web")).toBe("serving");
    expect(await k.fails("logs multi -c none")).toContain("container none is not valid for pod multi");
    expect(await k.fails("logs multi -c talker --previous")).toContain(
      'previous terminated container "talker" in pod "multi" not found',
    );
    expect(await k.fails("logs none")).toContain('pods "none" not found');
    const follow = k.start(lifetime, "logs -f multi -c echo --since=1s");
    await k.run("exec multi -c echo -- sh -c 'echo followed > /proc/1/fd/1'");
    await follow.until(/followed/);
    const fails = `run dying --image=${BUSYBOX} -- sh -c 'echo dying; exit 3'`;
    await k.run(fails);
    await k.run("wait pod/dying --for=jsonpath={.status.containerStatuses[0].restartCount}=1 --timeout=30s");
    expect(await k.out("logs dying --previous")).toBe("dying");
    const ending = k.start(lifetime, "logs -f dying");
    expect(await ending.ended()).toBe(0); // the log of a container that has ended does not keep one waiting
    await k.run("delete pod dying --force --grace-period=0");
  }, 60_000);

  test("exec passes input, output and exit code, and says what is wrong", async () => {
    expect(await k.out("exec multi -c talker -- sh -c 'echo out; echo err >&2'")).toBe("out");
    const both = await k.run("exec -i multi -c talker -- sh -c 'cat; echo err >&2; exit 7'", {
      input: "in",
      accept: [7],
    });
    expect([both.stdout, both.stderr]).toEqual([
      "in",
      expect.stringMatching(/^err\ncommand terminated with exit code 7/),
    ]);
    const big = "x".repeat(3_000_000);
    expect((await k.run("exec -i multi -c talker -- cat", { input: big })).stdout).toBe(big);
    expect(await k.fails("exec multi -c none -- true")).toContain("container none is not valid for pod multi");
    expect(await k.fails("exec none -- true")).toContain('pods "none" not found');
    expect(await k.fails("exec multi -c talker -- none")).toMatch(/none.*not found/);
  }, 60_000);

  test("exec -it has a terminal of the right size that follows a change and passes Ctrl-C", async () => {
    const fifo = join(folder, "resize");
    await run("mkfifo", [fifo]);
    const shell = onTerminal("exec -it multi -c talker -- sh", fifo);
    await shell.until(/# /);
    shell.write("stty size; tty; echo $TERM\n");
    await shell.until(/33 111\r\n\/dev\/pts\/\d+\r\nxterm/);
    writeFileSync(fifo, "now\n");
    shell.write("until stty size | grep '20 90'; do :; done\n");
    await shell.until(/^20 90/m);
    shell.write("sh -c 'echo $((6*7)); exec sleep 1000'\n");
    await shell.until(/^42/m); // it runs: before, the shell still reads keys itself
    shell.write("\x03");
    await shell.until(/\^C/);
    shell.write("echo code=$?\n");
    await shell.until(/code=130/);
    shell.write("exit 5\n");
    expect(await shell.ended()).toBe(5);
  }, 60_000);

  test("attach joins the container's own process, with and without a terminal", async () => {
    const plain = k.start(lifetime, "attach -i multi -c echo");
    await plain.until(/press.*enter|prompt/);
    plain.write("hello\n");
    await plain.until(/got hello/);
    await plain.stop();
    const shell = onTerminal("attach -it multi -c shell");
    await shell.until(/press.*enter|prompt/);
    shell.write("echo $((40+2))\n");
    await shell.until(/^42/m);
    await shell.stop();
    expect(await k.out("get pod multi -o 'jsonpath={.status.containerStatuses[*].restartCount}'")).toBe("0 0 0 0");
  }, 60_000);

  test("cp copies folders both ways", async () => {
    mkdirSync(join(folder, "out/sub"), { recursive: true });
    writeFileSync(join(folder, "out/sub/file"), "content", { mode: 0o755 });
    symlinkSync("file", join(folder, "out/sub/link"));
    await k.run(`cp ${folder}/out multi:/tmp/in -c talker`);
    expect(await k.out("exec multi -c talker -- sh -c 'cat /tmp/in/sub/link; stat -c %a /tmp/in/sub/file'")).toBe(
      "content755",
    );
    await k.run(`cp multi:/tmp/in/sub ${folder}/back -c talker`);
    expect(readFileSync(join(folder, "back/file"), "utf8")).toBe("content");
  }, 60_000);

  test("port-forward reaches pods and Services by number and name, many at once, and says when nobody listens", async () => {
    await k.run("expose pod multi --port=80 --target-port=http");
    for (const target of ["pod/multi :8080", "pod/multi :http", "service/multi :80"]) {
      const forward = k.start(lifetime, `port-forward ${target}`);
      const [, port] = await forward.until(/Forwarding from 127.0.0.1:(\d+)/);
      const answers = Array.from({ length: 5 }, () => fetchText(`http://127.0.0.1:${port}/`));
      expect(await Promise.all(answers), target).toEqual(Array(5).fill("from-web\n"));
      await forward.stop();
    }
    const nobody = k.start(lifetime, "port-forward pod/multi :9999");
    const [, port] = await nobody.until(/Forwarding from 127.0.0.1:(\d+)/);
    await expect(fetchText(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    await nobody.until(/refused/i);
  }, 60_000);

  test("proxy serves the API, and pods and Services through it", async () => {
    const proxy = k.start(lifetime, "proxy --port=0");
    const [, port] = await proxy.until(/Starting to serve on 127.0.0.1:(\d+)/);
    const get = (path: string) => fetchText(`http://127.0.0.1:${port}${path}`);
    expect(JSON.parse(await get("/version"))).toMatchObject({ major: "1", minor: "37" });
    expect(await get("/api/v1/namespaces/default/pods/multi:8080/proxy/")).toBe("from-web\n");
    expect(await get("/api/v1/namespaces/default/services/multi:80/proxy/index.html")).toBe("from-web\n");
    expect(await get(`/api/v1/nodes/${node}/proxy/healthz`)).toBe("ok");
    await k.run("delete service multi");
  }, 60_000);

  test("debug adds a container to a pod, copies a pod, and opens the node", async () => {
    await k.run(`debug multi --profile=general --image=${BUSYBOX} --target=talker -c looker -- sh -c 'ps; sleep 1000'`);
    await k.run("wait pod/multi --for=jsonpath={.status.ephemeralContainerStatuses[0].state.running} --timeout=30s");
    expect(await k.out("logs multi -c looker")).toMatch(/\s1 root\s+sleep 10000/); // the processes of its target
    expect(await k.fails("exec multi -c looker -- ls /www")).toMatch(/No such file/); // not its files
    await k.run(
      "debug multi --profile=general --copy-to=copy --share-processes --set-image=talker=tsukube.local/busybox:latest",
    );
    await k.run("wait --for=condition=Ready pod/copy --timeout=30s");
    expect(await k.out("exec copy -c talker -- ps")).toContain("httpd"); // copies share their processes
    await k.run("delete pod copy --force --grace-period=0");
    const made = await k.run(`debug node/${node} --profile=general --image=${BUSYBOX} -- cat /host/etc/os-release`);
    const pod = /node-debugger-\S+/.exec(made.stdout + made.stderr)?.[0];
    await k.run(`wait pod/${pod} --for=jsonpath={.status.phase}=Succeeded --timeout=30s`);
    expect(`${await k.out(`logs ${pod}`)}\n`).toBe(readFileSync("/etc/os-release", "utf8"));
    await k.run(`delete pod ${pod}`);
  }, 90_000);

  test("rollout follows, restarts, pauses, resumes and undoes a deployment", async () => {
    const script = "trap exit TERM; while :; do sleep 0.1; done";
    await k.run(`create deployment d --image=${BUSYBOX} --replicas=2 -- sh -c '${script}'`);
    const status = (more = "") => k.out(`rollout status deployment/d --timeout=60s ${more}`);
    const color = () => k.out("exec deployment/d -- sh -c 'echo [$COLOR]'");
    expect(await status()).toContain('deployment "d" successfully rolled out');
    await k.run("set env deployment/d COLOR=blue");
    await k.run("annotate deployment d kubernetes.io/change-cause=blue");
    await status();
    expect(await color()).toBe("[blue]");
    expect(await k.out("rollout history deployment/d")).toMatch(/^1\s+<none>\n2\s+blue$/m);
    expect(await k.out("rollout history deployment/d --revision=2")).toMatch(/COLOR:\s+blue/);
    await k.run("rollout pause deployment/d");
    expect(await k.fails("rollout restart deployment/d")).toContain("can't restart paused deployment");
    await k.run("set env deployment/d COLOR=red");
    expect(await color()).toBe("[blue]");
    await k.run("rollout resume deployment/d");
    await status();
    expect(await color()).toBe("[red]");
    await k.run("rollout undo deployment/d --to-revision=1");
    await status();
    expect(await color()).toBe("[]");
    const before = await k.out("get pods -l app=d -o name");
    await k.run("rollout restart deployment/d");
    await status();
    await k.run(`wait --for=delete ${before.replaceAll("\n", " ")} --timeout=20s`);
    await k.run("delete deployment d");
  }, 120_000);

  test("a rollout that cannot go on says so, and undo repairs it", async () => {
    await k.run(`create deployment stuck --image=${BUSYBOX} -- sleep 1000`);
    await k.run("rollout status deployment/stuck --timeout=30s");
    await k.run(`patch deployment stuck -p '{"spec":{"progressDeadlineSeconds":1}}'`);
    await k.run("set image deployment/stuck busybox=tsukube.local/none");
    expect(await k.fails("rollout status deployment/stuck")).toContain("exceeded its progress deadline");
    await k.run("rollout undo deployment/stuck");
    await k.run("wait deployment/stuck --for=condition=Progressing=True --timeout=30s"); // the deadline stays passed until something moves
    await k.run("rollout status deployment/stuck --timeout=30s");
    await k.run("delete deployment stuck");
    await k.run("delete pods -l app=stuck --force --grace-period=0");
  }, 60_000);

  test("jobs run to completion, and their logs stay", async () => {
    await k.run(`create job j --image=${BUSYBOX} -- echo finished`);
    await k.run("wait --for=condition=Complete job/j --timeout=30s");
    expect(await k.out("logs job/j")).toBe("finished");
    expect(await k.out("get job j --no-headers")).toMatch(/^j\s+Complete\s+1\/1\s/);
    await k.run("delete job j");
  }, 60_000);

  test("events tell what became of a pod; top says that nothing measures", async () => {
    expect(await k.out("events --for pod/multi --types=Normal")).toMatch(/Normal\s+Scheduled\s+Pod\/multi/);
    expect(await k.fails("top pods")).toContain("Metrics API not available");
    expect(await k.out("cluster-info")).toMatch(/KubeDNS.* is running at https:.*kube-dns/);
  }, 60_000);

  test("delete waits for the end; --force does not", async () => {
    const script = "trap 'echo leaving; exit' TERM; while :; do sleep 0.1; done";
    await k.run(`run gentle --image=${BUSYBOX} -- sh -c '${script.replaceAll("'", '"')}'`);
    await k.run("wait --for=condition=Ready pod/gentle --timeout=30s");
    const follow = k.start(lifetime, "logs -f gentle");
    expect(await k.out("delete pod gentle")).toContain('pod "gentle" deleted');
    await follow.until(/leaving/);
    expect(await k.out("get pod gentle --ignore-not-found")).toBe("");
    await k.run(`run stubborn --image=${BUSYBOX} -- sleep 1000`);
    await k.run("wait --for=condition=Ready pod/stubborn --timeout=30s");
    expect(await k.out("delete pod stubborn --force --grace-period=0")).toContain("force deleted");
    expect(await k.out("get pod stubborn --ignore-not-found")).toBe("");
  }, 60_000);

  test("cordon keeps pods away, taints drive them away, drain empties the node, uncordon ends it", async () => {
    expect(await k.out(`cordon ${node}`)).toBe(`node/${node} cordoned`);
    expect(await k.out("get nodes --no-headers")).toContain("Ready,SchedulingDisabled");
    await k.run(`run late --image=${BUSYBOX} --restart=Never -- sleep 1000`);
    await k.run("wait pod/late --for=jsonpath={.status.conditions[0].reason}=Unschedulable --timeout=30s");
    await k.run(`uncordon ${node}`);
    await k.run("wait --for=condition=Ready pod/late --timeout=30s");
    await k.run(`taint nodes ${node} e2e=yes:NoSchedule`);
    expect(await k.fails(`taint nodes ${node} e2e=no:NoSchedule`)).toContain("already has e2e taint(s)");
    await k.run(`run tainted --image=${BUSYBOX} -- sleep 1000`);
    await k.run("wait pod/tainted --for=jsonpath={.status.conditions[0].reason}=Unschedulable --timeout=30s");
    expect(await k.out("describe pod tainted")).toMatch(/untolerated taint/);
    await k.run(`taint nodes ${node} e2e-`);
    await k.run("wait --for=condition=Ready pod/tainted --timeout=30s");
    expect(await k.fails(`drain ${node} --ignore-daemonsets --timeout=5s`)).toContain(
      "cannot delete Pods that declare no controller",
    );
    const drained = await k.out(`drain ${node} --ignore-daemonsets --force --grace-period=1 --timeout=60s`);
    expect(drained).toMatch(/pod\/late evicted[\s\S]*node\/\S+ drained/);
    expect(await k.out("get pods -o name --field-selector status.phase=Running")).toBe("");
    await k.run(`uncordon ${node}`);
  }, 120_000);
});
