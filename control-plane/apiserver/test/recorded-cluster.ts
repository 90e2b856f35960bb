import { parseApiVersion, resourceOf, type Unstructured } from "@tsukube/api";
import defaults from "@tsukube/api/facts/defaults.json" with { type: "json" };
import type { Transport } from "@tsukube/client";
import { type Cluster, type ClusterOptions, startCluster } from "@tsukube/testing";
import { noticeOf } from "../src/registry/unreconciled.ts";

/** An object that was created in a kube-apiserver v1.37, and the answer. */
export interface Created {
  readonly server: "default" | "all";
  readonly in: Unstructured;
  readonly code: number;
  readonly out: Unstructured;
  readonly warnings?: readonly string[];
}

/** By "apps/v1 deployments" or "apps/v1 deployments #variant". */
export const RECORDED_OBJECTS = defaults.objects as unknown as Readonly<Record<string, Created>>;

/** The warnings of a write: those of upstream, and where nothing acts on the kind here, that it is so. */
export function warningsOf(name: string, recorded: readonly string[] = []): readonly string[] {
  const [apiVersion = "", resource = ""] = name.split(" ");
  const notice = noticeOf(resourceOf({ ...parseApiVersion(apiVersion), resource })!);
  return notice === undefined ? recorded : [...recorded, notice];
}

const LIMITED = new Set(["limitranges", "resourcequotas"]);

/** Where objects of "apps/v1 deployments #variant" are posted. */
export function pathOf(name: string): { readonly path: string; readonly apiVersion: string; readonly kind: string } {
  const [apiVersion = "", resource = ""] = name.split(" ");
  const info = resourceOf({ ...parseApiVersion(apiVersion), resource })!;
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const namespace = LIMITED.has(resource) ? "facts2" : "facts";
  const path = info.namespaced ? `${root}/namespaces/${namespace}/${resource}` : `${root}/${resource}`;
  return { path, apiVersion, kind: info.kind };
}

export async function send(
  transport: Transport,
  method: string,
  path: string,
  body?: object,
  contentType = "application/json",
) {
  const {
    status,
    headers,
    body: answer,
  } = await transport.request({
    method,
    path,
    headers: { "content-type": contentType },
    ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
  });
  const warnings = ((headers["warning"] ?? []) as readonly string[]).map((text) => JSON.parse(text.slice(6)) as string);
  return { code: status, warnings, object: JSON.parse(Buffer.from(answer as Uint8Array).toString()) as Unstructured };
}

/** Of a cluster that serves whatever upstream can. */
export const EVERYTHING = { runtimeConfig: "api/all=true", featureGates: "AllAlpha=true,AllBeta=true" };

export async function recorder(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await startCluster({ serviceCidr: "10.0.0.0/24", ...options });
  for (const name of ["facts", "facts2"])
    await cluster.client.raw("POST", "/api/v1/namespaces", { metadata: { name } });
  await cluster.client.raw("POST", "/api/v1/namespaces/facts/serviceaccounts", { metadata: { name: "default" } });
  return cluster;
}
