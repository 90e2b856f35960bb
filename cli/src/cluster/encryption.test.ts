import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sameForm } from "@tsukube/apiserver";
import { silentLogger } from "@tsukube/foundation";
import { systemRandom } from "@tsukube/host";
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
  const stop = followEncryption(encryption, record, paths, clock, { ...silentLogger, info: say, error: say });
  const afterChange = async (says: RegExp): Promise<void> => {
    said.length = 0;
    await clock.advance(5000);
    await vi.waitFor(() => expect(said.join("\n")).toMatch(says), 10_000);
  };
  const prefix = async (): Promise<string> =>
    Buffer.from(await encryption.over(sameForm).write("/registry/secrets/a/b", Buffer.from("x"))).toString("latin1");
  try {
    rmSync(encryptionFile(record, paths));
    await afterChange(/no such file, expected one/);
    expect(await prefix()).toMatch(/^k8s:enc:secretbox:v1:key1:/);
    const rest =
      "resources: [{resources: [secrets], providers: [{kms: {apiVersion: v2, name: k, endpoint: 'unix:///x'}}]}]";
    writeFileSync(
      encryptionFile(record, paths),
      `kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\n${rest}`,
    );
    await afterChange(/encryption configuration changed/);
    await expect(prefix()).rejects.toThrow('Cannot encrypt with KMS "k" at unix:///x');
    writeFileSync(encryptionFile(record, paths), "");
    await afterChange(/cannot use the changed encryption configuration/);
  } finally {
    stop();
    encryption.close();
    rmSync(state, { recursive: true });
  }
});
