import { X509Certificate } from "node:crypto";
import { jsonEqual, normalize, type Unstructured } from "@tsukube/api";
import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { detach, formatTime, type Lifetime, type Logger } from "@tsukube/foundation";
import type { WriterDeps } from "../endpoints/writer.ts";

const NAME = "extension-apiserver-authentication";

export interface Trusted {
  /** PEM. */
  readonly clientCa: string | undefined;
  /** PEM. */
  readonly frontProxyCa: string | undefined;
}

/**
 * Keeps the ConfigMap by which extension servers learn whom to believe: the CA of client certificates, and the CA and the headers
 * of the front proxy, which is this server. What other servers of the cluster add to it stays, but for certificates that are out of date.
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
      const before = (live as ConfigMap | undefined)?.data;
      const data = joined(own, before ?? {}, clock.now());
      if (live?.metadata?.deletionTimestamp !== undefined || jsonEqual(before, data)) return { type: "none" };
      const identity = live?.metadata ?? { uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
      const metadata = { ...identity, name: NAME, namespace: "kube-system" };
      const object = { kind: "ConfigMap", apiVersion: "v1", metadata, data };
      return { type: "put", object: normalize<Unstructured>(object, definition.schema).object };
    });
  await write();
  const stop = store.cache.subscribe(key, () =>
    detach(clock.track(write()), logger, "cannot write whom extension servers may believe"),
  );
  lifetime.add("whom extension servers may believe", stop);
}

type Data = Readonly<Record<string, string>>;

function dataOf({ clientCa, frontProxyCa }: Trusted, hasUid: boolean): Data {
  const list = (value: string): string => JSON.stringify([value]);
  return {
    ...(clientCa !== undefined && { "client-ca-file": clientCa }),
    ...(frontProxyCa !== undefined && {
      "requestheader-allowed-names": list("front-proxy-client"),
      "requestheader-client-ca-file": frontProxyCa,
      "requestheader-extra-headers-prefix": list("X-Remote-Extra-"),
      "requestheader-group-headers": list("X-Remote-Group"),
      ...(hasUid && { "requestheader-uid-headers": list("X-Remote-Uid") }),
      "requestheader-username-headers": list("X-Remote-User"),
    }),
  };
}

/** What is neither a list nor certificates, somebody broke: the own stands in its place. */
function joined(own: Data, before: Data, now: number): Data {
  const entries = Object.entries(own).map(([name, value]) => {
    const other = before[name] ?? "";
    return [name, name.endsWith("-ca-file") ? certificates(value, other, now) : distinctList(value, other)];
  });
  return Object.fromEntries(entries);
}

function distinctList(own: string, other: string): string {
  try {
    const list: unknown = JSON.parse(other);
    return Array.isArray(list) ? JSON.stringify([...new Set([...list, ...JSON.parse(own)])]) : own;
  } catch {
    return own;
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

function certificates(own: string, other: string, now: number): string {
  const known = new Set((own.match(CERTIFICATE) ?? []).map((pem) => pem.trim()));
  const more = (other.match(CERTIFICATE) ?? []).filter((pem) => !known.has(pem.trim()) && isInDate(pem, now));
  return more.length === 0 ? own : [own.trimEnd(), ...more.map((pem) => pem.trim()), ""].join("\n");
}

function isInDate(pem: string, now: number): boolean {
  try {
    return now < Date.parse(new X509Certificate(pem).validTo);
  } catch {
    return false;
  }
}
