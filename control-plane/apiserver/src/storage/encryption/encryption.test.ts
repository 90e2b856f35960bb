import { createHash, createHmac } from "node:crypto";
import { type Logger, silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { MemoryStore, type Mutation, type OpenStore } from "@tsukube/store";
import { seededRandom, VirtualClock } from "@tsukube/testing";
import { expect, test, vi } from "vitest";
import { sameForm } from "../stored-form.ts";
import { decodeEncryptedObject } from "./encrypted-object.ts";
import { encryptedStore } from "./encrypted-store.ts";
import { Encryption } from "./encryption.ts";
import { EncryptionMetrics } from "./encryption-metrics.ts";
import type { KmsPlugin } from "./kms.ts";
import { openBox, sealBox } from "./secretbox.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const base64 = (byte: number, length: number): string => Buffer.alloc(length, byte).toString("base64");
const clock = new VirtualClock();
const random = seededRandom(1);

function configuration(providers: string, resources = "[secrets]"): string {
  return `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
  - resources: ${resources}
    providers:
${providers
  .trim()
  .split("\n")
  .map((line) => `      ${line}`)
  .join("\n")}
`;
}
const keyed = (type: string, ...keys: readonly [string, number][]): string =>
  `- ${type}:\n    keys:\n${keys.map(([name, byte]) => `      - {name: ${name}, secret: ${base64(byte, 32)}}`).join("\n")}`;
const IDENTITY = "- identity: {}";
const SECRET = "/registry/secrets/default/a";

test("secretbox is NaCl's, as its published vector has it", () => {
  const key = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
  const nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
  const message = hex(`be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129
    6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd
    4924ca1c60902e52f0a089bc76897040e082f937763848645e0705`);
  const box = sealBox(message, nonce, key);
  expect(box.toString("hex")).toBe(
    "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5",
  );
  expect(openBox(box, nonce, key)?.equals(message)).toBe(true);
  for (const at of [0, 15, 16, box.length - 1]) {
    const changed = Buffer.from(box);
    changed[at]! ^= 1;
    expect(openBox(changed, nonce, key)).toBeUndefined();
  }
});

test.each(["aescbc", "aesgcm", "secretbox"])("%s: what is written is read, by its key alone", async (type) => {
  const form = new Encryption(configuration(`${keyed(type, ["new", 1], ["old", 2])}\n${IDENTITY}`), { clock, random });
  const stored = await form.over(sameForm).write(SECRET, Buffer.from("value"));
  expect(Buffer.from(stored).toString("latin1")).toMatch(new RegExp(`^k8s:enc:${type}:v1:new:`));
  expect(Buffer.from(stored).includes("value")).toBe(false);
  const read = async (encryption: Encryption, value: Uint8Array, key = SECRET) => {
    const shown = await encryption.over(sameForm).read(key, { value, index: new Uint8Array(0) });
    return Buffer.from(shown!.value).toString();
  };
  expect(await read(form, stored)).toBe("value");
  expect(await read(form, Buffer.from("{plain}"))).toBe("{plain}");
  const second = new Encryption(configuration(keyed(type, ["new", 9])), { clock, random });
  await expect(read(second, stored).then((text) => expect(text).toBe("value"))).rejects.toThrow();
  const other = new Encryption(configuration(keyed(type, ["other", 1])), { clock, random });
  expect(() => other.over(sameForm).read(SECRET, { value: stored, index: new Uint8Array(0) })).toThrow(
    `Cannot read "${SECRET}": encrypted by ${type} with key "new", expected that key in the encryption configuration`,
  );
  expect(() => other.over(sameForm).read(SECRET, { value: Buffer.from("{}"), index: new Uint8Array(0) })).toThrow(
    /not encrypted/,
  );
  // where the cipher binds the key of the store, a value cannot be moved to another
  if (type === "aesgcm") await expect(read(form, stored, "/registry/secrets/default/b").then(String)).rejects.toThrow();
});

test("the first rule that covers a resource counts; wildcards, groups and custom resources", async () => {
  const text = `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
  - resources: [deployments.apps]
    providers: [{identity: {}}]
  - resources: ["*.apps", widgets.example.com, services]
    providers: [{secretbox: {keys: [{name: k, secret: ${base64(1, 32)}}]}}]
`;
  const form = new Encryption(text, { clock, random }).over(sameForm);
  const isEncrypted = async (key: string) =>
    Buffer.from(await form.write(key, Buffer.from("{}")))
      .toString()
      .startsWith("k8s:enc:secretbox:v1:k:");
  expect(await isEncrypted("/registry/deployments/default/a")).toBe(false);
  expect(await isEncrypted("/registry/statefulsets/default/a")).toBe(true);
  expect(await isEncrypted("/registry/services/specs/default/a")).toBe(true);
  expect(await isEncrypted("/registry/services/endpoints/default/a")).toBe(false);
  expect(await isEncrypted("/registry/example.com/widgets/default/a")).toBe(true);
  expect(await isEncrypted("/registry/example.com/gadgets/default/a")).toBe(false);
  expect(await isEncrypted("/registry/pods/default/a")).toBe(false);
});

const KMS = (more: string): string => configuration(`- kms: {apiVersion: v2, name: k, ${more}}`);
const UNIX = "endpoint: 'unix:///x'";

test.each([
  ["kind: Pod", "kind Pod of undefined, expected EncryptionConfiguration of apiserver.config.k8s.io/v1"],
  ["", "kind undefined"],
  [`${configuration(IDENTITY)}kind: EncryptionConfiguration\n`, 'key "kind" already set'],
  [`${configuration(IDENTITY)}more: 1\n`, "more: unknown, expected one of kind, apiVersion, resources"],
  [`${configuration("").split("resources")[0]}resources: []`, "resources: empty, expected a list of one"],
  [configuration("[]"), "resources[0].providers: empty"],
  [configuration(IDENTITY, "[]"), "resources[0].resources: empty"],
  [configuration(IDENTITY, "[secrets, 1]"), "resources[0].resources[1]: a number, expected text"],
  [configuration(IDENTITY, "[secrets, secrets]"), "resources[0].resources: a resource twice, expected each once"],
  [configuration(IDENTITY, '["*.", secrets]'), '"*." beside others that it covers'],
  [configuration(IDENTITY, '["*.*", deployments.apps]'), '"*.*" beside others that it covers'],
  [configuration(IDENTITY, "[Secrets]"), '"Secrets", expected lower case'],
  [configuration(IDENTITY, '["*"]'), '"*", expected "*." for all of the core group or "*.*"'],
  [configuration(IDENTITY, "[serviceipallocations]"), "expected a resource that the API serves"],
  [configuration(IDENTITY, '["*.events.k8s.io"]'), 'expected "events", as which they are stored'],
  [configuration(IDENTITY, "[ingresses.extensions]"), "expected a group that there is"],
  [configuration(IDENTITY, '["secrets.*"]'), "expected a resource of one group"],
  [configuration("- rot13: {}"), "resources[0].providers[0].rot13: unknown, expected one of identity, aescbc"],
  [configuration("- identity:"), "resources[0].providers[0]: no provider, expected one of identity"],
  [configuration("- identity: {}\n  secretbox: {keys: []}"), "identity and secretbox, expected one of"],
  [configuration("- aescbc: {keys: []}"), "resources[0].providers[0].aescbc.keys: empty"],
  [configuration("- aescbc: [1]"), "resources[0].providers[0].aescbc: a list, expected an object"],
  [configuration("- aescbc: {keys: [{name: k}]}"), "aescbc.keys[0].secret: missing, expected one"],
  [configuration("- aescbc: {keys: [{secret: AA==}]}"), "aescbc.keys[0].name: missing, expected one"],
  [configuration("- aescbc: {keys: [{name: k, secret: c2hvcnQ}]}"), 'of key "k", not base64'],
  [configuration("- aescbc: {keys: [{name: k, secret: c2hvcnQ=}]}"), 'key "k" of 5 bytes, expected 16, 24, 32 for'],
  [configuration(`- secretbox: {keys: [{name: k, secret: ${base64(1, 16)}}]}`), 'key "k" of 16 bytes, expected 32 for'],
  [configuration(`- kms: {name: k, ${UNIX}}`), "kms.apiVersion: kms of version v1, expected v2"],
  [configuration(`- kms: {apiVersion: v2, name: "a:b", ${UNIX}}`), 'kms.name: "a:b", expected a name without colon'],
  [KMS("timeout: 1s"), "kms.endpoint: missing"],
  [KMS("endpoint: 'http://x'"), 'kms.endpoint: "http://x", expected such as unix:///run/kms.sock'],
  [KMS(`${UNIX}, timeout: 0s`), 'kms.timeout: "0s", expected more than nothing'],
  [KMS(`${UNIX}, timeout: soon`), 'kms.timeout: "soon", expected more than nothing'],
  [KMS(`${UNIX}, cachesize: 10`), "kms.cachesize: set, expected none in v2"],
  [configuration(`${`- kms: {apiVersion: v2, name: k, ${UNIX}}\n`.repeat(2)}`), 'providers[1].kms.name: "k" again'],
])("a wrong configuration is refused: %#", (text, message) => {
  expect(() => new Encryption(text, { clock, random })).toThrow(message);
});

test("all mistakes of a configuration are named at once, and none shows a secret", () => {
  const text = configuration("- aescbc: {keys: [{secret: c2hvcnQ=}]}\n- rot13: {}", "[Secrets]");
  const refused = (): unknown => new Encryption(text, { clock, random });
  for (const place of ["resources[0]", "aescbc.keys[0].name", "aescbc.keys[0].secret", "rot13"])
    expect(refused).toThrow(place);
  expect(refused).not.toThrow(/c2hvcnQ/);
});

test.each(["1m30s", "1.5s", "250ms"])("a timeout is one of Go's durations: %s", (timeout) => {
  new Encryption(KMS(`${UNIX}, timeout: ${timeout}`), { clock, random, dialKms: () => new Turning() }).close();
});

const NOTHING: Uint8Array = new Uint8Array(0);

/** A KMS that turns every byte. */
class Turning implements KmsPlugin {
  keyId = "1";
  asked = 0;
  isDown = false;
  isClosed = false;
  readonly Status = async () => {
    if (this.isDown) throw new Error("down");
    return { version: "v2", healthz: "ok", keyId: this.keyId };
  };
  readonly Encrypt = async ({ plaintext = NOTHING }: { readonly plaintext?: Uint8Array }) => {
    this.asked += 1;
    return { ciphertext: turned(plaintext), keyId: this.keyId, annotations: { "a.b": Buffer.from("x") } };
  };
  readonly Decrypt = async ({ ciphertext = NOTHING }: { readonly ciphertext?: Uint8Array }) => {
    this.asked += 1;
    return { plaintext: turned(ciphertext) };
  };
  close(): void {
    this.isClosed = true;
  }
}
const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff);

test("a KMS encrypts one seed for many values, is asked once for it after a restart, and its new key is noticed", async () => {
  const plugin = new Turning();
  const time = new VirtualClock();
  const text = configuration("- kms: {apiVersion: v2, name: turning, endpoint: 'unix:///x', timeout: 3s}");
  const options = { clock: time, random, dialKms: () => plugin };
  const first = new Encryption(text, options);
  const values = await Promise.all(
    ["a", "b", "c"].map((value) => first.over(sameForm).write(SECRET, Buffer.from(value))),
  );
  expect(plugin.asked).toBe(1);
  const prefix = "k8s:enc:kms:v2:turning:";
  const object = decodeEncryptedObject(values[0]!.subarray(prefix.length));
  expect(object).toMatchObject({ keyId: "1", sourceType: 1 });
  expect(Buffer.from(object.annotations["a.b"]!).toString()).toBe("x");
  // HKDF-Expand of RFC 5869 with one block
  const seed = turned(object.source);
  expect(createHmac("sha256", seed).update(object.data.subarray(0, 32)).update("\u0001").digest()).toHaveLength(32);

  const second = new Encryption(text, options);
  const read = async (value: Uint8Array) =>
    Buffer.from((await second.over(sameForm).read(SECRET, { value, index: new Uint8Array(0) }))!.value).toString();
  expect(await Promise.all(values.map(read))).toEqual(["a", "b", "c"]);
  expect(plugin.asked).toBe(2);

  let changes = 0;
  first.onChange(() => {
    changes += 1;
  });
  plugin.keyId = "2";
  await time.advance(61_000);
  expect(changes).toBe(1);
  expect(first.isStale(SECRET, values[0]!)).toBe(true);
  expect(first.isStale(SECRET, await first.renew(SECRET, values[0]!))).toBe(false);

  // one that begins after the key changed notices too, from what it reads
  const third = new Encryption(text, options);
  const noticed = new Promise<void>((resolve) => third.onChange(resolve));
  await third.over(sameForm).read(SECRET, { value: values[0]!, index: new Uint8Array(0) });
  await time.advance(61_000);
  await noticed;
  expect(third.isStale(SECRET, values[0]!)).toBe(true);
  for (const one of [first, second, third]) one.close();
});

const TURNING = (timeout = "3s"): string =>
  configuration(`- kms: {apiVersion: v2, name: turning, endpoint: 'unix:///x', timeout: ${timeout}}`);
const sourceOf = (value: Uint8Array): string =>
  Buffer.from(decodeEncryptedObject(value.subarray("k8s:enc:kms:v2:turning:".length)).source).toString("hex");

test("what was written is read back without the KMS, and one seed writes on for as long as its key stays, whatever is configured", async () => {
  const plugin = new Turning();
  const time = new VirtualClock();
  const encryption = new Encryption(TURNING(), { clock: time, random, dialKms: () => plugin });
  const form = encryption.over(sameForm);
  const written = await form.write(SECRET, Buffer.from("a"));
  await form.read(SECRET, { value: written, index: NOTHING });
  expect(plugin.asked).toBe(1);
  await time.advance(3_600_000);
  await encryption.use(TURNING());
  expect(sourceOf(await form.write(SECRET, Buffer.from("b")))).toBe(sourceOf(written));
  expect([plugin.asked, plugin.isClosed]).toEqual([1, false]);
  encryption.close();
  expect(plugin.isClosed).toBe(true);
});

test("a seed writes for three minutes when the KMS does not say that its key is still the same, and again when it does", async () => {
  const plugin = new Turning();
  const time = new VirtualClock();
  const form = new Encryption(TURNING(), { clock: time, random, dialKms: () => plugin }).over(sameForm);
  const written = await form.write(SECRET, Buffer.from("a"));
  plugin.isDown = true;
  await time.advance(175_000);
  await form.write(SECRET, Buffer.from("b"));
  await time.advance(10_000);
  await expect(async () => form.write(SECRET, Buffer.from("c"))).rejects.toThrow(
    /Cannot look at the key with KMS "turning"/,
  );
  expect(Buffer.from((await form.read(SECRET, { value: written, index: NOTHING }))!.value).toString()).toBe("a");
  plugin.isDown = false;
  expect(sourceOf(await form.write(SECRET, Buffer.from("d")))).toBe(sourceOf(written));
});

test("a KMS is well while its plugin says so, by a key that it encrypts with; what it said is not asked again for a while", async () => {
  const plugin = new Turning();
  const time = new VirtualClock();
  const encryption = new Encryption(TURNING(), { clock: time, random, dialKms: () => plugin });
  const prefix = "kms-provider-0: Cannot";
  let looks = 0;
  const says = (answer: object): void => {
    Object.assign(plugin, {
      Status: async () => {
        looks += 1;
        return { version: "v2", healthz: "ok", keyId: plugin.keyId, ...answer };
      },
    });
  };
  says({});
  expect(await Promise.all([encryption.problem(), encryption.problem()])).toEqual([undefined, undefined]);
  expect([looks, plugin.asked]).toEqual([1, 1]);
  await time.advance(19_999);
  says({ healthz: "sick" });
  expect(await encryption.problem()).toBeUndefined();
  await time.advance(1);
  expect(await encryption.problem()).toMatch(`${prefix} encrypt with KMS "turning"`);
  expect(await encryption.problem()).toMatch('its plugin answers "health: sick"');
  expect(looks).toBe(2);
  for (const [answer, problem] of [
    [{ version: "v1" }, "version v1"],
    [{ version: "v2beta1" }, "version v2beta1, and v2 before"],
    [{ keyId: "" }, "a key id that is empty"],
    [{ keyId: "k".repeat(1025) }, "a key id that is too long"],
    [{ keyId: "other" }, "it has another key than it says"],
  ] as const) {
    says(answer);
    await time.advance(3000);
    expect(await encryption.problem()).toContain(`its plugin answers "${problem}"`);
  }
  // nothing of it changed the seed, which writes on, and the next good answer is looked for by itself
  await encryption.over(sameForm).write(SECRET, Buffer.from("a"));
  says({});
  looks = 0;
  await time.advance(10_000);
  expect(looks).toBe(1);
  expect(await encryption.problem()).toBeUndefined();
  expect(looks).toBe(1);
  await time.advance(60_000);
  expect(looks).toBe(2);
  encryption.close();
});

test("a new configuration whose KMS is not well is refused, and its plugin left", async () => {
  const [plugin, sick] = [new Turning(), new Turning()];
  sick.isDown = true;
  const encryption = new Encryption(TURNING(), { clock: new VirtualClock(), random, dialKms: () => plugin });
  await expect(encryption.use(TURNING("5s"), () => sick)).rejects.toThrow(
    'Cannot use the encryption configuration: Cannot look at the key with KMS "turning"',
  );
  expect([encryption.text, plugin.isClosed, sick.isClosed]).toEqual([TURNING(), false, true]);
  sick.isDown = false;
  await encryption.use(TURNING("5s"), () => sick);
  expect([encryption.text, plugin.isClosed]).toEqual([TURNING("5s"), true]);
  encryption.close();
});

test("what encryption does is counted as upstream counts it", async () => {
  const time = new VirtualClock();
  const shown = createMetrics();
  const plugin = new Turning();
  const options = { clock: time, random, dialKms: () => plugin };
  const text = configuration(
    `- kms: {apiVersion: v2, name: turning, endpoint: 'unix:///x'}\n${keyed("aesgcm", ["k", 1])}`,
  );
  const encryption = new Encryption(text, { ...options, metrics: new EncryptionMetrics(shown, time, "host") });
  const form = encryption.over(sameForm);
  const read = async (value: Uint8Array, key = SECRET) => form.read(key, { value, index: NOTHING });
  const written = await form.write(SECRET, Buffer.from("a"));
  await read(written);
  await read(await new Encryption(TURNING(), options).over(sameForm).write(SECRET, NOTHING));
  const old = await new Encryption(configuration(keyed("aesgcm", ["k", 1])), { clock: time, random })
    .over(sameForm)
    .write(SECRET, Buffer.from("b"));
  await read(old);
  await expect(async () => read(Buffer.from("{}"))).rejects.toThrow("not encrypted");
  await read(Buffer.from("{}"), "/registry/pods/default/a");
  Object.assign(plugin, {
    Status: async () => {
      throw Object.assign(new Error("down"), { grpcStatus: "Unavailable" });
    },
  });
  await time.advance(60_000);
  const lines = shown
    .expose()
    .split("\n")
    .filter((line) => !line.startsWith("#") && !/_(bucket|sum)[{ ]/.test(line));
  const hash = (of: string): string => `sha256:${createHash("sha256").update(of).digest("hex")}`;
  const server = /apiserver_id_hash="(sha256:[0-9a-f]{64})"/.exec(lines.join())?.[1];
  const key = `provider_name="turning",key_id_hash="${hash("1")}",apiserver_id_hash="${server}"`;
  const of = (direction: string, prefix: string): string =>
    `resource="secrets",transformation_type="${direction}",transformer_prefix="${prefix}"`;
  const KMS_PREFIX = "k8s:enc:kms:v2:turning:";
  const ENVELOPE = "apiserver_envelope_encryption_";
  const call = (method: string, status: string): string =>
    `${ENVELOPE}kms_operations_latency_seconds_count{provider_name="turning",method_name="/v2.KeyManagementService/${method}",grpc_status_code="${status}"}`;
  for (const line of [
    `apiserver_storage_transformation_operations_total{${of("to_storage", KMS_PREFIX)},status="OK"} 1`,
    `apiserver_storage_transformation_operations_total{${of("from_storage", KMS_PREFIX)},status="OK"} 2`,
    `apiserver_storage_transformation_operations_total{${of("from_storage", "k8s:enc:aesgcm:v1:")},status="OK"} 1`,
    `apiserver_storage_transformation_operations_total{${of("from_storage", "unknown")},status="unknown-non-grpc"} 1`,
    `apiserver_storage_transformation_duration_seconds_count{transformation_type="from_storage",transformer_prefix="${KMS_PREFIX}"} 2`,
    "apiserver_storage_envelope_transformation_cache_misses_total 1",
    "apiserver_storage_data_key_generation_duration_seconds_count 1",
    `${call("Encrypt", "OK")} 1`,
    `${call("Decrypt", "OK")} 1`,
    `${call("Status", "OK")} 1`,
    `${call("Status", "Unavailable")} 1`,
    `${ENVELOPE}dek_source_cache_size{provider_name="turning"} 2`,
    `${ENVELOPE}key_id_hash_total{transformation_type="to_storage",${key}} 1`,
    `${ENVELOPE}key_id_hash_total{transformation_type="from_storage",${key}} 2`,
  ])
    expect(lines).toContain(line);
  expect(lines.filter((line) => line.includes('resource="pods"'))).toEqual([]);
  expect(lines.join("\n")).toContain(`${ENVELOPE}key_id_hash_status_last_timestamp_seconds{${key}} `);
  encryption.close();
});

test("a KMS that is no longer configured is left when what was asked of it is answered", async () => {
  const plugins: Turning[] = [];
  const answer = Promise.withResolvers<void>();
  const dialKms = (): KmsPlugin => {
    const plugin = new Turning();
    plugins.push(plugin);
    const { Decrypt } = plugin;
    return Object.assign(plugin, { Decrypt: async (request: object) => answer.promise.then(() => Decrypt(request)) });
  };
  const value = await new Encryption(TURNING(), { clock, random, dialKms }).over(sameForm).write(SECRET, NOTHING);
  const encryption = new Encryption(TURNING(), { clock, random, dialKms });
  const reading = encryption.over(sameForm).read(SECRET, { value, index: NOTHING });
  await encryption.use(TURNING("5s"));
  expect(plugins.map(({ isClosed }) => isClosed)).toEqual([false, false, false]);
  answer.resolve();
  expect((await reading)?.value).toHaveLength(0);
  expect(plugins.map(({ isClosed }) => isClosed)).toEqual([false, true, false]);
});

test("a configuration that is refused changes neither what is written nor how a KMS is reached", async () => {
  const [plugin, refused] = [new Turning(), new Turning()];
  const encryption = new Encryption(TURNING(), { clock: new VirtualClock(), random, dialKms: () => plugin });
  const form = encryption.over(sameForm);
  const text = `${TURNING("5s")}  - resources: []\n    providers: []\n`;
  await expect(encryption.use(text, () => refused)).rejects.toThrow(/resources/);
  expect(encryption.text).toBe(TURNING());
  await encryption.use(TURNING("5s"));
  await form.write(SECRET, Buffer.from("a"));
  expect([plugin.asked, refused.asked]).toEqual([1, 0]);
  encryption.close();
});

test("what lies plain or with an older key is written again, at the start and when keys change", async () => {
  const store = new MemoryStore({ clock });
  const put = (key: string): Mutation => ({
    type: "put",
    key,
    value: Buffer.from(`{"of":"${key}"}`),
    index: Buffer.from("i"),
    expected: "any",
  });
  await store.commit([put(SECRET), put("/registry/pods/default/a")]);
  const ranges = vi.spyOn(store, "range");
  const logged: unknown[] = [];
  const logger: Logger = { ...silentLogger, info: (_message, fields) => void logged.push(fields) };
  const encryption = new Encryption(configuration(`${keyed("secretbox", ["one", 1])}\n${IDENTITY}`), { clock, random });
  const seen: string[] = [];
  const open = async (visit: (record: never) => void) => {
    for (const record of (await store.range("")).records) visit(record as never);
    return store;
  };
  const formed = await encryptedStore(
    open as never,
    sameForm,
    encryption,
    logger,
  )((record) => void seen.push(record.key));
  expect(seen).toEqual(["/registry/pods/default/a", SECRET]);
  const raw = async () => Buffer.from((await store.get(SECRET))!.value).toString("latin1");
  await clock.advance(10);
  expect(await raw()).toMatch(/^k8s:enc:secretbox:v1:one:/);
  // the start read everything once
  expect(ranges).toHaveBeenCalledTimes(1);
  await encryption.use(configuration(keyed("aesgcm", ["two", 2]) + "\n" + keyed("secretbox", ["one", 1])));
  await clock.advance(10);
  expect(await raw()).toMatch(/^k8s:enc:aesgcm:v1:two:/);
  expect(logged).toEqual([{ objects: 1 }, { objects: 1 }]);
  const record = await formed.get(SECRET);
  expect(Buffer.from(record!.value).toString()).toBe(`{"of":"${SECRET}"}`);
  expect(Buffer.from(record!.index).toString()).toBe("i");
  expect((await store.get("/registry/pods/default/a"))?.revision).toBe(1);
  await formed.close();
});

test("one that no key opens keeps no other from being written again", async () => {
  const [one, two] = [keyed("secretbox", ["one", 1]), keyed("secretbox", ["two", 2])];
  const store = new MemoryStore({ clock });
  const logged: unknown[] = [];
  const note = (_message: string, fields?: object): void => void logged.push(fields);
  const logger: Logger = { ...silentLogger, info: note, warn: note };
  const encryption = new Encryption(configuration(`${one}\n${two}`), { clock, random });
  const formed = await encryptedStore(async () => store, sameForm, encryption, logger)(() => {});
  const put = (key: string): Mutation => ({ type: "put", key, value: Buffer.from(key), expected: "any" });
  await formed.commit([put("/registry/secrets/a/b")]);
  await encryption.use(configuration(`${two}\n${one}`));
  await formed.commit([put("/registry/secrets/a/c")]);
  await encryption.use(configuration(`${keyed("secretbox", ["three", 3])}\n${two}`));
  await clock.advance(10);
  // whichever was written again in between, what "two" opens is
  const lying = async (name: string) =>
    /^k8s:enc:secretbox:v1:(\w+):/.exec(Buffer.from((await store.get(name))!.value).toString("latin1"))?.[1];
  expect(await lying("/registry/secrets/a/c")).toBe("three");
  await store.commit([
    { type: "put", key: "/registry/secrets/a/a", value: Buffer.from("k8s:enc:aescbc:v1:lost:x"), expected: "any" },
  ]);
  await encryption.use(configuration(`${two}\n${keyed("secretbox", ["three", 3])}`));
  await clock.advance(10);
  expect(await lying("/registry/secrets/a/c")).toBe("two");
  expect(logged.at(-1)).toMatchObject({ objects: 1, error: expect.stringContaining('"/registry/secrets/a/a"') });
  await formed.close();
});

test("what a KMS that is down keeps from being written again is when it is back", async () => {
  const plugin = new Turning();
  const { Encrypt } = plugin;
  let isDown = true;
  const down = async (): Promise<never> => {
    throw new Error("down");
  };
  Object.assign(plugin, { Encrypt: (request: object) => (isDown ? down() : Encrypt(request)) });
  const time = new VirtualClock();
  const store = new MemoryStore({ clock: time });
  const one = keyed("secretbox", ["one", 1]);
  const before = new Encryption(configuration(one), { clock: time, random }).over(sameForm);
  const value = await before.write(SECRET, Buffer.from("x"));
  await store.commit([{ type: "put", key: SECRET, value, expected: "any" }]);
  const turning = "- kms: {apiVersion: v2, name: turning, endpoint: 'unix:///x'}";
  const encryption = new Encryption(configuration(`${turning}\n${one}`), {
    clock: time,
    random,
    dialKms: () => plugin,
  });
  const open: OpenStore = async (visit) => {
    for (const record of (await store.range("/")).records) visit(record);
    return store;
  };
  const formed = await encryptedStore(open, sameForm, encryption, silentLogger)(() => {});
  const lying = async () => Buffer.from((await store.get(SECRET))!.value).toString("latin1");
  await time.advance(10);
  expect(await lying()).toMatch(/^k8s:enc:secretbox:v1:one:/);
  isDown = false;
  await time.advance(60_000);
  expect(await lying()).toMatch(/^k8s:enc:kms:v2:turning:/);
  await formed.close();
});
