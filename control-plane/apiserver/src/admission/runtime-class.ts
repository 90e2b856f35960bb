import { jsonEqual, type Unstructured } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { RuntimeClass } from "@tsukube/api/types/node-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { refusal } from "./refusal.ts";
import { mergedTolerations } from "./tolerations.ts";

/** Gives pods the overhead, node selector and tolerations of their RuntimeClass (KEP-688). */
export function runtimeClassAdmission(cache: WatchCache): AdmissionPlugin {
  const classOf = (attributes: AdmissionAttributes): RuntimeClass | undefined => {
    const name = (attributes.object as Pod | undefined)?.spec?.runtimeClassName;
    if (name === undefined || name === null) return undefined;
    const found = cache.get(`/registry/runtimeclasses/${name}`)?.object;
    if (found === undefined) return refuse(attributes, `pod rejected: RuntimeClass "${name}" not found`);
    return found as unknown as RuntimeClass;
  };
  return {
    name: "RuntimeClass",
    handles: ({ operation, resource, subresource }) =>
      operation === "CREATE" && resource.group === "" && resource.resource === "pods" && subresource === "",
    async mutate(attributes) {
      const { object } = attributes;
      const found = classOf(attributes);
      return found === undefined || object === undefined ? object : withClass(attributes, object, found);
    },
    async validate(attributes) {
      const wanted = classOf(attributes)?.overhead?.podFixed;
      const { overhead } = (attributes.object as Pod).spec ?? {};
      if (wanted !== undefined && !jsonEqual(wanted, overhead ?? {})) refuse(attributes, MISMATCH);
      if (wanted === undefined && overhead !== undefined && overhead !== null)
        refuse(attributes, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead");
    },
  };
}

const MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

function refuse(attributes: AdmissionAttributes, why: string): never {
  throw refusal(attributes, why);
}

function withClass(attributes: AdmissionAttributes, object: Unstructured, found: RuntimeClass): Unstructured {
  const spec = ((object as Pod).spec ?? {}) as NonNullable<Pod["spec"]>;
  const overhead = found.overhead?.podFixed;
  const present = spec.overhead ?? {};
  if (overhead !== undefined && Object.keys(present).length > 0 && !jsonEqual(present, overhead))
    refuse(attributes, MISMATCH);
  const { scheduling } = found;
  const tolerations = scheduling && mergedTolerations([...(spec.tolerations ?? []), ...(scheduling.tolerations ?? [])]);
  return {
    ...object,
    spec: {
      ...spec,
      ...(overhead !== undefined && { overhead }),
      ...(scheduling?.nodeSelector && { nodeSelector: selectorOf(attributes, spec.nodeSelector ?? {}, found) }),
      ...(tolerations && tolerations.length > 0 && { tolerations }),
    },
  } as unknown as Unstructured;
}

function selectorOf(
  attributes: AdmissionAttributes,
  own: Readonly<Record<string, string>>,
  { scheduling }: RuntimeClass,
): Readonly<Record<string, string>> {
  for (const [key, value] of Object.entries(scheduling?.nodeSelector ?? {})) {
    if (own[key] === undefined || own[key] === value) continue;
    refuse(
      attributes,
      `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own[key]}`,
    );
  }
  return { ...own, ...scheduling?.nodeSelector };
}
