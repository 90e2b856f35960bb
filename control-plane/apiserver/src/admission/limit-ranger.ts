import {
  ApiError,
  aggregateMessage,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  podLimits,
  podRequests,
  quantityNumber,
  type Unstructured,
} from "@tsukube/api";
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

const ANNOTATION = "kubernetes.io/limit-ranger";

type Amounts = Readonly<Record<string, string>>;
type Resources = { readonly requests?: Amounts; readonly limits?: Amounts };

/** Gives containers what the LimitRanges of their namespace say by default, and keeps pods and claims within them. */
export function limitRanger(cache: WatchCache): AdmissionPlugin {
  const rangesOf = ({ namespace, oldObject }: AdmissionAttributes): readonly LimitRange[] => {
    if (oldObject?.metadata?.deletionTimestamp !== undefined) return [];
    return [...cache.head.range(`/registry/limitranges/${namespace}/`)].map(
      ([, cached]) => cached.object as LimitRange,
    );
  };
  return {
    name: "LimitRanger",
    handles: (attributes) => isPod(attributes) || isClaim(attributes),
    async mutate(attributes) {
      const { object } = attributes;
      if (!isPod(attributes) || object === undefined) return object;
      return rangesOf(attributes).reduce(withDefaults, object);
    },
    async validate(attributes) {
      const { resource, name, object } = attributes;
      for (const range of rangesOf(attributes)) {
        const errors = isPod(attributes)
          ? podErrors(range, object as Pod)
          : claimErrors(range, object as PersistentVolumeClaim);
        if (errors.length > 0) throw ApiError.forbidden(resource, name, aggregateMessage(errors));
      }
    },
  };
}

function isPod({ operation, resource, subresource }: AdmissionAttributes): boolean {
  const isNew = operation === "CREATE" && subresource === "";
  return (
    resource.group === "" &&
    resource.resource === "pods" &&
    (isNew || (operation === "UPDATE" && subresource === "resize"))
  );
}

function isClaim({ operation, resource, subresource }: AdmissionAttributes): boolean {
  const isWritten = operation === "CREATE" || operation === "UPDATE";
  return resource.group === "" && resource.resource === "persistentvolumeclaims" && subresource === "" && isWritten;
}

function withDefaults(object: Unstructured, range: LimitRange): Unstructured {
  const items = (range.spec?.limits ?? []).filter(({ type }) => type === "Container");
  const requests: Amounts = Object.assign({}, ...items.map((item) => item.defaultRequest));
  const limits: Amounts = Object.assign({}, ...items.map((item) => item.default));
  const notes: string[] = [];
  const filled = (container: Container, what: string): Container => {
    const own = container.resources ?? {};
    const added = (amounts: Amounts, present: Amounts | null | undefined): readonly string[] =>
      Object.keys(amounts)
        .filter((name) => present?.[name] === undefined)
        .sort();
    const [newRequests, newLimits] = [added(requests, own.requests), added(limits, own.limits)];
    if (newRequests.length > 0) notes.push(`${newRequests.join(", ")} request for ${what} ${container.name}`);
    if (newLimits.length > 0) notes.push(`${newLimits.join(", ")} limit for ${what} ${container.name}`);
    if (newRequests.length + newLimits.length === 0) return container;
    return {
      ...container,
      resources: { ...own, requests: { ...requests, ...own.requests }, limits: { ...limits, ...own.limits } },
    };
  };
  const { spec } = object as Pod;
  const containers = (spec?.containers ?? []).map((container) => filled(container, "container"));
  const initContainers = (spec?.initContainers ?? []).map((container) => filled(container, "init container"));
  if (notes.length === 0) return object;
  const annotations = { ...object.metadata?.annotations, [ANNOTATION]: `LimitRanger plugin set: ${notes.join("; ")}` };
  return {
    ...object,
    metadata: { ...object.metadata, annotations },
    spec: { ...spec, containers, ...(initContainers.length > 0 && { initContainers }) },
  } as unknown as Unstructured;
}

function podErrors(range: LimitRange, pod: Pod): readonly string[] {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return (range.spec?.limits ?? []).flatMap((item) => {
    if (item.type === "Container") return containers.flatMap(({ resources = {} }) => itemErrors(item, resources));
    return item.type === "Pod" ? itemErrors(item, wholeOf(pod)) : [];
  });
}

/** What the pod asks for as a whole; overhead and resizes under way do not count here. */
function wholeOf({ spec }: Pod): Resources {
  const { overhead: _overhead, ...rest } = spec ?? { containers: [] };
  const asText = (usage: ReturnType<typeof podRequests>): Amounts =>
    Object.fromEntries([...usage].map(([name, amount]) => [name, formatQuantity(amount)]));
  return { requests: asText(podRequests({ spec: rest })), limits: asText(podLimits({ spec: rest })) };
}

function claimErrors(range: LimitRange, claim: PersistentVolumeClaim): readonly string[] {
  const requests = claim.spec?.resources?.requests ?? {};
  return (range.spec?.limits ?? [])
    .filter(({ type }) => type === "PersistentVolumeClaim")
    .flatMap(({ type, min, max }) => [
      ...each(min, (name, least) => belowError(type, name, least, requests, {})),
      ...each(max, (name, most) => {
        const asked = requests[name];
        const usage = `maximum ${name} usage per ${type} is ${most}`;
        if (asked === undefined) return `${usage}.  No request is specified`;
        return isMore(asked, most) ? `${usage}, but request is ${asked}` : undefined;
      }),
    ]);
}

function itemErrors({ type, min, max, maxLimitRequestRatio }: LimitRangeItem, resources: Resources): readonly string[] {
  const { requests = {}, limits = {} } = resources;
  return [
    ...each(min, (name, least) => belowError(type, name, least, requests, limits)),
    ...each(max, (name, most) => aboveError(type, name, most, requests, limits)),
    ...each(maxLimitRequestRatio, (name, ratio) => ratioError(type, name, ratio, requests, limits)),
  ];
}

function each(
  amounts: Amounts | null | undefined,
  errorOf: (name: string, amount: string) => string | undefined,
): readonly string[] {
  const names = Object.keys(amounts ?? {}).sort();
  return names.map((name) => errorOf(name, amounts?.[name] ?? "0")).filter((error) => error !== undefined);
}

function isMore(a: string, b: string): boolean {
  return compareQuantities(parseQuantity(a), parseQuantity(b)) > 0;
}

function belowError(type: string, name: string, least: string, requests: Amounts, limits: Amounts) {
  const usage = `minimum ${name} usage per ${type} is ${least}`;
  const [request, limit] = [requests[name], limits[name]];
  if (request === undefined) return `${usage}.  No request is specified`;
  if (isMore(least, request)) return `${usage}, but request is ${request}`;
  return limit !== undefined && isMore(least, limit) ? `${usage}, but limit is ${limit}` : undefined;
}

function aboveError(type: string, name: string, most: string, requests: Amounts, limits: Amounts) {
  const usage = `maximum ${name} usage per ${type} is ${most}`;
  const [request, limit] = [requests[name], limits[name]];
  if (limit === undefined) return `${usage}.  No limit is specified`;
  if (isMore(limit, most)) return `${usage}, but limit is ${limit}`;
  return request !== undefined && isMore(request, most) ? `${usage}, but request is ${request}` : undefined;
}

function ratioError(type: string, name: string, most: string, requests: Amounts, limits: Amounts) {
  const [request, limit] = [quantityNumber(requests[name] ?? "0"), quantityNumber(limits[name] ?? "0")];
  const rule = `${name} max limit to request ratio per ${type} is ${most}`;
  if (request === 0) return `${rule}, but no request is specified or request is 0`;
  if (limit === 0) return `${rule}, but no limit is specified or limit is 0`;
  const ratio = limit / request;
  return ratio > quantityNumber(most) ? `${rule}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}
