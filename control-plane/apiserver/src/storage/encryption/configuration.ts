import { durationMs } from "@tsukube/api";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { FieldReader } from "../../configuration/field-reader.ts";
import type { NamedKey } from "./ciphers.ts";
import { resourceMistakes } from "./encrypted-resources.ts";

export type ProviderConfiguration =
  | { readonly type: "identity" }
  | { readonly type: "aescbc" | "aesgcm" | "secretbox"; readonly keys: readonly NamedKey[] }
  | { readonly type: "kms"; readonly name: string; readonly endpoint: string; readonly timeoutMs: number };

/** Which resources ("secrets", "deployments.apps", "*.apps", "*.", "*.*") are laid down how: the first provider writes, all of them read. */
export interface EncryptionRule {
  readonly resources: readonly string[];
  readonly providers: readonly ProviderConfiguration[];
}

const VERSION = "apiserver.config.k8s.io/v1";
const KINDS = ["identity", "aescbc", "aesgcm", "secretbox", "kms"];
const SIZES = { aescbc: [16, 24, 32], aesgcm: [16, 24, 32], secretbox: [32] };
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Reads upstream's EncryptionConfiguration (apiserver.config.k8s.io/v1), YAML or JSON, as strictly as upstream. @throws {TsukubeError} `usage`, naming every mistake. */
export function parseEncryption(text: string): readonly EncryptionRule[] {
  const reading = new Reading();
  const rules = reading.rules(text);
  if (reading.mistakes.length === 0) return rules;
  throw new TsukubeError("usage", `Cannot use the encryption configuration: ${reading.mistakes.join("; ")}`);
}

class Reading extends FieldReader {
  readonly #kmsNames = new Set<string>();

  rules(text: string): readonly EncryptionRule[] {
    const raw = this.decoded(text);
    if (!this.isOf("", raw, "EncryptionConfiguration", [VERSION])) return [];
    const { resources } = this.fields("", raw, ["kind", "apiVersion", "resources"]);
    return this.some("resources", resources).map((rule, index) => this.#rule(`resources[${index}]`, rule));
  }

  #rule(path: string, raw: unknown): EncryptionRule {
    const { resources, providers } = this.fields(path, raw, ["resources", "providers"]);
    const names = this.some(`${path}.resources`, resources).map((name, index) =>
      this.text(`${path}.resources[${index}]`, name),
    );
    for (const [place, state, expected] of resourceMistakes(names))
      this.wrong(`${path}.resources${place}`, state, expected);
    const found = this.some(`${path}.providers`, providers).map((provider, index) =>
      this.#provider(`${path}.providers[${index}]`, provider),
    );
    return { resources: names, providers: found };
  }

  #provider(path: string, raw: unknown): ProviderConfiguration {
    const given = Object.entries(this.fields(path, raw, KINDS)).filter(([, provider]) => provider !== undefined);
    const [[type, provider] = ["", {}]] = given;
    const kinds = given.map(([kind]) => kind);
    if (kinds.length !== 1)
      this.wrong(path, kinds.length === 0 ? "no provider" : kinds.join(" and "), `one of ${KINDS.join(", ")}`);
    switch (type) {
      case "aescbc":
      case "aesgcm":
      case "secretbox":
        return { type, keys: this.#keys(type, `${path}.${type}`, provider) };
      case "kms":
        return this.#kms(`${path}.kms`, provider);
      default:
        this.fields(`${path}.${type}`, provider, []);
        return { type: "identity" };
    }
  }

  #keys(type: keyof typeof SIZES, path: string, raw: unknown): readonly NamedKey[] {
    const { keys } = this.fields(path, raw, ["keys"]);
    return this.some(`${path}.keys`, keys).map((key, index) => this.#key(type, `${path}.keys[${index}]`, key));
  }

  #key(type: keyof typeof SIZES, path: string, raw: unknown): NamedKey {
    const fields = this.fields(path, raw, ["name", "secret"]);
    const name = this.needed(`${path}.name`, fields["name"]);
    const text = this.needed(`${path}.secret`, fields["secret"]).replaceAll(/[\r\n]/g, "");
    const secret = Buffer.from(text, "base64");
    const sizes = SIZES[type].join(", ");
    // the message names the key, never what it is
    if (!BASE64.test(text)) this.wrong(`${path}.secret`, `of key "${name}", not base64`, "base64 with its padding");
    else if (text !== "" && !SIZES[type].includes(secret.length))
      this.wrong(`${path}.secret`, `key "${name}" of ${secret.length} bytes`, `${sizes} for ${type}`);
    return { name, secret };
  }

  #kms(path: string, raw: unknown): ProviderConfiguration {
    const fields = this.fields(path, raw, ["apiVersion", "name", "cachesize", "endpoint", "timeout"]);
    const version = fields["apiVersion"] === undefined ? "v1" : this.text(`${path}.apiVersion`, fields["apiVersion"]);
    if (version !== "v2") this.wrong(`${path}.apiVersion`, `kms of version ${version}`, "v2");
    if (version === "v2" && fields["cachesize"] !== undefined) this.wrong(`${path}.cachesize`, "set", "none in v2");
    const name = this.needed(`${path}.name`, fields["name"]);
    if (name.includes(":")) this.wrong(`${path}.name`, `"${name}"`, "a name without colon");
    if (this.#kmsNames.has(name)) this.wrong(`${path}.name`, `"${name}" again`, "another name for each kms");
    this.#kmsNames.add(name);
    const endpoint = this.needed(`${path}.endpoint`, fields["endpoint"]);
    if (endpoint !== "" && !endpoint.startsWith("unix:///"))
      this.wrong(`${path}.endpoint`, `"${endpoint}"`, "such as unix:///run/kms.sock");
    const timeoutMs = this.#timeout(`${path}.timeout`, fields["timeout"] ?? "3s");
    return { type: "kms", name, endpoint, timeoutMs };
  }

  #timeout(path: string, raw: unknown): number {
    const text = this.text(path, raw);
    try {
      const ms = durationMs(text);
      if (ms > 0) return ms;
    } catch (error) {
      if (codeOf(error) !== "invalid-duration") throw error;
    }
    this.wrong(path, `"${text}"`, "more than nothing, such as 3s");
    return 0;
  }
}
