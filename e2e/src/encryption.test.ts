import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { Kubectl } from "./kubectl.ts";
import { Tsukube } from "./tsukube.ts";

const PASSWORD = "correct-horse-battery-staple";

test("Secrets lie encrypted from the first start, keys rotate while the cluster runs, and a lost key is named", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "encryption");
  await cluster.run(["up", "--no-node"]);
  const state = (await cluster.status()).kubeconfig.replace(/\/kubeconfig$/, "");
  const keys = join(state, "pki/encryption.yaml");
  expect(statSync(keys).mode & 0o777).toBe(0o600);
  const kubectl = new Kubectl((await cluster.status()).kubeconfig);
  await kubectl.run(`create secret generic db --from-literal=password=${PASSWORD}`);
  await kubectl.run("create configmap plain --from-literal=note=everybody-may-read-this");
  const file = () => readFileSync(join(state, "store/data.mdb"));
  const encoded = Buffer.from(PASSWORD).toString("base64");
  expect(file().includes("everybody-may-read-this")).toBe(true);
  expect([file().includes(PASSWORD), file().includes(encoded)]).toEqual([false, false]);
  expect(file().includes("k8s:enc:secretbox:v1:key1:")).toBe(true);
  expect((await cluster.run(["get", "secret", "db"])).stdout).toContain(encoded);

  await cluster.run(["encryption", "rotate"]);
  await eventually("it is written with the new key", async () => file().includes("k8s:enc:secretbox:v1:key2:"));
  const read = () => kubectl.out("get secret db -o jsonpath={.data.password}");
  expect(await read()).toBe(encoded);

  await cluster.run(["down"]);
  const good = readFileSync(keys);
  writeFileSync(keys, good.toString().replaceAll(/key2/g, "other"));
  await expect(cluster.run(["up", "--no-node"])).rejects.toThrow(
    /Cannot read "\/registry\/secrets\/default\/db": encrypted by secretbox with key "key2".*; put it into .*encryption.yaml, or go on without .*salvage/,
  );
  // without the key, one can go on without what it opens
  const rest = join(cluster.home, "rest");
  const { stdout } = await cluster.run(["snapshot", "salvage", rest]);
  expect(stdout).toMatch(/^Left out, since no key .* \(1\):\n {2}\/registry\/secrets\/default\/db$/m);
  await cluster.run(["snapshot", "restore", rest]);
  await cluster.run(["up", "--no-node"]);
  expect(await kubectl.out("get secret db --ignore-not-found")).toBe("");
  expect(await kubectl.out("get configmap plain -o name")).toBe("configmap/plain");
  await cluster.run(["down"]);
  renameSync(join(state, "store/data.mdb.replaced"), join(state, "store/data.mdb"));
  rmSync(join(state, "store/data.mdb-lock"));
  writeFileSync(keys, good);
  await cluster.run(["up", "--no-node"]);
  expect(await read()).toBe(encoded);
}, 120_000);

test("what a running cluster is told otherwise takes effect at once, or is refused", async () => {
  await using lifetime = new Lifetime();
  const cluster = new Tsukube(lifetime, "retold");
  await cluster.run(["up", "--no-node"]);
  const policy = join(cluster.home, "policy.yaml");
  const log = join(cluster.home, "audit.log");
  writeFileSync(policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{ level: Metadata }]\n");
  const server = async () => (await cluster.status()).processes.find(({ name }) => name === "server")?.pid;
  const before = await server();
  const audited = ["up", "--no-node", "--audit-policy-file", policy, "--audit-log-path", log];
  await cluster.run(audited);
  const after = await server();
  expect([after === before, existsSync(log)]).toEqual([false, true]);
  await cluster.run(audited); // nothing is new
  await cluster.run(["up", "--no-node"]);
  expect(await server()).toBe(after);
  const other = await cluster.run(["up", "--no-node", "--encryption-provider-config", policy], { accept: [2] });
  expect(other.stderr).toContain('Cannot encrypt cluster "retold" by');
}, 120_000);
