import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EncryptionMetrics, sameForm } from "@tsukube/apiserver";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, systemRandom } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test, vi } from "vitest";
import { encryptionFile, ensureEncryption, followEncryption, openEncryption } from "./encryption.ts";
import { filesOf } from "./paths.ts";
import type { ClusterRecord } from "./record.ts";

test("a cluster follows its file of keys to any provider, and without the file goes on with the keys that it has", async () => {
  const state = mkdtempSync(join(tmpdir(), "tsukube-keys-"));
  const paths = { name: "keys", state, runtime: state };
  mkdirSync(filesOf(paths).pki);
  const record = {} as ClusterRecord;
  await ensureEncryption(record, paths, systemRandom);
  const encryption = await openEncryption(record, paths);
  const clock = new VirtualClock();
  const said: string[] = [];
  const say = (message: string, fields?: object): void => void said.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const metrics = createMetrics();
  const counted = new EncryptionMetrics(metrics, clock, "host");
  const logger = { ...silentLogger, info: say, error: say };
  const stop = followEncryption(encryption, encryptionFile(record, paths), clock, logger, counted);
  const reloads = (status: string): number =>
    Number(
      new RegExp(
        `^apiserver_encryption_config_controller_automatic_reloads_total\\{status="${status}".* (\\d+)$`,
        "m",
      ).exec(metrics.expose())?.[1] ?? 0,
    );
  const hash = (): string | undefined =>
    /last_config_info\{.*,hash="sha256:([0-9a-f]+)"\} 1/.exec(metrics.expose())?.[1];
  const hashOfFile = (): string =>
    createHash("sha256")
      .update(readFileSync(encryptionFile(record, paths)))
      .digest("hex");
  const afterChange = async (says: RegExp): Promise<void> => {
    said.length = 0;
    await clock.advance(5000);
    await vi.waitFor(() => expect(said.join("\n")).toMatch(says), 30_000);
  };
  const prefix = async (): Promise<string> =>
    Buffer.from(await encryption.over(sameForm).write("/registry/secrets/a/b", Buffer.from("x"))).toString("latin1");
  try {
    const first = hashOfFile();
    expect(hash()).toBe(first);
    rmSync(encryptionFile(record, paths));
    await afterChange(/no such file, expected one/);
    expect(await prefix()).toMatch(/^k8s:enc:secretbox:v1:key1:/);
    // told once, counted each time
    said.length = 0;
    await clock.advance(5000);
    await vi.waitFor(() => expect(reloads("failure")).toBe(2), 30_000);
    expect(said).toEqual([]);
    const write = (providers: string): void =>
      writeFileSync(
        encryptionFile(record, paths),
        `kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources: [{resources: [secrets], providers: [${providers}]}]`,
      );
    write("{kms: {apiVersion: v2, name: k, endpoint: 'unix:///no/such'}}");
    await afterChange(/cannot use the changed encryption configuration.*connect ENOENT/);
    writeFileSync(encryptionFile(record, paths), "");
    await afterChange(/cannot use the changed encryption configuration.*kind undefined/);
    expect(await prefix()).toMatch(/^k8s:enc:secretbox:v1:key1:/);
    expect([reloads("success"), hash()]).toEqual([0, first]);
    write(`{aesgcm: {keys: [{name: other, secret: ${Buffer.alloc(32, 1).toString("base64")}}]}}`);
    await afterChange(/encryption configuration changed/);
    expect(await prefix()).toMatch(/^k8s:enc:aesgcm:v1:other:/);
    expect([reloads("success"), hash()]).toEqual([1, hashOfFile()]);
  } finally {
    stop();
    encryption.close();
    rmSync(state, { recursive: true });
  }
});
