import { ApiError, labelKeyProblems, labelValueProblems, type Unstructured } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { refusal } from "../refusal.ts";
import { isPodWrite } from "./pod-write.ts";

const ANNOTATION = "scheduler.alpha.kubernetes.io/node-selector";

/** Pods of a namespace run where its annotation says, by labels of nodes as "a=b,c=d". */
export function podNodeSelector(cache: WatchCache): AdmissionPlugin {
  const wanted = (attributes: AdmissionAttributes): Readonly<Record<string, string>> => {
    const namespace = cache.get(`/registry/namespaces/${attributes.namespace}`)?.object;
    const selector = labelsIn(namespace?.metadata?.annotations?.[ANNOTATION] ?? "");
    const own = selectorOf(attributes.object);
    if (Object.entries(selector).some(([key, value]) => Object.hasOwn(own, key) && own[key] !== value))
      throw refusal(attributes, "pod node label selector conflicts with its namespace node label selector");
    return selector;
  };
  return {
    name: "PodNodeSelector",
    handles: (attributes) => attributes.operation === "CREATE" && isPodWrite(attributes),
    async mutate(attributes) {
      const nodeSelector = { ...wanted(attributes), ...selectorOf(attributes.object) };
      if (Object.keys(nodeSelector).length === 0) return attributes.object;
      const { spec } = attributes.object as Pod;
      return { ...attributes.object, spec: { ...spec, nodeSelector } } as Unstructured;
    },
    async validate(attributes) {
      wanted(attributes);
    },
  };
}

function selectorOf(object: Unstructured | undefined): Readonly<Record<string, string>> {
  return (object as Pod | undefined)?.spec?.nodeSelector ?? {};
}

/** @throws {ApiError} 500 for what is no list of labels. */
function labelsIn(text: string): Readonly<Record<string, string>> {
  if (text === "") return {};
  const pairs = text.split(",").map((pair) => pair.split("=").map((part) => part.trim()));
  const wrong = pairs.find(
    ([key = "", value, more]) =>
      value === undefined ||
      more !== undefined ||
      labelKeyProblems(key).length > 0 ||
      labelValueProblems(value).length > 0,
  );
  if (wrong !== undefined) throw ApiError.unknown(`invalid selector: [${wrong.join(" ")}]`);
  return Object.fromEntries(pairs);
}
