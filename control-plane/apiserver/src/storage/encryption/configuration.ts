import { decodeYamlUnstructured } from "@tsukube/api";
import { TsukubeError } from "@tsukube/foundation";
import type { NamedKey } from "./ciphers.ts";

export type ProviderConfiguration =
  | { readonly type: "identity" }
  | { readonly type: "aescbc" | "aesgcm" | "secretbox"; readonly keys: readonly NamedKey[] }
  | { readonly type: "kms"; readonly name: string; readonly endpoint: string; readonly timeoutMs: number };

/** Which resources ("secrets", "deployments.apps", "*.apps", "*.", "*.*") are laid down how: the first provider writes, all of them read. */
export interface EncryptionRule {
  readonly resources: readonly string[];
  readonly providers: readonly ProviderConfiguration[];
}

interface Raw {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly resources?: readonly {
    readonly resources?: readonly string[];
    readonly providers?: readonly Readonly<Record<string, RawProvider>>[];
  }[];
}

interface RawProvider {
  readonly keys?: readonly { readonly name?: string; readonly secret?: string }[];
  readonly apiVersion?: string;
  readonly name?: string;
  readonly endpoint?: string;
  readonly timeout?: string;
}

const SIZES: Readonly<Record<string, readonly number[]>> = {
  aescbc: [16, 24, 32],
  aesgcm: [16, 24, 32],
  secretbox: [32],
};

/** Reads upstream's EncryptionConfiguration (apiserver.config.k8s.io/v1), YAML or JSON. @throws {TsukubeError} `usage`. */
export function parseEncryption(text: string): readonly EncryptionRule[] {
  const raw = decodeYamlUnstructured<Raw>(Buffer.from(text), { collectProblems: false }).object;
  if (raw.kind !== "EncryptionConfiguration" || raw.apiVersion !== "apiserver.config.k8s.io/v1")
    throw wrong(`kind ${raw.kind} of ${raw.apiVersion}`, "EncryptionConfiguration of apiserver.config.k8s.io/v1");
  return (raw.resources ?? []).map(({ resources = [], providers = [] }) => {
    if (resources.length === 0 || providers.length === 0)
      throw wrong("an entry without resources or providers", "both");
    return { resources, providers: providers.map(providerOf) };
  });
}

function providerOf(raw: Readonly<Record<string, RawProvider>>): ProviderConfiguration {
  const [[type, provider] = ["", {}], ...more] = Object.entries(raw);
  if (more.length > 0) throw wrong(`a provider with ${Object.keys(raw).join(" and ")}`, "one kind each");
  switch (type) {
    case "identity":
      return { type };
    case "aescbc":
    case "aesgcm":
    case "secretbox":
      return { type, keys: keysOf(type, provider.keys ?? []) };
    case "kms":
      return kmsOf(provider);
    default:
      throw wrong(`provider "${type}"`, "identity, aescbc, aesgcm, secretbox or kms");
  }
}

function keysOf(type: string, keys: NonNullable<RawProvider["keys"]>): readonly NamedKey[] {
  if (keys.length === 0) throw wrong(`${type} without keys`, "at least one");
  return keys.map(({ name = "", secret = "" }) => {
    const bytes = Buffer.from(secret, "base64");
    if (name === "" || name.includes(":")) throw wrong(`a key of ${type} named "${name}"`, "a name without colon");
    // the message names the key, never what it is
    if (!SIZES[type]!.includes(bytes.length))
      throw wrong(`key "${name}" of ${bytes.length} bytes`, `${SIZES[type]!.join(", ")} for ${type}`);
    return { name, secret: bytes };
  });
}

function kmsOf({ apiVersion, name = "", endpoint = "", timeout = "3s" }: RawProvider): ProviderConfiguration {
  if (apiVersion !== "v2") throw wrong(`kms of version ${apiVersion ?? "v1"}`, "v2");
  if (name === "" || name.includes(":")) throw wrong(`a kms named "${name}"`, "a name without colon");
  if (!endpoint.startsWith("unix://")) throw wrong(`endpoint "${endpoint}"`, "such as unix:///run/kms.sock");
  const [, number, unit] = /^(\d+)(ms|s|m)$/.exec(timeout) ?? [];
  if (number === undefined) throw wrong(`timeout "${timeout}"`, "such as 3s");
  return {
    type: "kms",
    name,
    endpoint,
    timeoutMs: Number(number) * { ms: 1, s: 1000, m: 60_000 }[unit as "ms" | "s" | "m"],
  };
}

function wrong(what: string, expected: string): TsukubeError {
  return new TsukubeError("usage", `Cannot use the encryption configuration: ${what}, expected ${expected}`);
}
