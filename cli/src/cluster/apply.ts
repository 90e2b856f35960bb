import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { ApiError, type KubeObject, parseApiVersion } from "@tsukube/api";
import type { APIResourceList } from "@tsukube/api/types/meta-v1";
import type { Client, ResourceClient } from "@tsukube/client";
import { type Clock, TsukubeError } from "@tsukube/foundation";
import { parseAllDocuments } from "yaml";

/** One object of a manifest and where it stands, for errors. */
export interface ManifestObject {
  readonly object: KubeObject;
  readonly file: string;
}

/** The objects of a file, or of every .yaml, .yml and .json below a folder. @throws {TsukubeError} `invalid` naming file and line. */
export function readManifests(path: string): readonly ManifestObject[] {
  return manifestFiles(path).flatMap((file) => {
    const documents = parseAllDocuments(readFileSync(file, "utf8"), { version: "1.1" });
    return (Array.isArray(documents) ? documents : []).flatMap((document) => {
      const [error] = document.errors;
      if (error !== undefined) {
        throw new TsukubeError(
          "invalid",
          `Cannot read ${file}:${error.linePos?.[0].line ?? 1}: ${error.message.split("\n")[0]}, expected YAML`,
        );
      }
      const value = document.toJS() as (KubeObject & { items?: readonly KubeObject[] }) | null;
      if (value === null) return [];
      if (typeof value !== "object" || value.kind === undefined || value.apiVersion === undefined) {
        throw new TsukubeError(
          "invalid",
          `Cannot apply ${file}: a document without apiVersion and kind, expected a Kubernetes object`,
        );
      }
      const objects = value.kind === "List" ? (value.items ?? []) : [value];
      return objects.map((object) => ({ object, file }));
    });
  });
}

function manifestFiles(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile() && [".yaml", ".yml", ".json"].includes(extname(entry.name)))
    .map((entry) => join(path, entry.name))
    .sort();
}

/** Namespaces and definitions first: others need them. */
const FIRST = ["Namespace", "CustomResourceDefinition", "ServiceAccount", "ConfigMap", "Secret"];

/** Server-side apply of every object as manager "tsukube". @returns what became of each. */
export async function applyAll(
  client: Client,
  objects: readonly ManifestObject[],
  namespace: string,
): Promise<readonly KubeObject[]> {
  const resources = new ResourceLookup(client);
  const rank = (kind: string): number => (FIRST.includes(kind) ? FIRST.indexOf(kind) : FIRST.length);
  const sorted = [...objects].sort((a, b) => rank(a.object.kind ?? "") - rank(b.object.kind ?? ""));
  const applied: KubeObject[] = [];
  for (const { object, file } of sorted) {
    try {
      const { client: resource, namespaced } = await resources.of(object, namespace);
      const metadata = namespaced ? { namespace, ...object.metadata } : object.metadata;
      const body = { ...object, metadata };
      applied.push(
        await resource.patch(object.metadata?.name ?? "", {
          type: "apply",
          body,
          fieldManager: "tsukube",
          force: true,
        }),
      );
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      throw new TsukubeError(
        "refused",
        `Cannot apply ${object.kind} "${object.metadata?.name}" of ${file}: ${error.message}`,
        { cause: error },
      );
    }
  }
  return applied;
}

/** Finds the resource of a kind by discovery. */
class ResourceLookup {
  readonly #client: Client;
  readonly #lists = new Map<string, Promise<APIResourceList>>();

  constructor(client: Client) {
    this.#client = client;
  }

  async of(
    object: KubeObject,
    namespace: string,
  ): Promise<{ readonly client: ResourceClient<KubeObject>; readonly namespaced: boolean }> {
    const apiVersion = object.apiVersion ?? "";
    const { group, version } = parseApiVersion(apiVersion);
    const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    const list = this.#lists.get(path) ?? (this.#client.raw("GET", path) as Promise<APIResourceList>);
    this.#lists.set(path, list);
    const found = (await list).resources?.find(
      (resource) => resource.kind === object.kind && resource.name?.includes("/") === false,
    );
    if (found === undefined)
      throw ApiError.badRequest(
        `no kind "${object.kind}" in version "${apiVersion}": is its CustomResourceDefinition missing?`,
      );
    const gvr = { group, version, resource: found.name ?? "" };
    const namespaced = found.namespaced === true;
    const home = object.metadata?.namespace ?? namespace;
    return { client: this.#client.resource<KubeObject>(gvr, namespaced ? home : ""), namespaced };
  }
}

/** A workload whose roll-out is waited for. */
export interface Rollout {
  readonly name: string;
  readonly ready: number;
  readonly wanted: number;
}

const WORKLOADS: Readonly<Record<string, string>> = {
  Deployment: "deployments",
  StatefulSet: "statefulsets",
  DaemonSet: "daemonsets",
};

export interface WorkloadState extends KubeObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly desiredNumberScheduled?: number;
    readonly currentNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberReady?: number;
  };
}

/** How far each workload is. */
export async function rollouts(client: Client, objects: readonly KubeObject[]): Promise<readonly Rollout[]> {
  const out: Rollout[] = [];
  for (const { kind = "", metadata } of objects) {
    const resource = WORKLOADS[kind];
    if (resource === undefined) continue;
    const live = await client
      .resource<WorkloadState>({ group: "apps", version: "v1", resource }, metadata?.namespace ?? "")
      .get(metadata?.name ?? "");
    out.push({ name: `${kind.toLowerCase()}/${metadata?.name}`, ...rolloutOf(kind, live) });
  }
  return out;
}

/** Pure: how many replicas of the present template are ready for certain; all that are wanted only once no former one is left. */
export function rolloutOf(kind: string, { metadata, spec, status = {} }: WorkloadState): Omit<Rollout, "name"> {
  const isSet = kind === "DaemonSet";
  const wanted = isSet ? (status.desiredNumberScheduled ?? 0) : (spec?.replicas ?? 1);
  if ((status.observedGeneration ?? 0) < (metadata?.generation ?? 0)) return { ready: 0, wanted };
  const all = (isSet ? status.currentNumberScheduled : status.replicas) ?? 0;
  const updated = (isSet ? status.updatedNumberScheduled : status.updatedReplicas) ?? 0;
  const ready = (isSet ? status.numberReady : status.readyReplicas) ?? 0;
  const former = Math.max(0, all - updated);
  const certain = Math.max(0, Math.min(updated, ready - former));
  return { ready: former === 0 ? certain : Math.min(certain, wanted - 1), wanted };
}

/** Waits until every workload runs as wanted. @throws {TsukubeError} `timeout` with the pods that are not ready and why. */
export async function waitForRollouts(
  client: Client,
  objects: readonly KubeObject[],
  clock: Clock,
  ms: number,
  update: (line: string) => void,
): Promise<void> {
  const began = clock.monotonic();
  for (let wait = 50; ; wait = Math.min(wait * 1.5, 1000)) {
    const states = await rollouts(client, objects);
    update(states.map(({ name, ready, wanted }) => `${name} ${ready}/${wanted}`).join(", "));
    if (states.every(({ ready, wanted }) => ready >= wanted)) return;
    if (clock.monotonic() - began > ms)
      throw new TsukubeError(
        "timeout",
        `Cannot wait any longer for the roll-out after ${Math.round(ms / 1000)} s:\n${await whyNotReady(client, objects)}`,
      );
    await clock.sleep(wait);
  }
}

type Pod = import("@tsukube/api/types/core-v1").Pod;

async function whyNotReady(client: Client, objects: readonly KubeObject[]): Promise<string> {
  const namespaces = new Set(objects.map((object) => object.metadata?.namespace ?? "default"));
  const lines: string[] = [];
  for (const namespace of namespaces) {
    const { items } = await client.resource<Pod>({ group: "", version: "v1", resource: "pods" }, namespace).list();
    for (const pod of items) {
      if (pod.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True"))
        continue;
      const unscheduled = pod.status?.conditions?.find(
        (condition) => condition.type === "PodScheduled" && condition.status === "False",
      );
      const waiting = (pod.status?.containerStatuses ?? []).map(
        (status) =>
          status.state?.waiting?.message ?? status.state?.waiting?.reason ?? status.state?.terminated?.reason ?? "",
      );
      const why = unscheduled?.message ?? waiting.find((text) => text !== "") ?? pod.status?.phase ?? "";
      lines.push(`  pod ${namespace}/${pod.metadata?.name}: ${why}`);
    }
  }
  return lines.join("\n");
}
