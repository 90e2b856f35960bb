import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { open, rename } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ApiException, CoreV1Api, KubeConfig, KubernetesObjectApi, type V1Status } from "@kubernetes/client-node";
import { Lifetime } from "@tsukube/foundation";
import { realClock, run } from "@tsukube/host";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf } from "./https-code.ts";
import { Kubectl } from "./kubectl.ts";
import { serveImage } from "./registry.ts";
import { type StatusOutput, Tsukube } from "./tsukube.ts";

const ROOT = dirname(dirname(import.meta.dirname));
const namespace = "default";

describe("what a user may get wrong with objects", () => {
  const lifetime = new Lifetime();
  const tsukube = new Tsukube(lifetime, "e2e-bad-input");
  let k: Kubectl;
  let config: KubeConfig;

  beforeAll(async () => {
    await tsukube.run(["up", "--no-node"]);
    const { kubeconfig } = await tsukube.status();
    k = new Kubectl(kubeconfig);
    config = new KubeConfig();
    config.loadFromFile(kubeconfig);
  }, 120_000);
  afterAll(() => lifetime.close(), 60_000);

  /** The Status that refuses an object. */
  async function refusal(object: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly [field: string]: unknown;
  }) {
    const objects = KubernetesObjectApi.makeApiClient(config);
    try {
      await objects.create(object);
    } catch (error) {
      if (error instanceof ApiException) return JSON.parse(error.body as string) as V1Status;
      throw error;
    }
    throw new Error("it was taken");
  }

  const deployment = (spec: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: d }
spec:
  replicas: 0
  selector: { matchLabels: { app: d } }
  template: { metadata: { labels: { app: d } }, spec: { containers: [{ name: c, image: i }] } }
  ${spec}`;

  test("unknown and duplicate fields are refused, warned about or ignored, as asked", async () => {
    const apply = (validate: string, text: string) =>
      k.run(`apply --validate=${validate} -f -`, { input: text, accept: [0, 1] });
    const strict = await apply("strict", deployment("replica: 3"));
    expect([strict.code, strict.stderr]).toEqual([1, expect.stringContaining('unknown field "spec.replica"')]);
    const twice = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}';
    const raw = (mode: string) =>
      k.run(`create --raw /api/v1/namespaces/default/configmaps?fieldValidation=${mode} -f -`, {
        input: twice,
        accept: [0, 1],
      });
    expect((await raw("Strict")).stderr).toContain('duplicate field "data.a"');
    expect((await raw("Ignore")).code).toBe(0);
    const warned = await apply("warn", deployment("replica: 3"));
    expect([warned.code, warned.stderr]).toEqual([0, 'Warning: unknown field "spec.replica"\n']);
    const ignored = await apply("ignore", deployment("replica: 4"));
    expect([ignored.code, ignored.stderr]).toEqual([0, ""]);
    expect(await k.out("get deployment d -o jsonpath={.spec}")).not.toContain('"replica"');
  });

  test("an invalid object is refused with each wrong field and the reason", async () => {
    const container = { name: "Bad_Name", ports: [{ containerPort: 70000 }], imagePullPolicy: "Sometimes" };
    const metadata = { name: "UPPER", namespace, labels: { "bad key": "x" } };
    const status = await refusal({ apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [container] } });
    expect(status).toMatchObject({
      status: "Failure",
      code: 422,
      reason: "Invalid",
      details: { name: "UPPER", kind: "Pod" },
    });
    const causes = new Map(status.details?.causes?.map(({ field, reason }) => [field, reason]));
    expect(Object.fromEntries(causes)).toMatchObject({
      "metadata.name": "FieldValueInvalid",
      "metadata.labels": "FieldValueInvalid",
      "spec.containers[0].name": "FieldValueInvalid",
      "spec.containers[0].image": "FieldValueRequired",
      "spec.containers[0].imagePullPolicy": "FieldValueNotSupported",
      "spec.containers[0].ports[0].containerPort": "FieldValueInvalid",
    });
    expect(status.message).toMatch(/^Pod "UPPER" is invalid: \[metadata\.name: Invalid value: "UPPER"/);
  });

  test.each([
    ["a Service without ports", "v1", "Service", {}, "spec.ports", "FieldValueRequired"],
    [
      "a selector that does not match its template",
      "apps/v1",
      "Deployment",
      {
        selector: { matchLabels: { app: "a" } },
        template: { metadata: { labels: { app: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      },
      "spec.template.metadata.labels",
      "FieldValueInvalid",
    ],
    [
      "a schedule that is none",
      "batch/v1",
      "CronJob",
      {
        schedule: "daily",
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } } },
        },
      },
      "spec.schedule",
      "FieldValueInvalid",
    ],
    [
      "a quantity below zero",
      "v1",
      "PersistentVolumeClaim",
      { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "-1Gi" } } },
      "spec.resources[storage]",
      "FieldValueInvalid",
    ],
  ] as const)("%s is refused", async (_what, apiVersion, kind, spec, field, reason) => {
    const status = await refusal({ apiVersion, kind, metadata: { name: "x", namespace }, spec });
    expect(status.code).toBe(422);
    expect(status.details?.causes).toEqual(expect.arrayContaining([expect.objectContaining({ field, reason })]));
  });

  test("what is no object at all is refused with where it goes wrong", async () => {
    const apply = (input: string) => k.fails("apply --validate=ignore -f -", { input });
    expect(await apply("a: [b\n")).toMatch(/error.*yaml|did not find expected/);
    expect(await apply('{"apiVersion":"v1","metadata":{"name":"x"}}')).toMatch(
      /kind.*not set|Object 'Kind' is missing/i,
    );
    expect(await apply('{"apiVersion":"v9","kind":"Pod","metadata":{"name":"x"}}')).toMatch(
      /no matches for kind "Pod" in version "v9"/,
    );
    const wrong = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":"none"}}';
    expect(await apply(wrong)).toMatch(/spec\.containers|cannot unmarshal/);
    expect(await k.fails("create --raw /api/v1/namespaces/default/pods -f -", { input: "{" })).toMatch(
      /unexpected end|BadRequest|couldn't|error/i,
    );
    const big = JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "big" },
      data: { a: "x".repeat(2 ** 20 + 1) },
    });
    expect(await k.fails("create -f -", { input: big })).toMatch(/Too long: may not be more than 1048576 bytes/);
    const huge = big.replace("xxx", "x".repeat(3 * 2 ** 20));
    expect(await k.fails("create -f -", { input: huge })).toMatch(/Request entity too large|limit is 3145728/);
  });

  test("writes that meet each other are told apart: exists, conflict, gone, not for this", async () => {
    const core = config.makeApiClient(CoreV1Api);
    const refused = async (work: Promise<unknown>): Promise<V1Status> => {
      const error: unknown = await work.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(error instanceof ApiException)) throw new Error("not refused");
      return JSON.parse(error.body as string) as V1Status;
    };
    const body = { metadata: { name: "c" } };
    const made = await core.createNamespacedConfigMap({ namespace, body });
    expect(await refused(core.createNamespacedConfigMap({ namespace, body }))).toMatchObject({
      reason: "AlreadyExists",
      code: 409,
    });
    await core.replaceNamespacedConfigMap({ name: "c", namespace, body: { ...body, data: { a: "b" } } });
    expect(await refused(core.replaceNamespacedConfigMap({ name: "c", namespace, body: made }))).toMatchObject({
      reason: "Conflict",
    });
    const other = { ...body, metadata: { name: "d" } };
    expect(await refused(core.replaceNamespacedConfigMap({ name: "c", namespace, body: other }))).toMatchObject({
      reason: "BadRequest",
      message: "the name of the object (d) does not match the name on the URL (c)",
    });
    expect(await refused(core.createNamespacedConfigMap({ namespace: "none", body }))).toMatchObject({
      reason: "NotFound",
      message: 'namespaces "none" not found',
    });
    const preconditions = { uid: "00000000-0000-0000-0000-000000000000" };
    expect(
      await refused(core.deleteNamespacedConfigMap({ name: "c", namespace, body: { preconditions } })),
    ).toMatchObject({
      reason: "Conflict",
      message: expect.stringContaining("the UID in the precondition"),
    });
  });
});

/** An installed package and all that it needs. */
function withDependencies(name: string, found = new Set<string>()): ReadonlySet<string> {
  const manifest = join(ROOT, "node_modules", name, "package.json");
  if (found.has(name) || !existsSync(manifest)) return found; // optional ones are for other machines
  found.add(name);
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(manifest, "utf8")) as {
    readonly dependencies?: object;
    readonly optionalDependencies?: object;
  };
  for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) withDependencies(next, found);
  return found;
}

/** The bundle where anybody may read it, as an installed package is, run as a user without rights. */
async function asNobody(folder: string, args: readonly string[]) {
  const bundle = join(folder, "bundle");
  await run("cp", ["-rL", join(ROOT, "dist/current"), bundle]);
  await run("cp", [process.execPath, join(bundle, "node-binary")]);
  for (const name of withDependencies("lmdb")) {
    const place = join(bundle, "node_modules", name);
    await run("mkdir", ["-p", dirname(place)]);
    await run("cp", ["-r", join(ROOT, "node_modules", name), place]);
  }
  await run("chmod", ["-R", "a+rX", folder]);
  await run("mkdir", ["-p", "-m", "777", join(folder, "home")]);
  const env = { PATH: process.env["PATH"], HOME: join(folder, "home") };
  const command = [
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
    join(bundle, "node-binary"),
    join(bundle, "cli.js"),
  ];
  return (more: readonly string[], accept = [0]) =>
    run("setpriv", [...command, ...args, ...more], { env, cwd: "/", accept });
}

describe("what a user may get wrong with the command", () => {
  const lifetime = new Lifetime();
  afterAll(() => lifetime.close(), 60_000);

  test("a damaged store is never served: up and doctor say within seconds what to do", async () => {
    const tsukube = new Tsukube(lifetime, "e2e-damaged");
    await tsukube.run(["up", "--no-node"]);
    const state = dirname((await tsukube.status()).kubeconfig);
    await tsukube.run(["down"]);
    const store = await open(join(state, "store/data.mdb"), "r+");
    await store.write(Buffer.alloc(40 * 4096, 0xa5), 0, 40 * 4096, 2 * 4096);
    await store.close();
    const began = realClock.monotonic();
    await expect(tsukube.run(["up", "--no-node"])).rejects.toThrow(
      /Cannot start the control plane: .*data\.mdb.*restore .* from a snapshot, or move it away to begin empty/,
    );
    expect(realClock.monotonic() - began).toBeLessThan(20_000);
    expect((await tsukube.run(["doctor"], { accept: [1] })).stdout).toMatch(
      /^BAD {2}the control plane gave up: .*data\.mdb/m,
    );
    expect(await tsukube.status()).toMatchObject({ ready: false, processes: [] });
    await rename(join(state, "store"), join(state, "store-damaged"));
    writeFileSync(join(state, "store"), "");
    await expect(tsukube.run(["up", "--no-node"])).rejects.toThrow(
      /Cannot start the control plane: Cannot open ".*data\.mdb": .*, expected a file that this user reads and writes/,
    );
    rmSync(join(state, "store"));
    mkdirSync(join(state, "store"));
    writeFileSync(join(state, "store/data.mdb"), "");
    await expect(tsukube.run(["up", "--no-node"])).rejects.toThrow(
      /Cannot start the control plane: .*data\.mdb": it is empty; .*restore .* from a snapshot, or move it away to begin empty/,
    );
    rmSync(join(state, "store/data.mdb"));
    expect((await tsukube.run(["up", "--no-node"])).stderr).toMatch(
      /There was no ".*data\.mdb", where the objects were: cluster "e2e-damaged" began empty\./,
    );
    expect((await tsukube.run(["doctor"])).stdout).not.toMatch(/^BAD/m);
  }, 60_000);

  test("a taken port is named, with what shows who took it; once it is free up goes on", async () => {
    const tsukube = new Tsukube(lifetime, "e2e-taken");
    await tsukube.run(["up", "--no-node"]);
    await tsukube.run(["down"]);
    const port = Number(new URL((await tsukube.status()).apiServer).port);
    const squatter = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1");
    await new Promise((resolve) => squatter.once("listening", resolve));
    await expect(tsukube.run(["up", "--no-node"])).rejects.toThrow(
      new RegExp(`Cannot listen on 127.0.0.1:${port}: the port is taken, expected it free; .*ss -ltnp`),
    );
    expect((await tsukube.status()).processes).toEqual([]);
    await new Promise((resolve) => squatter.close(resolve));
    await tsukube.run(["up", "--no-node"]);
    expect((await tsukube.status()).ready).toBe(true);
  }, 60_000);

  test("a cluster whose etcd does not answer or whose encryption cannot be used is not made, and that is told at once", async () => {
    const tsukube = new Tsukube(lifetime, "e2e-unmade");
    const file = join(tsukube.home, "encryption.yaml");
    writeFileSync(file, "kind: EncryptionConfiguration\nresources: [");
    const began = realClock.monotonic();
    for (const [flag, value, says] of [
      [
        "--etcd",
        "http://127.0.0.1:1",
        "Cannot reach etcd at http://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1, expected",
      ],
      [
        "--etcd",
        "ftp://127.0.0.1:1",
        'Cannot use etcd at "ftp://127.0.0.1:1": not the URL of a server, expected such as',
      ],
      ["--encryption-provider-config", "/nowhere", '"/nowhere": no such file, expected one'],
      ["--encryption-provider-config", file, `Cannot use encryption configuration "${file}": error converting YAML`],
    ] as const) {
      const { stderr } = await tsukube.run(["up", "--no-node", flag, value], { accept: [1, 2] });
      expect(stderr).toContain(says);
      expect((await tsukube.run(["status"], { accept: [1] })).stdout).toBe(
        'Cluster "e2e-unmade" does not exist. Start it with: tsukube up --name e2e-unmade\n',
      );
    }
    expect(realClock.monotonic() - began).toBeLessThan(25_000);
    await tsukube.run(["up", "--no-node"]);
    const keys = join(dirname((await tsukube.status()).kubeconfig), "pki/encryption.yaml");
    await tsukube.run(["down"]);
    writeFileSync(keys, readFileSync(keys, "utf8").replace(/secret: .*/, "secret: AAAA"));
    await expect(tsukube.run(["up", "--no-node"])).rejects.toThrow(
      `Cannot use encryption configuration "${keys}": resources[0].providers[0].secretbox.keys[0].secret: key "key1" of 3 bytes, expected 32 for secretbox`,
    );
  }, 60_000);

  test.skipIf(process.getuid?.() !== 0)(
    "on a full disk nothing is written or lost, all commands say so, and down works; then all goes on by itself (needs root)",
    async () => {
      const tsukube = new Tsukube(lifetime, "e2e-full");
      const state = dirname((await tsukube.status()).kubeconfig);
      mkdirSync(state, { recursive: true });
      await run("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", state]);
      lifetime.add("disk", async () => void (await run("umount", [state], { accept: [0, 32] })));
      await tsukube.run(["up", "--no-node"]);
      const k = new Kubectl((await tsukube.status()).kubeconfig);
      const ballast = join(state, "ballast");
      const fill = () => run("dd", ["if=/dev/zero", `of=${ballast}`, "bs=64k"], { accept: [1] });
      await k.run("create configmap before");
      await fill();
      const refused = await k.run("create configmap refused", { accept: [1] });
      expect(refused.stderr).toMatch(/data\.mdb": no space left .*; free some on its file system, writes then go on/);
      expect(await k.out("get configmaps -o name")).toContain("configmap/before");
      expect((await tsukube.run(["doctor"], { accept: [1] })).stdout).toMatch(
        /^BAD {2}0 MB of the disk of .* are free$/m,
      );
      await expect(tsukube.run(["snapshot", "save", join(tsukube.home, "s")])).rejects.toThrow(/ENOSPC.*free some/);
      rmSync(ballast);
      await k.run("create configmap after");
      await fill();
      await tsukube.run(["down"]);
      await expect(tsukube.run(["up", "--no-node"])).rejects.toThrow(/ENOSPC.*free some/);
      rmSync(ballast);
      await tsukube.run(["up", "--no-node"]);
      expect(await k.out("get configmaps -o name")).toMatch(/after\nconfigmap\/before/);
      await tsukube.run(["down"]);
    },
    60_000,
  );

  test.skipIf(process.getuid?.() !== 0)(
    "without root there is no node, but a control plane",
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "tsukube-e2e-nobody-"));
      lifetime.add("folder", () => rmSync(folder, { recursive: true }));
      const tsukube = await asNobody(folder, ["--name", "e2e-nobody"]);
      lifetime.add("cluster of nobody", async () => void (await tsukube(["down", "--purge"])));
      expect((await tsukube(["up"], [2])).stderr).toMatch(
        /Cannot start a node: not root, expected root for containers; run it with sudo, or .*tsukube up --no-node/,
      );
      await tsukube(["up", "--no-node"]);
      const { kubeconfig, ready } = JSON.parse((await tsukube(["status", "-o", "json"])).stdout) as StatusOutput;
      expect([ready, kubeconfig]).toEqual([true, join(folder, "home/.local/state/tsukube/e2e-nobody/kubeconfig")]);
      expect(await new Kubectl(kubeconfig, folder).out("get namespace default -o name")).toBe("namespace/default");
    },
    60_000,
  );

  test.each([
    [["up", "/nonexistent"], 'Cannot start "/nonexistent": no such file or folder', 2],
    [["frobnicate"], "unknown command 'frobnicate'", 1],
    [["up", "--frobnicate"], "unknown option '--frobnicate'", 1],
    [["status", "-o", "xml"], "expected text or json", 1],
  ])("%j is refused with what is wrong", async (args, message, code) => {
    const tsukube = new Tsukube(lifetime, "e2e-wrong");
    const result = await tsukube.run(args, { accept: [code] });
    expect(result.stderr).toContain(message);
  });
});

describe.skipIf(process.getuid?.() !== 0)("what may go wrong on a node (needs root)", () => {
  const lifetime = new Lifetime();
  const folder = mkdtempSync(join(tmpdir(), "tsukube-e2e-bad-"));
  let tsukube: Tsukube;
  let k: Kubectl;

  beforeAll(async () => {
    lifetime.add("folder", () => rmSync(folder, { recursive: true }));
    tsukube = new Tsukube(lifetime, "e2e-bad-node");
    await tsukube.run(["up"]);
    k = new Kubectl((await tsukube.status()).kubeconfig);
  }, 300_000);
  afterAll(() => lifetime.close(), 120_000);

  test.concurrent("an image that does not exist is reported, tried again later and later, and used once it is there", async () => {
    const port = await freePort();
    await k.run(`run late --image=127.0.0.1:${port}/late:1 -- sleep 1000`);
    const reason = "{.status.containerStatuses[0].state.waiting.reason}";
    await k.run(`wait pod/late --for=jsonpath=${reason}=ErrImagePull --timeout=30s`);
    await k.run(`wait pod/late --for=jsonpath=${reason}=ImagePullBackOff --timeout=30s`);
    expect(await k.out("get pod late --no-headers")).toMatch(/^late\s+0\/1\s+(ErrImagePull|ImagePullBackOff)\s/);
    const events = await k.out("events --for pod/late");
    expect(events).toMatch(/Warning\s+Failed\s.*Failed to pull image "127.0.0.1:\d+\/late:1".*ECONNREFUSED/);
    expect(events).toMatch(/Normal\s+BackOff\s.*Back-off pulling image/);
    await serveImage(lifetime, port, "late");
    await k.run("wait --for=condition=Ready pod/late --timeout=60s");
    await k.run("delete pod late --force --grace-period=0");
  }, 120_000);

  test.concurrent("a command that does not exist ends the container with 128, and the restart policy decides", async () => {
    await k.run("run once --restart=Never --image=tsukube.local/busybox --command -- none");
    await k.run("wait pod/once --for=jsonpath={.status.phase}=Failed --timeout=30s");
    const ended = "{.status.containerStatuses[0].state.terminated";
    expect(await k.out(`get pod once -o 'jsonpath=${ended}.exitCode} ${ended}.reason}'`)).toBe("128 StartError");
    expect(await k.out(`get pod once -o 'jsonpath=${ended}.message}'`)).toMatch(/none.*not found/);
    await k.run("run again --image=tsukube.local/busybox --command -- none");
    await k.run(
      "wait pod/again --for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff --timeout=60s",
    );
    expect(await k.out("describe pod again")).toMatch(/Warning\s+Failed\s.*none.*not found/);
    await k.run("delete pod once again --force --grace-period=0");
  }, 120_000);

  test.concurrent("no secret stands in a log, a record or a command line", async () => {
    const [secret, variable] = ["s3cr3t-in-a-secret", "s3cr3t-in-a-variable"];
    await k.run(`create secret generic key --from-literal=password=${secret}`);
    const env = [
      { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "key", key: "password" } } },
      { name: "OTHER", value: variable },
    ];
    const command = ["sh", "-c", 'test "$PASSWORD" = "$(cat /key/password)"; echo "known: $?"; exec sleep 1000'];
    const container = {
      name: "c",
      image: "tsukube.local/busybox",
      command,
      env,
      volumeMounts: [{ name: "key", mountPath: "/key" }],
    };
    const spec = { containers: [container], volumes: [{ name: "key", secret: { secretName: "key" } }] };
    await k.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "knows" }, spec });
    await k.run("wait --for=condition=Ready pod/knows --timeout=30s");
    expect(await k.out("logs knows")).toBe("known: 0");
    const token = await k.out("create token default");
    const { apiServer } = await tsukube.status();
    const asked = await k.run(`get pods --server=${apiServer} --token=${token} --insecure-skip-tls-verify=true`, {
      accept: [0, 1],
    });
    expect(asked.stderr + asked.stdout).not.toBe("");
    await k.fails(
      `get pods --token=${token.slice(0, -6)}AAAAAA --kubeconfig=/dev/null --server=${apiServer} --insecure-skip-tls-verify=true`,
    );
    await k.fails("create -f -", {
      input: `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"Bad_Name"},"stringData":{"a":"${secret}"}}`,
    });
    await k.run("delete pod knows --force --grace-period=0");
    const { processes } = await tsukube.status();
    for (const { pid } of processes) {
      const shown = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      for (const text of [secret, variable, token]) expect(shown).not.toContain(text);
    }
    const state = `/var/lib/tsukube/${tsukube.name}`;
    // the store keeps objects; everything else must not
    const places = readdirSync(state)
      .filter((name) => name !== "store" && name !== "node")
      .map((name) => join(state, name));
    for (const text of [secret, variable, token, Buffer.from(secret).toString("base64")]) {
      const { stdout } = await run("grep", ["-rlaF", "--", text, ...places], { accept: [0, 1] });
      expect(stdout, text).toBe("");
    }
  }, 60_000);

  test.concurrent("a full disk refuses writes and says so, loses and damages nothing, and writes go on when there is room", async () => {
    const full = new Tsukube(lifetime, "e2e-full");
    const state = `/var/lib/tsukube/${full.name}`;
    await run("truncate", ["-s", "48M", join(folder, "disk")]);
    await run("mkfs.ext4", ["-q", join(folder, "disk")]);
    await run("mkdir", ["-p", "-m", "700", state]);
    await run("mount", ["-o", "loop", join(folder, "disk"), state]);
    lifetime.add("disk", async () => void (await run("umount", ["-l", state], { accept: [0, 32] })));
    await run("rm", ["-r", join(state, "lost+found")]);
    await full.run(["up", "--no-node"]);
    const q = new Kubectl((await full.status()).kubeconfig);
    const write = (name: string) =>
      q.run(`create configmap ${name} --from-literal=a=${"x".repeat(20_000)}`, { accept: [0, 1] });
    expect((await write("before")).code).toBe(0);
    await run("dd", ["if=/dev/zero", `of=${state}/ballast`, "bs=64k"], { accept: [1] });
    let written = 0;
    for (let result = await write("c0"); result.code === 0; result = await write(`c${written}`)) written += 1;
    const { stderr } = await write("refused");
    expect(stderr).toMatch(/Cannot write .*no space left.*free some/);
    expect((await full.status()).ready).toBe(true);
    const names = () => q.out("get configmaps -o name");
    const kept = await names();
    expect(kept.split("\n").length).toBe(written + 2); // and kube-root-ca.crt
    expect(kept).not.toContain("refused");
    await run("rm", [join(state, "ballast")]);
    expect((await write("after")).stdout).toContain("created");
    for (const { pid } of (await full.status()).processes) process.kill(pid, "SIGKILL");
    await full.run(["up", "--no-node"]);
    expect((await names()).split("\n").sort()).toEqual([...kept.split("\n"), "configmap/after"].sort());
    await full.run(["down"]);
    await run("umount", [state]);
  }, 120_000);

  test.concurrent("keys and credentials are nobody else's to read, and the kubelet's port asks who one is", async () => {
    const state = `/var/lib/tsukube/${tsukube.name}`;
    const { stdout } = await run("find", [
      state,
      "-type",
      "f",
      "(",
      "-name",
      "*.key",
      "-o",
      "-name",
      "kubeconfig*",
      ")",
      "-printf",
      "%m %f\n",
    ]);
    const files = stdout.trim().split("\n");
    expect(files.length).toBeGreaterThan(8);
    expect(files.filter((line) => !line.startsWith("600 "))).toEqual([]);
    expect(statSync(state).mode & 0o077).toBe(0);
    const port = await k.out("get nodes -o jsonpath={.items[0].status.daemonEndpoints.kubeletEndpoint.Port}");
    for (const path of ["/pods", "/metrics", "/containerLogs/default/x/c", "/stats/summary"])
      expect(await codeOf(`https://127.0.0.1:${port}${path}`), path).toBe(401);
  }, 60_000);
});

/** A port of the loopback at which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
