import { resolve } from "node:path";
import { FeatureGates } from "@tsukube/api";
import type { PluginChoice } from "@tsukube/apiserver";
import type { ClusterPaths } from "../cluster/paths.ts";
import { type ClusterRecord, writeClusterRecord } from "../cluster/record.ts";

/** The flags of `up` that say which APIs there are, what they refuse and keep, under kube-apiserver's names; "" goes back to upstream's defaults. */
export interface ApiFlags extends PluginChoice {
  /** Which built-in APIs are served: "api/beta=true,resource.k8s.io/v1alpha3=true". */
  readonly runtimeConfig?: string;
  /** Which feature gates are on: "EvictionRequestAPI=true,AllBeta=true". */
  readonly featureGates?: string;
  /** What admission plugins are told. */
  readonly admissionControlConfigFile?: string;
  /** Whose tokens are users, too. */
  readonly authenticationConfig?: string;
  /** Who is asked about other tokens. */
  readonly authenticationTokenWebhookConfigFile?: string;
  /** Who is asked what users may do. */
  readonly authorizationConfig?: string;
  /** How long events are kept, in ms. */
  readonly eventTtl?: number;
}

const NAMES = [
  "runtimeConfig",
  "featureGates",
  "enableAdmissionPlugins",
  "disableAdmissionPlugins",
  "admissionControlConfigFile",
  "authenticationConfig",
  "authenticationTokenWebhookConfigFile",
  "authorizationConfig",
] as const;

/** Those that are files. */
const FILES = [
  "admissionControlConfigFile",
  "authenticationConfig",
  "authenticationTokenWebhookConfigFile",
  "authorizationConfig",
] as const;

/**
 * @param record What the cluster was told before; undefined: it is not there yet.
 * @throws {TsukubeError} `usage` for what names no API, gate or plugin, for an API whose gate is off, and for what plugins cannot be told.
 */
export async function checkApiFlags(flags: ApiFlags, record: ClusterRecord | undefined): Promise<void> {
  if (NAMES.every((name) => flags[name] === undefined)) return;
  const { runtimeConfig = "", featureGates = "", ...wanted } = { ...record, ...flags };
  const {
    admissionControlConfigFile: file,
    authenticationConfig,
    authenticationTokenWebhookConfigFile: webhook,
    authorizationConfig,
    ...plugins
  } = wanted;
  const gates = FeatureGates.parse(featureGates);
  const { enableAdmissionPlugins, disableAdmissionPlugins } = plugins;
  const given = [
    runtimeConfig,
    enableAdmissionPlugins,
    disableAdmissionPlugins,
    file,
    authenticationConfig,
    webhook,
    authorizationConfig,
  ];
  if (!given.some(Boolean)) return;
  const {
    chosenPlugins,
    Kubeconfig,
    readAuthentication,
    readAuthorization,
    readPluginConfigurations,
    servedResources,
  } = await import(
    "@tsukube/apiserver" // half a megabyte that `up` does not need else
  );
  servedResources(runtimeConfig, gates);
  readPluginConfigurations(file || undefined, chosenPlugins(plugins));
  readAuthentication(authenticationConfig ? { file: authenticationConfig } : {});
  if (authorizationConfig) readAuthorization(authorizationConfig);
  if (webhook) Kubeconfig.read(webhook).target();
}

/** Remembers them; without them a cluster serves what it was told before. */
export async function withApis(paths: ClusterPaths, record: ClusterRecord, given: ApiFlags): Promise<ClusterRecord> {
  const { eventTtl: eventTtlMs = record.eventTtlMs } = given;
  const files = FILES.flatMap((name) => (given[name] ? [[name, resolve(given[name])]] : []));
  const flags: ApiFlags = { ...given, ...Object.fromEntries(files) };
  const changed = NAMES.filter((name) => (flags[name] ?? record[name] ?? "") !== (record[name] ?? ""));
  if (changed.length === 0 && eventTtlMs === record.eventTtlMs) return record;
  const next: Record<string, unknown> = { ...record, ...(eventTtlMs !== undefined && { eventTtlMs }) };
  for (const name of changed) {
    if (flags[name] === "") delete next[name];
    else next[name] = flags[name];
  }
  await writeClusterRecord(paths, next as unknown as ClusterRecord);
  return next as unknown as ClusterRecord;
}
