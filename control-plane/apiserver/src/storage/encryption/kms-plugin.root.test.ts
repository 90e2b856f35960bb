import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { grpcError, serveGrpc, serviceDefinition } from "@tsukube/host/grpc";
import { expect, test } from "vitest";
import descriptor from "../../../facts/kms-v2.json" with { type: "json" };
import { sameForm } from "../stored-form.ts";
import { decodeEncryptedObject, encodeEncryptedObject } from "./encrypted-object.ts";
import { Encryption } from "./encryption.ts";
import { dialKms } from "./kms-plugin.ts";

const PREFIX = "k8s:enc:kms:v2:local:";
const KEY = "/registry/secrets/default/a";
const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0x5a);

test("a KMS plugin is asked over its socket; when it is gone, values that it must open are an error that names it", async () => {
  await using lifetime = new Lifetime();
  const folder = mkdtempSync(join(tmpdir(), "tsukube-kms-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true }));
  const socket = join(folder, "kms.sock");
  const handlers = {
    Status: async () => ({ version: "v2", healthz: "ok", keyId: "k1" }),
    Encrypt: async ({ plaintext }: { readonly plaintext: Uint8Array }) => ({
      ciphertext: turned(plaintext),
      keyId: "k1",
      annotations: { "kms.example.com/local": Buffer.from("yes") },
    }),
    Decrypt: async (request: {
      readonly ciphertext: Uint8Array;
      readonly keyId: string;
      readonly annotations: object;
    }) => {
      if (request.keyId !== "k1" || !("kms.example.com/local" in request.annotations))
        throw grpcError("INVALID_ARGUMENT", "not of this KMS");
      return { plaintext: turned(request.ciphertext) };
    },
  };
  const definition = serviceDefinition(descriptor, "v2.KeyManagementService");
  const server = await serveGrpc(`unix:${socket}`, [{ definition, handlers }]);
  const configuration = JSON.stringify({
    kind: "EncryptionConfiguration",
    apiVersion: "apiserver.config.k8s.io/v1",
    resources: [
      {
        resources: ["secrets"],
        providers: [{ kms: { apiVersion: "v2", name: "local", endpoint: `unix://${socket}`, timeout: "1s" } }],
      },
    ],
  });
  const open = (): Encryption => {
    const encryption = new Encryption(configuration, { clock: realClock, random: systemRandom, dialKms });
    return lifetime.own("encryption", encryption);
  };
  const read = async (encryption: Encryption, value: Uint8Array): Promise<string> => {
    const shown = await encryption.over(sameForm).read(KEY, { value, index: new Uint8Array(0) });
    return Buffer.from(shown!.value).toString();
  };
  const stored = await open().over(sameForm).write(KEY, Buffer.from("value"));
  expect(Buffer.from(stored).toString("latin1").startsWith(PREFIX)).toBe(true);
  expect(await read(open(), stored)).toBe("value");
  const { source, keyId, ...rest } = decodeEncryptedObject(stored.subarray(PREFIX.length));
  const foreign = Buffer.concat([Buffer.from(PREFIX), encodeEncryptedObject({ source, keyId: "k0", ...rest })]);
  await expect(read(open(), foreign)).rejects.toThrow(
    `Cannot decrypt with KMS "local" at unix://${socket}: its plugin answers "not of this KMS", expected it to do so; its own log says more`,
  );
  await server.close();
  await expect(read(open(), stored)).rejects.toThrow(
    `Cannot decrypt with KMS "local" at unix://${socket}: connect ENOENT ${socket}, expected its plugin to answer; start that,`,
  );
});
