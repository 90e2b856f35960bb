import { createPublicKey, type KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { FeatureGates } from "@tsukube/api";
import {
  type ApiServerOptions,
  type AuthorizationMode,
  chosenPlugins,
  encryptedStore,
  readPluginConfigurations,
  sameForm,
  startApiServer,
  upstreamForm,
} from "@tsukube/apiserver";
import { Encryption } from "@tsukube/apiserver/encryption";
import { Lifetime, type Logger, messageOf } from "@tsukube/foundation";
import { createLogger, realClock, systemRandom, writeAtomically } from "@tsukube/host";
import { createAuthorityKeys, type KeyPair, openAuthority } from "@tsukube/host/certificates";
import { lmdbStore, type OpenStore } from "@tsukube/store";
import { readerIn } from "../cluster/bundle-threads.ts";
import { etcdOptions } from "../cluster/etcd-access.ts";
import { hostAddresses } from "../cluster/host-identity.ts";
import { holdFolder } from "../cluster/store-hold.ts";
import { durationOf } from "../past/moment.ts";
import { ownMetrics } from "../processes/own-metrics.ts";
import { aborted, stopSignal } from "../processes/program.ts";
import type { EtcdPlace } from "./etcd.ts";
import { type Given, helpOf, parseFlags, wrong } from "./flags.ts";

const PROGRAM = "kube-apiserver";
const MODES = ["Node", "RBAC", "AlwaysAllow"] as const satisfies readonly AuthorizationMode[];

const FLAGS = {
  "admission-control-config-file": {
    takes: "FILE",
    help: "What admission plugins are told: an AdmissionConfiguration.",
  },
  "advertise-address": {
    takes: "IP",
    help: "The endpoint of the Service kubernetes; that of --bind-address by default.",
  },
  "allow-privileged": { help: "Pods may be privileged: always so." },
  "anonymous-auth": { help: "Requests without credentials are system:anonymous's, where not everything is allowed." },
  "authorization-mode": {
    takes: "MODES",
    help: `Who is asked what users may do: ${MODES.join(", ")}; AlwaysAllow by default.`,
  },
  "bind-address": { takes: "IP", help: "Where to listen; 0.0.0.0 by default." },
  "cert-dir": { takes: "DIR", help: "Where apiserver.crt and apiserver.key are, or are made." },
  "client-ca-file": { takes: "FILE", help: "The authorities of client certificates." },
  "disable-admission-plugins": { takes: "NAMES", help: "Plugins that are off." },
  "enable-admission-plugins": { takes: "NAMES", help: "Plugins that are on besides." },
  "etcd-cafile": { takes: "FILE", help: "The authority of etcd's certificates." },
  "etcd-certfile": { takes: "FILE", help: "The certificate to show to etcd." },
  "etcd-keyfile": { takes: "FILE", help: "Its key." },
  "etcd-servers": { takes: "URLS", help: "An etcd, or what stands in for it." },
  "event-ttl": { takes: "TIME", help: "How long events are kept; an hour by default." },
  "feature-gates": { takes: "GATES", help: "Feature gates that are on or off." },
  "max-mutating-requests-inflight": { takes: "COUNT", help: "Added to --max-requests-inflight; 200 by default." },
  "max-requests-inflight": { takes: "COUNT", help: "How many requests are served at a time; 400 by default." },
  "runtime-config": { takes: "APIS", help: "Built-in APIs that are served or not." },
  "secure-port": { takes: "PORT", help: "Where to listen; 6443 by default." },
  "service-account-issuer": { takes: "URL", help: "Of ServiceAccount tokens." },
  "service-account-key-file": {
    takes: "FILE",
    help: "Keys or certificates that they are checked with (P-256); may be repeated.",
  },
  "service-account-signing-key-file": { takes: "FILE", help: "The key that signs them (P-256)." },
  "service-cluster-ip-range": { takes: "NETWORKS", help: "What Services get addresses of; 10.0.0.0/24 by default." },
  "service-node-port-range": { takes: "FIRST-LAST", help: "Their ports on nodes; 30000-32767 by default." },
  "tls-cert-file": { takes: "FILE", help: "The certificate to serve with, instead of that in --cert-dir." },
  "tls-private-key-file": { takes: "FILE", help: "Its key." },
  v: { takes: "LEVEL", help: "What is logged: from 4 on everything." },
} as const;

type Flags = Given<keyof typeof FLAGS>;

const ABOUT = "Tsukube's API server alone, with kube-apiserver's flags, as envtest starts it.";

/** Serves until it is told to stop. @throws {TsukubeError} `usage`, and what keeps it from serving. */
export async function serveApi(args: readonly string[]): Promise<void> {
  const flags = parseFlags(PROGRAM, FLAGS, args);
  if (flags === undefined) {
    process.stdout.write(helpOf(PROGRAM, ABOUT, FLAGS));
    return;
  }
  const stop = stopSignal();
  const logger = createLogger({
    level: Number(last(flags, "v") ?? 0) >= 4 ? "debug" : "info",
    format: "text",
    now: Date.now,
    write: (line) => process.stderr.write(line),
  });
  await using lifetime = new Lifetime();
  const { bind, port, ...options } = await optionsOf(flags, logger);
  const openStore = await storeOf(flags, logger, lifetime, stop);
  const server = lifetime.own("API server", await startApiServer({ ...options, openStore }));
  await server.listen(bind, port);
  logger.info("serving", { address: bind, port });
  await aborted(stop);
}

async function optionsOf(
  flags: Flags,
  logger: Logger,
): Promise<Omit<ApiServerOptions, "openStore"> & { readonly bind: string; readonly port: number }> {
  if (last(flags, "allow-privileged") === "false")
    throw wrong(PROGRAM, "--allow-privileged is false", "true: nothing else is offered yet");
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
  const issuer = last(flags, "service-account-issuer");
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
    metrics: ownMetrics(featureGates),
    hostname: hostname(),
    advertise: { address, port },
    serviceCidr: last(flags, "service-cluster-ip-range") ?? "10.0.0.0/24",
    nodePorts: portsOf(last(flags, "service-node-port-range") ?? "30000-32767"),
    runtimeConfig: joined(flags, "runtime-config"),
    authorizationModes: modesOf(joined(flags, "authorization-mode")),
    anonymousAuth: last(flags, "anonymous-auth") !== "false",
    ...(await keysOf(flags)),
    ...(issuer !== undefined && { serviceAccountIssuer: issuer }),
    ...(ttl !== undefined && { eventTtlMs: ttlOf(ttl) }),
    ...(maxRequestsInflight !== undefined && { maxRequestsInflight }),
    ...(maxMutatingRequestsInflight !== undefined && { maxMutatingRequestsInflight }),
    tls: { ...(await servingPair(flags, address)), ...(clientCa !== undefined && { clientCa }) },
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

function ttlOf(text: string): number {
  const ms = durationOf(text);
  if (ms === undefined) throw wrong(PROGRAM, `--event-ttl is "${text}"`, "such as 1h30m");
  return ms;
}

function modesOf(text: string): readonly AuthorizationMode[] {
  return (text || "AlwaysAllow").split(",").map((name) => {
    const mode = MODES.find((known) => known === name);
    if (mode === undefined) throw wrong(PROGRAM, `--authorization-mode has "${name}"`, `some of ${MODES.join(", ")}`);
    return mode;
  });
}

/** Those of ServiceAccount tokens. */
async function keysOf(flags: Flags): Promise<Pick<ApiServerOptions, "serviceAccountKey" | "otherServiceAccountKeys">> {
  const signing = "service-account-signing-key-file";
  const serviceAccountKey = await fileOf(flags, signing);
  if (serviceAccountKey === undefined)
    throw wrong(PROGRAM, `--${signing} is not given`, "the key of ServiceAccount tokens");
  expectCurve(serviceAccountKey, signing);
  const checking = "service-account-key-file";
  const files = flags[checking] ?? [];
  const otherServiceAccountKeys = await Promise.all(
    files.map(async (path) => (await fileOf(flags, checking, path)) ?? ""),
  );
  for (const key of otherServiceAccountKeys) expectCurve(key, checking);
  return { serviceAccountKey, otherServiceAccountKeys };
}

function expectCurve(pem: string, flag: string): void {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw wrong(PROGRAM, `--${flag}: ${messageOf(error)}`, "a key or certificate in PEM");
  }
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw wrong(PROGRAM, `--${flag} has a key of type ${key.asymmetricKeyType}`, "one of the curve P-256");
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
async function storeOf(flags: Flags, logger: Logger, lifetime: Lifetime, leaving: AbortSignal): Promise<OpenStore> {
  const endpoints = joined(flags, "etcd-servers")
    .split(",")
    .filter((url) => url !== "");
  const [first] = endpoints;
  if (first === undefined)
    throw wrong(PROGRAM, "--etcd-servers is not given", "the URL of an etcd, or of what stands in for it");
  const folder = await placeAt(first);
  const plain = new Encryption(undefined, { clock: realClock, random: systemRandom });
  if (folder !== undefined) {
    const refusal = `Cannot keep objects in ${folder}: another kube-apiserver does, expected one only; give each an etcd of its own`;
    lifetime.add("store", await holdFolder(folder, refusal));
    const reader = readerIn(dirname(process.argv[1] ?? ""));
    const path = join(folder, "data.mdb");
    const open = lmdbStore({ path, clock: realClock, ...(reader !== undefined && { reader }) });
    return encryptedStore(open, sameForm, plain, logger);
  }
  const files = { caFile: "etcd-cafile", certFile: "etcd-certfile", keyFile: "etcd-keyfile" } as const;
  const tls = Object.entries(files).flatMap(([name, flag]) => {
    const path = last(flags, flag);
    return path === undefined ? [] : [[name, path] as const];
  });
  const { etcdStore } = await import("@tsukube/store/etcd");
  const open = etcdStore({ ...etcdOptions({ endpoints, ...Object.fromEntries(tls) }), leaving });
  return encryptedStore(open, upstreamForm, plain, logger);
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
