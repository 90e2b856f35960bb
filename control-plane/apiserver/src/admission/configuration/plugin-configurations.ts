import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { FieldReader, within } from "../../configuration/field-reader.ts";
import { readLimitedResources } from "../limited-resources.ts";
import { readEventLimits } from "../optional/event-rate-limit.ts";
import { readImagePolicy } from "../optional/image-policy.ts";
import { readNodeSelectors } from "../optional/pod-node-selector.ts";
import { readTolerations } from "../optional/pod-tolerations.ts";
import { readPodSecurity } from "../pod-security/settings.ts";
import { readPolicySettings, readWebhookCredentials } from "../webhooks/settings.ts";

const READERS = {
  EventRateLimit: readEventLimits,
  ImagePolicyWebhook: readImagePolicy,
  MutatingAdmissionPolicy: readPolicySettings("MutatingAdmissionPolicyConfiguration"),
  MutatingAdmissionWebhook: readWebhookCredentials,
  PodNodeSelector: readNodeSelectors,
  PodSecurity: readPodSecurity,
  PodTolerationRestriction: readTolerations,
  ResourceQuota: readLimitedResources,
  ValidatingAdmissionPolicy: readPolicySettings("ValidatingAdmissionPolicyConfiguration"),
  ValidatingAdmissionWebhook: readWebhookCredentials,
};
type Configurable = keyof typeof READERS;

/** What plugins are told by file, by their names. */
export type PluginConfigurations = { readonly [Name in Configurable]?: ReturnType<(typeof READERS)[Name]> };

/** Where a configuration stands. */
interface Source {
  readonly plugin: Configurable;
  readonly file: string;
  /** Within the file. */
  readonly at: string;
  readonly raw: unknown;
}

const VERSIONS = ["apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1alpha1"];
/** Fields of the files that plugins had for themselves before there was an AdmissionConfiguration. */
const OLD_FIELDS = { ImagePolicyWebhook: "imagePolicy", PodNodeSelector: "podNodeSelectorPluginConfig" } as const;
/** What plugins that do nothing without a configuration are told. */
const NEEDED = { EventRateLimit: "limits", ImagePolicyWebhook: "imagePolicy" } as const;

/**
 * Reads upstream's AdmissionConfiguration, and the files that it names from where it stands; without one plugins have what upstream gives them.
 * @param on Names of plugins: of others nothing is read.
 * @throws {TsukubeError} `usage`, naming the file and every mistake in it.
 */
export function readPluginConfigurations(file: string | undefined, on: ReadonlySet<string>): PluginConfigurations {
  const sources = file === undefined ? [] : sourcesIn(file, on);
  const read = Object.fromEntries(sources.map((source) => [source.plugin, configurationOf(source)]));
  expectConfigured(on, read);
  return read;
}

/** @throws {TsukubeError} `usage` for a plugin that does nothing without a configuration and has none. */
export function expectConfigured(on: ReadonlySet<string>, given: PluginConfigurations): void {
  for (const [name, field] of Object.entries(NEEDED))
    if (on.has(name) && given[name as keyof typeof NEEDED] === undefined)
      throw new TsukubeError(
        "usage",
        `Cannot turn on ${name}: it has no configuration, expected ${field} in the file of --admission-control-config-file`,
      );
}

function sourcesIn(file: string, on: ReadonlySet<string>): readonly Source[] {
  return reading(`admission configuration "${file}"`, (reader) => {
    const raw = reader.decoded(readFileSync(file, "utf8"));
    const { kind, plugins } = reader.members("", raw);
    const wanted = (Object.keys(READERS) as readonly Configurable[]).filter((plugin) => on.has(plugin));
    const old = Object.entries(OLD_FIELDS).filter(([, field]) => Object.hasOwn(reader.members("", raw), field));
    if (kind === undefined && old.length > 0)
      return wanted.filter((plugin) => plugin in OLD_FIELDS).map((plugin) => ({ plugin, file, at: "", raw }));
    if (!reader.isOf("", raw, "AdmissionConfiguration", VERSIONS)) return [];
    reader.fields("", raw, ["kind", "apiVersion", "plugins"]);
    const found = reader.list("plugins", plugins, (path, one) => sourceAt(reader, path, one, file, wanted));
    return wanted.flatMap((plugin) => found.find((source) => source?.plugin === plugin) ?? []);
  });
}

/** undefined: nothing that is wanted. */
function sourceAt(
  reader: FieldReader,
  at: string,
  raw: unknown,
  file: string,
  wanted: readonly Configurable[],
): Source | undefined {
  const { name, path, configuration } = reader.fields(at, raw, ["name", "path", "configuration"]);
  const plugin = wanted.find((one) => one === reader.needed(within(at, "name"), name));
  if (plugin === undefined) return undefined;
  if (configuration !== undefined) return { plugin, file, at: within(at, "configuration"), raw: configuration };
  if (path === undefined || path === "") return undefined;
  const named = resolve(dirname(file), reader.text(within(at, "path"), path));
  try {
    return { plugin, file: named, at: "", raw: reader.decoded(readFileSync(named, "utf8")) };
  } catch (error) {
    reader.wrong(within(at, "path"), messageOf(error), "a file that can be read");
    return undefined;
  }
}

function configurationOf({ plugin, file, at, raw }: Source): unknown {
  return reading(`configuration of ${plugin} in "${file}"`, (reader) => READERS[plugin](reader, at, raw, file));
}

/** @throws {TsukubeError} `usage` for what is wrong with it. */
function reading<T>(what: string, read: (reader: FieldReader) => T): T {
  const reader = new FieldReader();
  let found: T | undefined;
  try {
    found = read(reader);
  } catch (error) {
    reader.mistakes.push(messageOf(error));
  }
  if (reader.mistakes.length > 0)
    throw new TsukubeError("usage", `Cannot use the ${what}: ${reader.mistakes.join("; ")}`);
  return found as T;
}
