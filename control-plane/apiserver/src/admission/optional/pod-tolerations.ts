import {
  ApiError,
  fieldErrorMessage,
  isExtendedResource,
  qosClassOf,
  tolerationErrors,
  type Unstructured,
} from "@tsukube/api";
import type { Pod, Toleration } from "@tsukube/api/types/core-v1";
import { type FieldReader, within } from "../../configuration/field-reader.ts";
import type { AdmissionPlugin } from "../../contracts.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { covers, mergedTolerations } from "../tolerations.ts";
import { isPodWrite } from "./pod-write.ts";

const DEFAULTS = "scheduler.alpha.kubernetes.io/defaultTolerations";
const ALLOWED = "scheduler.alpha.kubernetes.io/tolerationsWhitelist";

/** For namespaces without the annotations. */
export interface ClusterTolerations {
  readonly defaults: readonly Toleration[];
  readonly allowed: readonly Toleration[];
}

/** Reads podtolerationrestriction.admission.k8s.io/v1alpha1. */
export function readTolerations(reader: FieldReader, at: string, raw: unknown): ClusterTolerations {
  reader.isOf(at, raw, "Configuration", ["podtolerationrestriction.admission.k8s.io/v1alpha1"]);
  const { default: defaults = [], whitelist = [] } = reader.members(at, raw);
  const listed = (name: string, list: unknown): readonly Toleration[] => {
    reader.mistakes.push(...tolerationErrors(list, within(at, name)).map(fieldErrorMessage));
    return reader.list(within(at, name), list, (path, one) => reader.members(path, one) as Toleration);
  };
  return { defaults: listed("default", defaults), allowed: listed("whitelist", whitelist) };
}

/** Pods of a namespace get the tolerations of its one annotation, and have none but those of its other. */
export function podTolerationRestriction(
  cache: WatchCache,
  cluster: ClusterTolerations = { defaults: [], allowed: [] },
): AdmissionPlugin {
  const listed = (namespace: string, annotation: string): readonly Toleration[] | undefined =>
    tolerationsIn(cache.get(`/registry/namespaces/${namespace}`)?.object, annotation);
  const check = (namespace: string, object: Unstructured | undefined): void => {
    const own = listed(namespace, ALLOWED);
    const allowed = own ?? cluster.allowed;
    const isAllowed = (one: Toleration): boolean => allowed.some((other) => covers(other, one));
    if (allowed.length > 0 && !tolerationsOf(object).every(isAllowed))
      throw ApiError.unknown(
        `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${own === undefined ? "cluster" : "namespace"} whitelist`,
      );
  };
  return {
    name: "PodTolerationRestriction",
    handles: isPodWrite,
    async mutate({ operation, namespace, object }) {
      const { spec } = object as Pod;
      const added = [
        ...(operation === "CREATE" ? (listed(namespace, DEFAULTS) ?? cluster.defaults) : []),
        ...(qosClassOf(spec) === "BestEffort" ? [] : [UNDER_PRESSURE]),
      ];
      const next =
        added.length === 0 ? object : withTolerations(object, mergedTolerations([...tolerationsOf(object), ...added]));
      check(namespace, next); // what other plugins refuse comes after
      return next;
    },
    async validate({ namespace, object }) {
      check(namespace, object);
    },
  };
}

/** Pods that ask for a resource of a device tolerate the taint of that name: nodes with such devices are kept for them. */
export const extendedResourceToleration: AdmissionPlugin = {
  name: "ExtendedResourceToleration",
  handles: isPodWrite,
  async mutate({ object }) {
    const { containers, initContainers } = (object as Pod).spec ?? {};
    const requested = [...(containers ?? []), ...(initContainers ?? [])].flatMap(({ resources }) =>
      Object.keys(resources?.requests ?? {}),
    );
    const names = [...new Set(requested)].filter(isExtendedResource).sort();
    if (names.length === 0) return object;
    const added = names.map((key): Toleration => ({ key, operator: "Exists", effect: "NoSchedule" }));
    // one for the same taint gives way
    const kept = tolerationsOf(object).filter((one) => !added.some((other) => isForSame(one, other)));
    return withTolerations(object, [...kept, ...added]);
  },
};

const UNDER_PRESSURE: Toleration = {
  key: "node.kubernetes.io/memory-pressure",
  operator: "Exists",
  effect: "NoSchedule",
};

function tolerationsOf(object: Unstructured | undefined): readonly Toleration[] {
  return (object as Pod | undefined)?.spec?.tolerations ?? [];
}

function withTolerations(object: Unstructured | undefined, tolerations: readonly Toleration[]): Unstructured {
  return { ...object, spec: { ...(object as Pod | undefined)?.spec, tolerations } } as Unstructured;
}

/** undefined: it says nothing. @throws {ApiError} 500 for what is no list. */
function tolerationsIn(namespace: Unstructured | undefined, annotation: string): readonly Toleration[] | undefined {
  const text = namespace?.metadata?.annotations?.[annotation];
  if (text === undefined || text === "") return text === undefined ? undefined : [];
  try {
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return parsed as Toleration[];
  } catch {}
  throw ApiError.unknown(
    `annotation ${annotation} of namespace "${namespace?.metadata?.name}" is no list of tolerations as JSON`,
  );
}

const isForSame = (a: Toleration, b: Toleration): boolean =>
  a.key === b.key &&
  a.effect === b.effect &&
  (a.operator || "Equal") === b.operator &&
  (a.value ?? "") === (b.value ?? "");
