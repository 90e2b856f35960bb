import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { expect, test } from "vitest";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

test("a cluster goes back to a snapshot that was taken while it ran; a bad one is refused", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "snapshot");
  await cluster.run(["up", "--no-node"]);
  const kubectl = new Kubectl((await cluster.status()).kubeconfig);
  await kubectl.run("create configmap kept --from-literal=n=1");
  const before = await kubectl.out("get configmap kept -o jsonpath={.metadata.uid}");
  const file = join(cluster.home, "snapshot");
  expect((await cluster.run(["snapshot", "save", file])).stdout).toMatch(/^Saved \d+ objects .* at revision \d+/);
  expect((await cluster.run(["snapshot", "status", file])).stdout).toMatch(/^Whole: [\s\S]*\d {2}configmaps/);
  const unread = await run("sh", ["-c", `"$0" snapshot status "$1" | true`, cluster.path, file], { env: cluster.env });
  expect(unread.stderr).toBe("");
  await kubectl.run("delete configmap kept");
  await kubectl.run("create configmap later");
  const newest = Number(await kubectl.out("get configmap later -o jsonpath={.metadata.resourceVersion}"));

  await expect(cluster.run(["snapshot", "restore", file])).rejects.toThrow(/it runs, expected it stopped/);
  await cluster.run(["down"]);
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(`${file}.bad`, bytes);
  await expect(cluster.run(["snapshot", "restore", `${file}.bad`])).rejects.toThrow(/checksum differs/);
  await cluster.run(["snapshot", "restore", file]);
  const left = join(dirname(kubectl.env["KUBECONFIG"] ?? ""), `.kubeconfig.${2 ** 22 + 1}.1.tmp`);
  writeFileSync(left, "of an up that was killed");
  utimesSync(left, 1, 1);
  await cluster.run(["up", "--no-node"]);
  expect(existsSync(left)).toBe(false);
  expect(await kubectl.out("get configmap kept -o jsonpath={.metadata.uid}")).toBe(before);
  expect(await kubectl.out("get configmap later --ignore-not-found")).toBe("");
  await expect(cluster.run(["get", "cm", "kept", "--at", String(newest)])).rejects.toThrow(
    new RegExp(`Cannot look back to revision ${newest}: history begins at revision \\d+`),
  );
  await expect(cluster.run(["diff", "--from", "1h"])).rejects.toThrow(
    /history begins at \d{4}-.*, expected a later time/,
  );
  expect((await cluster.run(["blame", "cm", "kept", "data.n"])).stdout).toMatch(/data\.n +1 +kubectl-create/);
  await expect(cluster.run(["snapshot", "restore", file, "--etcd", "http://127.0.0.1:1"])).rejects.toThrow(
    /keeps its objects in a file of its own/,
  );
  await kubectl.run("create configmap anew");
  // no revision that somebody saw comes again with other content
  expect(Number(await kubectl.out("get configmap anew -o jsonpath={.metadata.resourceVersion}"))).toBeGreaterThan(
    newest,
  );
  expect(
    await kubectl
      .fails(`get --raw /api/v1/configmaps?watch=true&resourceVersion=${newest}&timeoutSeconds=2`)
      .catch(async () =>
        kubectl.out(`get --raw /api/v1/configmaps?watch=true&resourceVersion=${newest}&timeoutSeconds=2`),
      ),
  ).toMatch(/too old resource version/);
}, 120_000);

test("of a damaged store what is whole is saved and restored, and what is not is named", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "salvage");
  await cluster.run(["up", "--no-node"]);
  const { kubeconfig } = await cluster.status();
  const kubectl = new Kubectl(kubeconfig);
  await kubectl.run("create configmap lost --from-literal=text=bytes-that-will-change");
  await kubectl.run("create configmap kept --from-literal=n=1");
  const file = join(cluster.home, "salvaged");
  await expect(cluster.run(["snapshot", "salvage", file])).rejects.toThrow(/it runs, expected it stopped/);
  await cluster.run(["down"]);
  const path = join(dirname(kubeconfig), "store/data.mdb");
  const damaged = readFileSync(path, "latin1").replaceAll("bytes-that-will-change", "bytes-that-HAVE-change");
  writeFileSync(path, damaged, "latin1");

  await expect(cluster.run(["up", "--no-node"])).rejects.toThrow(
    /configmaps\/default\/lost.*"tsukube snapshot salvage"/,
  );
  await expect(cluster.run(["get", "configmap", "kept"])).rejects.toThrow(/configmaps\/default\/lost/);
  const { stdout } = await cluster.run(["snapshot", "salvage", file]);
  expect(stdout).toMatch(/^Damaged and left out \(1\):\n {2}\/registry\/configmaps\/default\/lost$/m);
  await cluster.run(["snapshot", "restore", file]);
  await cluster.run(["up", "--no-node"]);
  expect(await kubectl.out("get configmap --output=name")).not.toContain("lost");
  expect(await kubectl.out("get configmap kept -o jsonpath={.data.n}")).toBe("1");
  expect((await cluster.run(["doctor"])).stdout).toContain(`rm ${path}.replaced`);
}, 120_000);

test.skipIf(process.getuid?.() !== 0)(
  "of two containers that share a state folder and nothing else, one has the store (needs root)",
  async () => {
    await using lifetime = new Lifetime();
    const cluster = new Tsukube(lifetime, "two-containers");
    await cluster.run(["up", "--no-node"]);
    const file = join(cluster.home, "snapshot");
    await cluster.run(["snapshot", "save", file]);
    const apart = ["--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--mount"];
    const script = 'ip link set lo up && mount -t tmpfs tmpfs /run && exec "$@"';
    const elsewhere = (...args: readonly string[]) =>
      run("unshare", [...apart, "sh", "-c", script, "sh", cluster.path, "--name", cluster.name, ...args], {
        env: cluster.env,
        accept: [0, 1, 2, 64],
      });
    const refused =
      /Cannot open the store of cluster "two-containers" .* in another container perhaps.* stop the cluster there/;
    expect((await elsewhere("up", "--no-node")).stderr).toMatch(refused);
    expect((await elsewhere("snapshot", "restore", file)).stderr).toMatch(refused);
    expect((await elsewhere("get", "namespaces", "--at", "0s")).stderr).toMatch(refused);
    expect((await cluster.status()).ready).toBe(true);
    await cluster.run(["down"]);
    expect((await elsewhere("up", "--no-node")).stderr).toContain("is ready after");
  },
  120_000,
);
