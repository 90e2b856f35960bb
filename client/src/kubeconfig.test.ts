import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { mergeKubeconfig, removeFromKubeconfig } from "./kubeconfig.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-kubeconfig-"));
  path = join(folder, "sub/config");
});
afterEach(() => rmSync(folder, { recursive: true }));

const entry = { name: "tsukube-default", server: "https://127.0.0.1:6443", ca: "CA", cert: "CERT", key: "KEY" };
const read = () => parse(readFileSync(path, "utf8")) as Record<string, unknown> & { clusters: { name: string }[] };

test("a kubeconfig that was not there gets the context, made current, 0600", async () => {
  await mergeKubeconfig(path, entry);
  expect(read()["current-context"]).toBe("tsukube-default");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("the key is in the form that every client reads", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await mergeKubeconfig(path, { ...entry, key });
  const [{ user }] = read()["users"] as [{ user: Record<string, string> }];
  const written = Buffer.from(user["client-key-data"] ?? "", "base64").toString();
  expect(written).toMatch(/^-----BEGIN EC PRIVATE KEY-----\n/);
  expect(createPrivateKey(written).equals(privateKey)).toBe(true);
});

test("what others put there stays: contexts, comments, the current context", async () => {
  await mergeKubeconfig(path, { ...entry, name: "mine" });
  writeFileSync(path, `# precious\n${readFileSync(path, "utf8")}`);
  await mergeKubeconfig(path, entry);
  await mergeKubeconfig(path, { ...entry, server: "https://127.0.0.1:6444" });
  expect(readFileSync(path, "utf8")).toMatch(/^# precious\n/);
  expect(read()["current-context"]).toBe("mine");
  expect(read().clusters.map(({ name }) => name)).toEqual(["mine", "tsukube-default"]);
  await removeFromKubeconfig(path, "tsukube-default");
  expect(read().clusters.map(({ name }) => name)).toEqual(["mine"]);
});

test("a file that is no kubeconfig is refused and left alone", async () => {
  await mergeKubeconfig(path, entry);
  writeFileSync(path, "a: [b\n");
  await expect(mergeKubeconfig(path, entry)).rejects.toMatchObject({ code: "invalid" });
  expect(readFileSync(path, "utf8")).toBe("a: [b\n");
});
