import { ApiError, labelKeyProblems, labelValueProblems, type Unstructured } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { type FieldReader, within } from "../../configuration/field-reader.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { refusal } from "../refusal.ts";
import { isPodWrite } from "./pod-write.ts";

/** What pods select where their namespace says nothing, and beside it what those of a namespace may select at most, by its name. */
export type NodeSelectors = Readonly<Record<string, string>>;

const BY_DEFAULT = "clusterDefaultNodeSelector";
const ANNOTATION = "scheduler.alpha.kubernetes.io/node-selector";

/** Reads `podNodeSelectorPluginConfig`, which has no version. */
export function readNodeSelectors(reader: FieldReader, at: string, raw: unknown): NodeSelectors {
  const path = within(at, "podNodeSelectorPluginConfig");
  const { podNodeSelectorPluginConfig } = reader.members(at, raw);
  const entries = Object.entries(reader.members(path, podNodeSelectorPluginConfig)).map(([name, value]) => {
    const text = reader.text(`${path}.${name}`, value);
    if (wrongPair(text) !== undefined) reader.wrong(`${path}.${name}`, `"${text}"`, "labels of nodes such as a=b,c=d");
    return [name, text] as const;
  });
  return Object.fromEntries(entries);
}

/** Pods of a namespace run where its annotation says, by labels of nodes as "a=b,c=d". */
export function podNodeSelector(cache: WatchCache, selectors: NodeSelectors = {}): AdmissionPlugin {
  const wanted = (attributes: AdmissionAttributes): Readonly<Record<string, string>> => {
    const namespace = cache.get(`/registry/namespaces/${attributes.namespace}`)?.object;
    const selector = labelsIn(namespace?.metadata?.annotations?.[ANNOTATION] ?? selectors[BY_DEFAULT] ?? "");
    const own = selectorOf(attributes.object);
    if (Object.entries(selector).some(([key, value]) => Object.hasOwn(own, key) && own[key] !== value))
      throw refusal(attributes, "pod node label selector conflicts with its namespace node label selector");
    return selector;
  };
  const check = (attributes: AdmissionAttributes): void => {
    wanted(attributes);
    const allowed = Object.entries(labelsIn(selectors[attributes.namespace] ?? ""));
    const isAllowed = ([key, value]: readonly string[]): boolean =>
      allowed.some(([name, other]) => name === key && other === value);
    if (allowed.length > 0 && !Object.entries(selectorOf(attributes.object)).every(isAllowed))
      throw refusal(attributes, "pod node label selector labels conflict with its namespace whitelist");
  };
  return {
    name: "PodNodeSelector",
    handles: (attributes) => attributes.operation === "CREATE" && isPodWrite(attributes),
    async mutate(attributes) {
      const nodeSelector = { ...wanted(attributes), ...selectorOf(attributes.object) };
      if (Object.keys(nodeSelector).length === 0) return attributes.object;
      const { spec } = attributes.object as Pod;
      const object = { ...attributes.object, spec: { ...spec, nodeSelector } } as Unstructured;
      check({ ...attributes, object }); // what other plugins refuse comes after
      return object;
    },
    async validate(attributes) {
      check(attributes);
    },
  };
}

function selectorOf(object: Unstructured | undefined): Readonly<Record<string, string>> {
  return (object as Pod | undefined)?.spec?.nodeSelector ?? {};
}

/** @throws {ApiError} 500 for what is no list of labels. */
function labelsIn(text: string): Readonly<Record<string, string>> {
  const wrong = wrongPair(text);
  if (wrong !== undefined) throw ApiError.unknown(`invalid selector: [${wrong.join(" ")}]`);
  return Object.fromEntries(pairsIn(text));
}

function wrongPair(text: string): readonly string[] | undefined {
  return pairsIn(text).find(
    ([key = "", value, more]) =>
      value === undefined ||
      more !== undefined ||
      labelKeyProblems(key).length > 0 ||
      labelValueProblems(value).length > 0,
  );
}

function pairsIn(text: string): readonly (readonly string[])[] {
  return text === "" ? [] : text.split(",").map((pair) => pair.split("=").map((part) => part.trim()));
}
