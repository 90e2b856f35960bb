import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { FeatureGates } from "@tsukube/api";
import {
  type ApiServerOptions,
  type AuthorizationMode,
  chosenPlugins,
  EncryptionMetrics,
  encryptedStore,
  type OidcFlags,
  readPluginConfigurations,
  sameForm,
  startApiServer,
  TokenKey,
  upstreamForm,
} from "@tsukube/apiserver";
import { Encryption } from "@tsukube/apiserver/encryption";
import { Lifetime, type Logger, type Metrics, messageOf } from "@tsukube/foundation";
import { cipherList, createLogger, realClock, systemRandom, writeAtomically } from "@tsukube/host";
import { createAuthorityKeys, type KeyPair, openAuthority } from "@tsukube/host/certificates";
import { lmdbStore, type OpenStore } from "@tsukube/store";
import { auditOf } from "../cluster/audit.ts";
import { readerIn } from "../cluster/bundle-threads.ts";
import { encryptionBy, followEncryption } from "../cluster/encryption.ts";
import { etcdOptions } from "../cluster/etcd-access.ts";
import { hostAddresses } from "../cluster/host-identity.ts";
import type { AuditSettings } from "../cluster/record.ts";
import { holdFolder } from "../cluster/store-hold.ts";
import { durationOf } from "../past/moment.ts";
import { ownMetrics } from "../processes/own-metrics.ts";
import { aborted, stopSignal } from "../processes/program.ts";
import type { EtcdPlace } from "./etcd.ts";
import { type Given, helpOf, parseFlags, wrong } from "./flags.ts";
import { ABSENT, FLAGS, MODES } from "./kube-apiserver-flags.ts";

const PROGRAM = "kube-apiserver";
type Flags = Given<keyof typeof FLAGS>;

const ABOUT = "Tsukube's API server alone, with kube-apiserver's flags, as envtest starts it.";

/** Serves until it is told to stop. @throws {TsukubeError} `usage`, and what keeps it from serving. */
export async function serveApi(args: readonly string[]): Promise<void> {
  const flags = parseFlags(PROGRAM, FLAGS, args, ABSENT);
  if (flags === undefined) {
    process.stdout.write(helpOf(PROGRAM, ABOUT, FLAGS));
    return;
  }
  const stop = stopSignal();
  const logger = createLogger({
    level: Number(last(flags, "v") ?? 0) >= 4 ? "debug" : "info",
    format: last(flags, "logging-format") === "json" ? "json" : "text",
    now: Date.now,
    write: (line) => process.stderr.write(line),
  });
  await using lifetime = new Lifetime();
  const { bind, port, ...options } = await optionsOf(flags, logger);
  const { encryption, ...encrypted } = await encryptionOf(flags, options.metrics, logger, lifetime);
  const openStore = await storeOf(flags, encryption, logger, lifetime, stop);
  const server = lifetime.own("API server", await startApiServer({ ...options, ...encrypted, openStore }));
  await server.listen(bind, port);
  logger.info("serving", { address: bind, port });
  await aborted(stop);
}

async function optionsOf(
  flags: Flags,
  logger: Logger,
): Promise<Omit<ApiServerOptions, "openStore"> & { readonly bind: string; readonly port: number }> {
  const bind = last(flags, "bind-address") ?? "0.0.0.0";
  const port = numberIn(flags, "secure-port") ?? 6443;
  const isAnywhere = bind === "0.0.0.0" || bind === "::";
  const address = last(flags, "advertise-address") ?? (isAnywhere ? (hostAddresses()[0] ?? "127.0.0.1") : bind);
  const clientCa = await fileOf(flags, "client-ca-file");
  const featureGates = FeatureGates.parse(joined(flags, "feature-gates"));
  const enableAdmissionPlugins = joined(flags, "enable-admission-plugins");
  const disableAdmissionPlugins = joined(flags, "disable-admission-plugins");
  const plugins = {
    enableAdmissionPlugins,
    disableAdmissionPlugins: enableAdmissionPlugins.split(",").includes("NodeRestriction")
      ? disableAdmissionPlugins
      : `${disableAdmissionPlugins},NodeRestriction`,
  };
  const [issuer, ...otherServiceAccountIssuers] = (flags["service-account-issuer"] ?? []).filter((one) => one !== "");
  const audiences = listed(flags, "api-audiences");
  const metrics = ownMetrics(featureGates);
  const audit = await auditOf(auditSettings(flags), realClock, logger, metrics);
  const kubelets = await kubeletsOf(flags);
  const staticTokens = await fileOf(flags, "token-auth-file");
  const proxies = await proxiesOf(flags);
  const ttl = last(flags, "event-ttl");
  const maxRequestsInflight = numberIn(flags, "max-requests-inflight");
  const maxMutatingRequestsInflight = numberIn(flags, "max-mutating-requests-inflight");
  return {
    ...{ bind, port, logger, featureGates, ...plugins },
    pluginConfigurations: readPluginConfigurations(
      last(flags, "admission-control-config-file"),
      chosenPlugins(plugins),
    ),
    clock: realClock,
    random: systemRandom,
    metrics,
    ...(audit !== undefined && { audit }),
    kubelets,
    ...proxies,
    ...(staticTokens !== undefined && { staticTokens }),
    hostname: hostname(),
    advertise: { address, port },
    serviceCidr: last(flags, "service-cluster-ip-range") ?? "10.0.0.0/24",
    nodePorts: portsOf(last(flags, "service-node-port-range") ?? "30000-32767"),
    runtimeConfig: joined(flags, "runtime-config"),
    ...authorizationOf(flags),
    ...(last(flags, "anonymous-auth") !== undefined && { anonymousAuth: last(flags, "anonymous-auth") !== "false" }),
    authentication: authenticationOf(flags),
    ...tokenWebhookOf(flags),
    ...(await keysOf(flags)),
    ...(issuer !== undefined && { serviceAccountIssuer: issuer, otherServiceAccountIssuers }),
    ...(audiences.length > 0 && { audiences }),
    ...(ttl !== undefined && { eventTtlMs: timeOf(ttl, "event-ttl") }),
    ...(maxRequestsInflight !== undefined && { maxRequestsInflight }),
    ...(maxMutatingRequestsInflight !== undefined && { maxMutatingRequestsInflight }),
    tls: { ...(await servingPair(flags, address)), ...versionsOf(flags), ...(clientCa !== undefined && { clientCa }) },
    flags: Object.fromEntries(Object.keys(flags).map((name) => [name, joined(flags, name as keyof Flags)])),
  };
}

function last(flags: Flags, name: keyof Flags): string | undefined {
  return flags[name]?.at(-1) || undefined;
}

function numberIn(flags: Flags, name: keyof Flags): number | undefined {
  const text = last(flags, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw wrong(PROGRAM, `--${name} is "${text}"`, "a whole number");
  return Number(text);
}

function joined(flags: Flags, name: keyof Flags): string {
  return (flags[name] ?? []).join(",");
}

function listed(flags: Flags, name: keyof Flags): readonly string[] {
  return joined(flags, name)
    .split(",")
    .filter((one) => one !== "");
}

async function fileOf(flags: Flags, name: keyof Flags, path = last(flags, name)): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return readFile(path, "utf8").catch((error: unknown) => {
    throw wrong(PROGRAM, `--${name}: ${messageOf(error)}`, "a file that can be read");
  });
}

function portsOf(text: string): { readonly first: number; readonly last: number } {
  const [, first, end] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (first === undefined) throw wrong(PROGRAM, `--service-node-port-range is "${text}"`, "such as 30000-32767");
  return { first: Number(first), last: Number(end) };
}

function timeOf(text: string, flag: keyof Flags): number {
  const ms = durationOf(text);
  if (ms === undefined) throw wrong(PROGRAM, `--${flag} is "${text}"`, "such as 1h30m");
  return ms;
}

/** Who is asked what users may do. */
function authorizationOf(
  flags: Flags,
): Pick<ApiServerOptions, "authorizationModes" | "authorizationConfig" | "authorizationWebhook"> {
  const authorizationConfig = last(flags, "authorization-config");
  const configFile = last(flags, "authorization-webhook-config-file");
  const others = ["mode", "webhook-config-file", "webhook-version"].concat(
    ...["webhook-cache-authorized-ttl", "webhook-cache-unauthorized-ttl"],
  );
  if (authorizationConfig !== undefined && others.some((name) => `authorization-${name}` in flags))
    throw wrong(PROGRAM, "--authorization-config comes with --authorization-mode or --authorization-webhook-*", "one");
  if (authorizationConfig !== undefined) return { authorizationConfig };
  const authorizationModes = modesOf(joined(flags, "authorization-mode"));
  if (configFile === undefined) return { authorizationModes };
  const ttl = (flag: keyof Flags, fallback: string): number => timeOf(last(flags, flag) ?? fallback, flag);
  const version = last(flags, "authorization-webhook-version") === "v1" ? "v1" : "v1beta1";
  const authorizedTtlMs = ttl("authorization-webhook-cache-authorized-ttl", "5m");
  const unauthorizedTtlMs = ttl("authorization-webhook-cache-unauthorized-ttl", "30s");
  return { authorizationModes, authorizationWebhook: { configFile, version, authorizedTtlMs, unauthorizedTtlMs } };
}

function modesOf(text: string): readonly AuthorizationMode[] {
  return (text || "AlwaysAllow").split(",").map((name) => {
    const mode = MODES.find((known) => known === name);
    if (mode === undefined) throw wrong(PROGRAM, `--authorization-mode has "${name}"`, `some of ${MODES.join(", ")}`);
    return mode;
  });
}

/** Who is asked about tokens. */
function tokenWebhookOf(flags: Flags): Pick<ApiServerOptions, "tokenWebhook"> {
  const configFile = last(flags, "authentication-token-webhook-config-file");
  if (configFile === undefined) return {};
  const ttl = last(flags, "authentication-token-webhook-cache-ttl");
  const version = last(flags, "authentication-token-webhook-version") === "v1" ? "v1" : "v1beta1";
  const cacheTtlMs = ttl === undefined ? undefined : timeOf(ttl, "authentication-token-webhook-cache-ttl");
  return { tokenWebhook: { configFile, version, ...(cacheTtlMs !== undefined && { cacheTtlMs }) } };
}

/** Whose tokens are believed, too. */
function authenticationOf(flags: Flags): NonNullable<ApiServerOptions["authentication"]> {
  const file = last(flags, "authentication-config");
  const texts = {
    caFile: last(flags, "oidc-ca-file"),
    usernameClaim: last(flags, "oidc-username-claim"),
    usernamePrefix: last(flags, "oidc-username-prefix"),
    groupsClaim: last(flags, "oidc-groups-claim"),
    groupsPrefix: last(flags, "oidc-groups-prefix"),
  };
  const oidc: OidcFlags = {
    issuerUrl: last(flags, "oidc-issuer-url") ?? "",
    clientId: last(flags, "oidc-client-id") ?? "",
    ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined)),
    signingAlgs: listed(flags, "oidc-signing-algs"),
    requiredClaims: flags["oidc-required-claim"] ?? [],
  };
  const hasOidc = Object.keys(flags).some((name) => name.startsWith("oidc-"));
  return { ...(file !== undefined && { file }), ...(hasOidc && { oidc }) };
}

/** Those of ServiceAccount tokens. */
async function keysOf(flags: Flags): Promise<Pick<ApiServerOptions, "serviceAccountKey" | "otherServiceAccountKeys">> {
  const signing = "service-account-signing-key-file";
  const serviceAccountKey = await fileOf(flags, signing);
  if (serviceAccountKey === undefined)
    throw wrong(PROGRAM, `--${signing} is not given`, "the key of ServiceAccount tokens");
  expectTokenKey(serviceAccountKey, signing);
  const checking = "service-account-key-file";
  const files = flags[checking] ?? [];
  const otherServiceAccountKeys = await Promise.all(
    files.map(async (path) => (await fileOf(flags, checking, path)) ?? ""),
  );
  for (const key of otherServiceAccountKeys) expectTokenKey(key, checking);
  return { serviceAccountKey, otherServiceAccountKeys };
}

function expectTokenKey(pem: string, flag: string): void {
  try {
    new TokenKey(pem);
  } catch (error) {
    throw wrong(PROGRAM, `--${flag}: ${messageOf(error)}`, "a key or certificate in PEM");
  }
}

/** Pure: what is written of requests. */
function auditSettings(flags: Flags): { readonly audit?: AuditSettings } {
  const policyFile = last(flags, "audit-policy-file");
  if (policyFile === undefined) return {};
  const given = {
    logPath: last(flags, "audit-log-path"),
    logMegabytes: numberIn(flags, "audit-log-maxsize"),
    logBackups: numberIn(flags, "audit-log-maxbackup"),
    logDays: numberIn(flags, "audit-log-maxage"),
    webhookConfigFile: last(flags, "audit-webhook-config-file"),
  };
  const told = Object.entries(given).filter(([, value]) => value !== undefined);
  return { audit: { policyFile, ...Object.fromEntries(told) } };
}

async function pairOf(flags: Flags, certFlag: keyof Flags, keyFlag: keyof Flags): Promise<KeyPair | undefined> {
  const [cert, key] = [await fileOf(flags, certFlag), await fileOf(flags, keyFlag)];
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined)
    throw wrong(PROGRAM, `one of --${certFlag} and --${keyFlag} is not given`, "both");
  return { cert, key };
}

/** Whom extension servers are asked as, and who speaks for users to this one. */
async function proxiesOf(flags: Flags): Promise<Pick<ApiServerOptions, "frontProxy" | "requestHeaders">> {
  const pair = await pairOf(flags, "proxy-client-cert-file", "proxy-client-key-file");
  const ca = await fileOf(flags, "requestheader-client-ca-file");
  const requestHeaders = ca && {
    ca,
    allowedNames: listed(flags, "requestheader-allowed-names"),
    usernameHeaders: listed(flags, "requestheader-username-headers"),
    uidHeaders: listed(flags, "requestheader-uid-headers"),
    groupHeaders: listed(flags, "requestheader-group-headers"),
    extraHeaderPrefixes: listed(flags, "requestheader-extra-headers-prefix"),
  };
  return { ...(pair && { frontProxy: pair }), ...(requestHeaders && { requestHeaders }) };
}

/** What is shown to kubelets. */
async function kubeletsOf(flags: Flags): Promise<NonNullable<ApiServerOptions["kubelets"]>> {
  const pair = await pairOf(flags, "kubelet-client-certificate", "kubelet-client-key");
  const ca = await fileOf(flags, "kubelet-certificate-authority");
  return { ...pair, ...(ca !== undefined && { ca }) };
}

/** How values are laid down, and whether the plugins that keep keys are well. */
async function encryptionOf(
  flags: Flags,
  metrics: Metrics,
  logger: Logger,
  lifetime: Lifetime,
): Promise<Pick<ApiServerOptions, "encryptionCheck"> & { readonly encryption: Encryption }> {
  const file = last(flags, "encryption-provider-config");
  if (file === undefined) return { encryption: new Encryption(undefined, { clock: realClock, random: systemRandom }) };
  const measured = new EncryptionMetrics(metrics, realClock, hostname());
  const encryption = await encryptionBy(file, true, measured);
  if (last(flags, "encryption-provider-config-automatic-reload") === "true")
    lifetime.add("encryption configuration", followEncryption(encryption, file, realClock, logger, measured));
  return { encryption, encryptionCheck: () => encryption.problem() };
}

/** How TLS is spoken. */
function versionsOf(flags: Flags): Pick<NonNullable<ApiServerOptions["tls"]>, "minVersion" | "ciphers"> {
  const suites = listed(flags, "tls-cipher-suites");
  const ciphers = suites.length === 0 ? undefined : cipherList(suites);
  if (suites.length > 0 && ciphers === undefined)
    throw wrong(
      PROGRAM,
      `--tls-cipher-suites is "${suites.join(",")}"`,
      "such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    );
  const minVersion = last(flags, "tls-min-version") === "VersionTLS13" ? "TLSv1.3" : "TLSv1.2";
  return { minVersion, ...(ciphers !== undefined && { ciphers }) };
}

/** As upstream: what the folder lacks is made there. */
async function servingPair(flags: Flags, address: string): Promise<KeyPair> {
  const folder = last(flags, "cert-dir");
  const inFolder = (name: string): string | undefined =>
    folder !== undefined && existsSync(join(folder, name)) ? join(folder, name) : undefined;
  const cert = await fileOf(flags, "tls-cert-file", last(flags, "tls-cert-file") ?? inFolder("apiserver.crt"));
  const key = await fileOf(
    flags,
    "tls-private-key-file",
    last(flags, "tls-private-key-file") ?? inFolder("apiserver.key"),
  );
  if (cert !== undefined && key !== undefined) return { cert, key };
  const authority = await openAuthority(
    await createAuthorityKeys(`${hostname()}-ca`, realClock, systemRandom),
    realClock,
    systemRandom,
  );
  const sans = [...new Set(["localhost", "127.0.0.1", address, "kubernetes.default.svc"])];
  const made = await authority.issue({ commonName: hostname(), sans, usages: ["server"] });
  if (folder !== undefined) {
    await mkdir(folder, { recursive: true });
    await writeAtomically(join(folder, "apiserver.key"), made.key, { mode: 0o600 });
    await writeAtomically(join(folder, "apiserver.crt"), made.cert);
  }
  return made;
}

const PROBE_MS = 2000;

/** What --etcd-servers names: an etcd, or the folder of what stands in for it. */
async function storeOf(
  flags: Flags,
  encryption: Encryption,
  logger: Logger,
  lifetime: Lifetime,
  leaving: AbortSignal,
): Promise<OpenStore> {
  const endpoints = listed(flags, "etcd-servers");
  const [first] = endpoints;
  if (first === undefined)
    throw wrong(PROGRAM, "--etcd-servers is not given", "the URL of an etcd, or of what stands in for it");
  const folder = await placeAt(first);
  if (folder !== undefined) {
    const refusal = `Cannot keep objects in ${folder}: another kube-apiserver does, expected one only; give each an etcd of its own`;
    lifetime.add("store", await holdFolder(folder, refusal));
    const reader = readerIn(dirname(process.argv[1] ?? ""));
    const path = join(folder, "data.mdb");
    const open = lmdbStore({ path, clock: realClock, ...(reader !== undefined && { reader }) });
    return encryptedStore(open, sameForm, encryption, logger);
  }
  const files = { caFile: "etcd-cafile", certFile: "etcd-certfile", keyFile: "etcd-keyfile" } as const;
  const tls = Object.entries(files).flatMap(([name, flag]) => {
    const path = last(flags, flag);
    return path === undefined ? [] : [[name, path] as const];
  });
  const { etcdStore } = await import("@tsukube/store/etcd");
  const open = etcdStore({ ...etcdOptions({ endpoints, ...Object.fromEntries(tls) }), leaving });
  return encryptedStore(open, upstreamForm, encryption, logger);
}

/** @returns undefined for an etcd, and for what does not answer. */
async function placeAt(url: string): Promise<string | undefined> {
  if (!url.startsWith("http://")) return undefined;
  const stop = new AbortController();
  const cancel = realClock.after(PROBE_MS, () => stop.abort());
  const answer = await fetch(new URL("/version", url), { signal: stop.signal })
    .then((response) => response.json() as Promise<Partial<EtcdPlace>>)
    .catch(() => undefined);
  cancel();
  return answer?.tsukube?.dataDir;
}
