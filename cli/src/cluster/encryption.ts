import { join, resolve } from "node:path";
import type { EncryptionMetrics } from "@tsukube/apiserver";
import { Encryption } from "@tsukube/apiserver/encryption";
import { type Clock, type Logger, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import { readIfPresent, realClock, systemRandom, writeAtomically } from "@tsukube/host";
import { type ClusterPaths, filesOf } from "./paths.ts";
import type { ClusterRecord } from "./record.ts";

const LOOK_EVERY_MS = 5000;

type Named = Pick<ClusterRecord, "encryptionConfig">;

/** The file that says how values are encrypted: the one that was named, or the cluster's own. */
export function encryptionFile(record: Named, paths: ClusterPaths): string {
  return record.encryptionConfig ?? ownEncryptionFile(paths);
}

function ownEncryptionFile(paths: ClusterPaths): string {
  return join(filesOf(paths).pki, "encryption.yaml");
}

/** Makes the cluster's own file: Secrets, with a random key. Not with an etcd: there others must be able to read. */
export async function ensureEncryption(record: ClusterRecord, paths: ClusterPaths, random: Random): Promise<void> {
  if (record.etcd !== undefined || record.encryptionConfig !== undefined) return;
  const file = ownEncryptionFile(paths);
  if ((await readIfPresent(file)) === undefined) await writeKeys(file, [newKey(random, [])]);
}

/** What lies there is encrypted as one file says; another could not read it. @throws {TsukubeError} `usage`. */
export function expectSameEncryption(record: ClusterRecord, paths: ClusterPaths, wanted: string | undefined): void {
  if (wanted === undefined || resolve(wanted) === record.encryptionConfig) return;
  const file = encryptionFile(record, paths);
  throw new TsukubeError(
    "usage",
    `Cannot encrypt cluster "${record.name}" by ${resolve(wanted)}: it follows ${file} since it was made, expected the same; change that file, which is read again when it changes, and keep its keys as long as anything lies encrypted with them`,
  );
}

/** Opens what a cluster's values are encrypted with. @throws {TsukubeError} `usage`. */
export function openEncryption(record: Named, paths: ClusterPaths, metrics?: EncryptionMetrics): Promise<Encryption> {
  return encryptionBy(encryptionFile(record, paths), record.encryptionConfig !== undefined, metrics);
}

/** The same of a file, which may be absent unless it is needed: nothing is encrypted then. @throws {TsukubeError} `usage`. */
export async function encryptionBy(file: string, isNeeded: boolean, metrics?: EncryptionMetrics): Promise<Encryption> {
  const text = await configuration(file, isNeeded);
  const dialKms = await dialFor(text);
  try {
    return new Encryption(text, {
      clock: realClock,
      random: systemRandom,
      ...(dialKms !== undefined && { dialKms }),
      ...(metrics !== undefined && { metrics }),
    });
  } catch (cause) {
    const why = messageOf(cause).replace("Cannot use the encryption configuration: ", "");
    throw new TsukubeError("usage", `Cannot use encryption configuration "${file}": ${why}`);
  }
}

/** Only who has a KMS loads gRPC. */
async function dialFor(text = "") {
  return /\bkms\b/.test(text) ? (await import("@tsukube/apiserver/kms")).dialKms : undefined;
}

/** @throws {TsukubeError} `usage` when nothing can be read or written by it. */
export async function checkEncryption(record: Named, paths: ClusterPaths): Promise<void> {
  (await openEncryption(record, paths)).close();
}

/** Goes on with what the file says whenever it changes. @returns what ends that. */
export function followEncryption(
  encryption: Encryption,
  file: string,
  clock: Clock,
  logger: Logger,
  metrics?: EncryptionMetrics,
): () => void {
  let isLooking = false;
  let told = "";
  const look = async (): Promise<void> => {
    try {
      // without its file a cluster goes on with the keys that it has: nothing is written plain because of that
      const text = await configuration(file, encryption.text !== undefined);
      if (text !== encryption.text) {
        await encryption.use(text, await dialFor(text));
        metrics?.reloaded(text);
        logger.info("encryption configuration changed");
      }
      told = "";
    } catch (error) {
      metrics?.failedToReload();
      const why = messageOf(error);
      if (why !== told) logger.error("cannot use the changed encryption configuration", { error: why });
      told = why;
    }
  };
  const lookAgain = (): void => {
    if (isLooking) return;
    isLooking = true;
    void look().finally(() => {
      isLooking = false;
    });
  };
  if (encryption.text !== undefined) metrics?.began(encryption.text);
  lookAgain();
  return clock.every(LOOK_EVERY_MS, lookAgain, { background: true });
}

async function configuration(file: string, isNeeded: boolean): Promise<string | undefined> {
  const bytes = await readIfPresent(file);
  if (bytes !== undefined) return bytes.toString();
  if (!isNeeded) return undefined;
  throw new TsukubeError("usage", `Cannot use encryption configuration "${file}": no such file, expected one`);
}

interface Key {
  readonly name: string;
  readonly secret: string;
}

/** Puts a new key in front of the cluster's own: what is there is written again with it, the old ones stay to read. @returns its name. */
export async function rotateKey(record: ClusterRecord, paths: ClusterPaths, random: Random): Promise<string> {
  if (record.encryptionConfig !== undefined || record.etcd !== undefined) {
    throw new TsukubeError(
      "usage",
      `Cannot rotate keys of cluster "${paths.name}": it has no key file of its own, expected you to change ${record.encryptionConfig ?? "its configuration"}; it is read again when it changes`,
    );
  }
  const file = ownEncryptionFile(paths);
  const keys = keysIn((await readIfPresent(file))?.toString() ?? "");
  const key = newKey(random, keys);
  await writeKeys(file, [key, ...keys]);
  return key.name;
}

function newKey(random: Random, others: readonly Key[]): Key {
  const newest = Math.max(0, ...others.map(({ name }) => Number(/^key(\d+)$/.exec(name)?.[1] ?? 0)));
  return { name: `key${newest + 1}`, secret: Buffer.from(random.bytes(32)).toString("base64") };
}

/** Of a file that {@link writeKeys} wrote. */
function keysIn(text: string): readonly Key[] {
  return [...text.matchAll(/- name: (\S+)\n\s+secret: (\S+)/g)].map(([, name = "", secret = ""]) => ({ name, secret }));
}

async function writeKeys(file: string, keys: readonly Key[]): Promise<void> {
  const lines = keys.flatMap(({ name, secret }) => [`            - name: ${name}`, `              secret: ${secret}`]);
  const text = [
    "kind: EncryptionConfiguration",
    "apiVersion: apiserver.config.k8s.io/v1",
    "resources:",
    "  - resources: [secrets]",
    "    providers:",
    "      - secretbox:",
    "          keys:",
    ...lines,
    "      - identity: {}",
    "",
  ];
  await writeAtomically(file, text.join("\n"), { mode: 0o600 });
}
