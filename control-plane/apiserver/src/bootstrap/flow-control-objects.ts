import { factsText, jsonEqual, type Unstructured } from "@tsukube/api";
import type { PriorityLevelConfigurationSpec } from "@tsukube/api/types/flowcontrol-v1";
import { parseBoolean } from "@tsukube/foundation";
import type { BootstrapDeps } from "./bootstrap.ts";

/** In the order in which they are needed. */
export const FLOW_CONTROL = [
  "flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations",
  "flowcontrol.apiserver.k8s.io/v1 flowschemas",
] as const;

const AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec";
/** Nothing works without: whoever changes them, they become as they were. */
const MANDATORY: ReadonlySet<string> = new Set(["exempt", "catch-all"]);

type FlowObject = Unstructured & { readonly spec?: object };

/** A level or schema of the server's own with the spec that it should have, unless somebody gave it another and may (KEP-1040). */
export function revisedFlowControl(live: FlowObject, wanted: FlowObject): Unstructured {
  const { name = "", annotations, generation = 1 } = live.metadata ?? {};
  const noted = parseBoolean(annotations?.[AUTO_UPDATE] ?? "");
  const isOurs = MANDATORY.has(name) || (noted ?? generation === 1);
  const isChanged = isOurs && !jsonEqual(live.spec ?? {}, withOwnShares(live, wanted).spec ?? {});
  if (noted === isOurs && !isChanged) return live;
  const metadata = { ...live.metadata, annotations: { ...annotations, [AUTO_UPDATE]: String(isOurs) } };
  return isChanged
    ? { ...live, metadata: { ...metadata, generation: generation + 1 }, spec: wanted.spec }
    : { ...live, metadata };
}

/** Who is exempt may be given shares of his own. */
function withOwnShares(live: FlowObject, wanted: FlowObject): FlowObject {
  const { type } = wanted.spec as PriorityLevelConfigurationSpec;
  const { exempt } = (live.spec ?? {}) as PriorityLevelConfigurationSpec;
  return type === "Exempt" && exempt ? { ...wanted, spec: { ...wanted.spec, exempt } } : wanted;
}

/** Deletes those that an earlier server made by itself and that are no longer wanted. */
export async function removeDangling({ store, registry }: BootstrapDeps): Promise<void> {
  const facts = JSON.parse(factsText("bootstrap.json")) as Record<string, readonly Unstructured[]>;
  for (const where of FLOW_CONTROL) {
    const [group = "", version = "", resource = ""] = where.split(/[/ ]/);
    const definition = registry.get(group, version, resource);
    if (definition === undefined) continue;
    const names = new Set((facts[where] ?? []).map(({ metadata }) => metadata?.name));
    const isDangling = (object: Unstructured | undefined): boolean =>
      object !== undefined &&
      !names.has(object.metadata?.name) &&
      parseBoolean(object.metadata?.annotations?.[AUTO_UPDATE] ?? "") === true;
    for (const [key, cached] of store.cache.head.range(definition.storage.prefix))
      if (isDangling(cached.object))
        await store.update(definition, key, async (live) => ({ type: isDangling(live) ? "delete" : "none" }));
  }
}
