import { factsText, normalize, type ResourceInfo, type Unstructured } from "@tsukube/api";
import type { APIService } from "@tsukube/api/types/apiregistration-v1";
import { formatTime } from "@tsukube/foundation";
import { API_SERVICES, AUTOMANAGED, isRemote, type StoredService } from "../aggregation/api-services.ts";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { BootstrapDeps } from "./bootstrap.ts";

/** Of groups that have no version by default. */
const LOWEST_PRIORITY = 16_000;

/** An APIService for each version that is served here and not by default, and none for those that are served no more. */
export async function localServices(deps: Omit<BootstrapDeps, "more">): Promise<void> {
  const { store, registry } = deps;
  const definition = registry.get("apiregistration.k8s.io", "v1", "apiservices")!;
  const served = new Set(registry.infos.map(nameOf));
  const added = new Map(registry.infos.flatMap((info) => (info.enabledByDefault ? [] : [[nameOf(info), info]])));
  const writes = [...added.values()].map((info) => {
    const object = serviceOf(deps, definition, info);
    return store.update(definition, store.keyOf(definition, "", nameOf(info)), async (live) =>
      live === undefined ? { type: "put", object: updatedByServer(deps, definition, live, object) } : { type: "none" },
    );
  });
  for (const [key, cached] of store.cache.head.range(API_SERVICES)) {
    if (served.has(key.slice(API_SERVICES.length))) continue;
    const service = cached.object as StoredService;
    if (service.metadata?.labels?.[AUTOMANAGED] === "onstart" && !isRemote(service))
      writes.push(store.update(definition, key, async () => ({ type: "delete" })));
  }
  await Promise.all(writes);
}

function nameOf({ group, version }: ResourceInfo): string {
  return `${version}.${group}`;
}

function serviceOf(
  { random, clock }: Omit<BootstrapDeps, "more">,
  { kind, schema }: ResourceDefinition,
  info: ResourceInfo,
): Unstructured {
  const { group, version } = info;
  const identity = { uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
  const metadata = { ...identity, name: nameOf(info), labels: { [AUTOMANAGED]: "onstart" } };
  const spec = { group, version, groupPriorityMinimum: groupPriority(group), versionPriority: priorityOf(version) };
  return normalize<Unstructured>({ kind, apiVersion: "apiregistration.k8s.io/v1", metadata, spec }, schema).object;
}

/** As of the version that its group has by default. */
function groupPriority(group: string): number {
  const facts = JSON.parse(factsText("bootstrap.json")) as Record<string, readonly APIService[]>;
  const defaults = facts["apiregistration.k8s.io/v1 apiservices"] ?? [];
  return defaults.find(({ spec }) => spec?.group === group)?.spec?.groupPriorityMinimum ?? LOWEST_PRIORITY;
}

/** v1 is at 15: later betas before earlier ones, and those before alphas. */
function priorityOf(version: string): number {
  const [, stage = "", number = "1"] = /^v\d+(alpha|beta)(\d+)$/.exec(version) ?? [];
  return stage === "beta" ? 11 + Math.min(Number(number), 3) : 9;
}
