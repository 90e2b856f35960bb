import { X509Certificate } from "node:crypto";
import { jsonEqual, normalize, type Unstructured } from "@tsukube/api";
import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { detach, formatTime, type Lifetime, type Logger } from "@tsukube/foundation";
import type { RequestHeaders } from "../authentication/request-headers.ts";
import type { WriterDeps } from "../endpoints/writer.ts";
import { updatedByServer } from "../ownership/own-fields.ts";

const NAME = "extension-apiserver-authentication";
const CLIENT_CA = "client-ca-file";
const FRONT_PROXY_CA = "requestheader-client-ca-file";

export interface Trusted {
  /** PEM. */
  readonly clientCa: string | undefined;
  /** PEM. */
  readonly frontProxyCa: string | undefined;
  /** By which names and headers a front proxy is known; those of this server without it. */
  readonly headers?: Omit<RequestHeaders, "ca"> | undefined;
}

const OWN_HEADERS: Omit<RequestHeaders, "ca"> = {
  allowedNames: ["front-proxy-client"],
  usernameHeaders: ["X-Remote-User"],
  uidHeaders: ["X-Remote-Uid"],
  groupHeaders: ["X-Remote-Group"],
  extraHeaderPrefixes: ["X-Remote-Extra-"],
};

/**
 * Keeps the ConfigMap by which extension servers learn whom to believe: the CA of client certificates, and the CA and the headers
 * of the front proxy, which is this server. What other servers of the cluster add to it stays, but for certificates out of date.
 */
export async function authenticationConfig(
  { store, registry, clock, random, gates }: WriterDeps,
  trusted: Trusted,
  { lifetime, logger }: { readonly lifetime: Lifetime; readonly logger: Logger },
): Promise<void> {
  const own = dataOf(trusted, gates.isOn("RemoteRequestHeaderUID"));
  if (Object.keys(own).length === 0) return;
  const definition = registry.get("", "v1", "configmaps")!;
  const key = store.keyOf(definition, "kube-system", NAME);
  const write = () =>
    store.update(definition, key, async (live) => {
      const before = (live as ConfigMap | undefined)?.data ?? {};
      const data = joined(own, before, clock.now());
      if (live?.metadata?.deletionTimestamp !== undefined || jsonEqual(before, data)) return { type: "none" };
      const identity = live?.metadata ?? { uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
      const metadata = { ...identity, name: NAME, namespace: "kube-system" };
      const object = { kind: "ConfigMap", apiVersion: "v1", metadata, data };
      const next = normalize<Unstructured>(object, definition.schema).object;
      return { type: "put", object: updatedByServer({ registry, clock }, definition, live, next) };
    });
  await write();
  const stop = store.cache.subscribe(key, () =>
    detach(clock.track(write()), logger, "cannot write whom extension servers may believe"),
  );
  lifetime.add("whom extension servers may believe", stop);
}

type Data = Readonly<Record<string, string>>;

export function dataOf({ clientCa, frontProxyCa, headers = OWN_HEADERS }: Trusted, hasUid: boolean): Data {
  return {
    ...(clientCa !== undefined && { [CLIENT_CA]: clientCa }),
    ...(frontProxyCa !== undefined && {
      "requestheader-allowed-names": JSON.stringify(headers.allowedNames),
      [FRONT_PROXY_CA]: frontProxyCa,
      "requestheader-extra-headers-prefix": JSON.stringify(headers.extraHeaderPrefixes),
      "requestheader-group-headers": JSON.stringify(headers.groupHeaders),
      ...(hasUid && { "requestheader-uid-headers": JSON.stringify(headers.uidHeaders) }),
      "requestheader-username-headers": JSON.stringify(headers.usernameHeaders),
    }),
  };
}

const NAMES = [
  CLIENT_CA,
  FRONT_PROXY_CA,
  "requestheader-allowed-names",
  "requestheader-extra-headers-prefix",
  "requestheader-group-headers",
  "requestheader-uid-headers",
  "requestheader-username-headers",
];

/**
 * Pure: what is there in its order, then what it lacks of the own; so servers that trust different authorities agree. Certificates
 * out of date go, and what is neither a list nor certificates.
 */
export function joined(own: Data, before: Data, now: number): Data {
  const entries = NAMES.map((name) => {
    const values = [before[name] ?? "", own[name] ?? ""];
    return [name, name.endsWith("-ca-file") ? certificates(values.join("\n"), now) : distinctList(values)] as const;
  });
  const found = entries.filter(([, value]) => value !== "");
  // no headers without the authority of those who may send them
  const hasFrontProxy = found.some(([name]) => name === FRONT_PROXY_CA);
  return Object.fromEntries(found.filter(([name]) => hasFrontProxy || name === CLIENT_CA));
}

function distinctList(values: readonly string[]): string {
  const items = [...new Set(values.flatMap(listOf))];
  return items.length === 0 ? "" : JSON.stringify(items);
}

function listOf(text: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
/** Upstream's, for clocks that differ. */
const SLACK_MS = 300_000;

function certificates(text: string, now: number): string {
  return [...new Set((text.match(CERTIFICATE) ?? []).flatMap((pem) => certificateInDate(pem, now)))].join("");
}

/** In one form, however its lines were broken. */
function certificateInDate(pem: string, now: number): readonly string[] {
  try {
    const certificate = new X509Certificate(pem);
    return now - SLACK_MS < Date.parse(certificate.validTo) ? [certificate.toString()] : [];
  } catch {
    return [];
  }
}
