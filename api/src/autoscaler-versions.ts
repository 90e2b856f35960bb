import { decodeUnstructured } from "./codec/json-decode.ts";

type Tree = Readonly<Record<string, unknown>>;
type Parts = Readonly<Record<string, Tree | undefined>>;

/** autoscaling/v1 knows CPU utilization alone: all else of autoscaling/v2 travels in annotations, in forms of their own. */
const PREFIX = "autoscaling.alpha.kubernetes.io/";
const METRICS = `${PREFIX}metrics`;
const CURRENT_METRICS = `${PREFIX}current-metrics`;
const CONDITIONS = `${PREFIX}conditions`;
const BEHAVIOR = `${PREFIX}behavior`;
const ALL = [
  METRICS,
  CURRENT_METRICS,
  CONDITIONS,
  BEHAVIOR,
  `${PREFIX}scale-down-tolerance`,
  `${PREFIX}scale-up-tolerance`,
];
const DEFAULT_PERCENT = 80;

/** A HorizontalPodAutoscaler of autoscaling/v1 as one of autoscaling/v2. */
export function autoscalerToV2(object: Tree): Tree {
  const { targetCPUUtilizationPercentage: percent, ...spec } = (object["spec"] ?? {}) as Tree;
  const { currentCPUUtilizationPercentage: current, ...status } = (object["status"] ?? {}) as Tree;
  const cpu = (body: Tree): Tree => ({ type: "Resource", resource: { name: "cpu", ...body } });
  const byCpu = (target: unknown): Tree => cpu({ target: { type: "Utilization", averageUtilization: target } });
  const metrics = [...otherMetrics(object), ...(isAbsent(percent) ? [] : [byCpu(percent)])];
  const behavior = noted(object, BEHAVIOR);
  const currentMetrics = notedList(object, CURRENT_METRICS)?.map((metric) => renamedSources(metric, STATUS_TO_V2));
  const ofCpu = isAbsent(current) ? null : [cpu({ current: { averageUtilization: current } })];
  const conditions = notedList(object, CONDITIONS);
  return {
    ...withAnnotations(object, {}),
    spec: {
      ...spec,
      metrics: metrics.length === 0 ? [byCpu(DEFAULT_PERCENT)] : metrics,
      ...(isTree(behavior) && { behavior: decapitalized(behavior) }),
    },
    status: { ...status, currentMetrics: currentMetrics ?? ofCpu, ...(conditions && { conditions }) },
  };
}

/** The same the other way. */
export function autoscalerToV1(object: Tree): Tree {
  const { metrics, behavior, ...spec } = (object["spec"] ?? {}) as Tree & { readonly metrics?: readonly Tree[] | null };
  const { currentMetrics, conditions, ...status } = (object["status"] ?? {}) as Tree & {
    readonly currentMetrics?: readonly Tree[] | null;
    readonly conditions?: readonly Tree[] | null;
  };
  const percents = (metrics ?? []).map(percentOf);
  const percent = percents.find((one) => !isAbsent(one));
  const current = (currentMetrics ?? [])
    .filter(isCpu)
    .map((metric) => at(metric, "resource", "current", "averageUtilization"));
  const others = (metrics ?? []).filter((_, index) => isAbsent(percents[index]));
  const shown = current.findLast((one) => !isAbsent(one));
  return {
    ...withAnnotations(object, {
      ...note(METRICS, others, (metric) => renamedSources(metric, SPEC_TO_V1)),
      ...note(CURRENT_METRICS, currentMetrics, (metric) => renamedSources(metric, STATUS_TO_V1)),
      ...(isTree(behavior) && { [BEHAVIOR]: JSON.stringify(capitalized(behavior)) }),
      ...note(
        CONDITIONS,
        conditions,
        ({ type, status: state, lastTransitionTime = null, reason, message, observedGeneration }) => ({
          ...{ type, status: state, lastTransitionTime, reason, message, observedGeneration },
        }),
      ),
    }),
    spec: percent === undefined ? spec : { ...spec, targetCPUUtilizationPercentage: percent },
    status: shown === undefined ? status : { ...status, currentCPUUtilizationPercentage: shown },
  };
}

/** Whether one of autoscaling/v1 has other metrics, so that CPU utilization has no default. */
export function hasOtherMetrics(object: Tree): boolean {
  return otherMetrics(object).length > 0;
}

function otherMetrics(object: Tree): readonly Tree[] {
  return (notedList(object, METRICS) ?? []).map((metric) => renamedSources(metric, SPEC_TO_V2));
}

function isCpu(metric: Tree): boolean {
  return metric["type"] === "Resource" && at(metric, "resource", "name") === "cpu";
}

function percentOf(metric: Tree): unknown {
  return isCpu(metric) ? at(metric, "resource", "target", "averageUtilization") : undefined;
}

function at(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce((part, name) => (isTree(part) ? part[name] : undefined), value);
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What an annotation holds; undefined for what is no JSON. */
function noted(object: Tree, name: string): unknown {
  const text = at(object, "metadata", "annotations", name);
  if (typeof text !== "string") return undefined;
  try {
    return decodeUnstructured<unknown>(new TextEncoder().encode(text)).object;
  } catch {
    return undefined;
  }
}

function notedList(object: Tree, name: string): readonly Tree[] | undefined {
  const list = noted(object, name);
  return Array.isArray(list) && list.every(isTree) ? list : undefined;
}

function note(name: string, list: readonly Tree[] | null | undefined, form: (item: Tree) => Tree): Tree {
  return (list ?? []).length === 0 ? {} : { [name]: JSON.stringify((list ?? []).map(form)) };
}

/** The object with these annotations in the place of those that conversion writes. */
function withAnnotations(object: Tree, written: Tree): Tree {
  const metadata = (object["metadata"] ?? {}) as Tree;
  const before = (metadata["annotations"] ?? {}) as Tree;
  const isSame = Object.keys(written).length === 0 && !ALL.some((name) => Object.hasOwn(before, name));
  if (isSame) return object;
  const kept = Object.entries(before).filter(([name]) => !ALL.includes(name));
  return { ...object, metadata: { ...metadata, annotations: { ...Object.fromEntries(kept), ...written } } };
}

type Sources = Readonly<Record<string, (source: Parts & Tree) => Tree>>;

/** A metric with each of its sources in another form, in the order of Go's fields. */
function renamedSources({ type, ...sources }: Tree, forms: Sources): Tree {
  const members = Object.entries(sources).map(([name, source]) => {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    return [name, form !== undefined && isTree(source) ? form(source as Parts & Tree) : source] as const;
  });
  return { type, ...Object.fromEntries(members) };
}

/** Without what is absent. */
function present(members: Tree): Tree {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => !isAbsent(value)));
}

function isZero(quantity: unknown): boolean {
  return isAbsent(quantity) || /^[-+]?[0.]*(?:[a-zA-Z]|$)/.test(String(quantity));
}

const reference = (named: Tree | undefined): Tree =>
  present({ kind: named?.["kind"] ?? "", name: named?.["name"] ?? "", apiVersion: named?.["apiVersion"] || undefined });

const SPEC_TO_V1: Sources = {
  object: ({ describedObject, metric, target }) =>
    present({
      target: reference(describedObject),
      metricName: metric?.["name"],
      targetValue: target?.["value"] ?? "0",
      selector: metric?.["selector"],
      averageValue: target?.["averageValue"],
    }),
  pods: ({ metric, target }) =>
    present({
      metricName: metric?.["name"],
      targetAverageValue: target?.["averageValue"] ?? "0",
      selector: metric?.["selector"],
    }),
  resource: ({ name, target }) => present({ name, ...targetOf(target) }),
  containerResource: ({ name, container, target }) => present({ name, ...targetOf(target), container }),
  external: ({ metric, target }) =>
    present({
      metricName: metric?.["name"],
      metricSelector: metric?.["selector"],
      targetValue: target?.["value"],
      targetAverageValue: target?.["averageValue"],
    }),
};

function targetOf(target: Tree | undefined): Tree {
  return { targetAverageUtilization: target?.["averageUtilization"], targetAverageValue: target?.["averageValue"] };
}

const SPEC_TO_V2: Sources = {
  object: ({ target, metricName, targetValue, selector, averageValue }) => {
    const value = isAbsent(averageValue) ? (targetValue ?? "0") : isZero(targetValue) ? undefined : targetValue;
    const type = isAbsent(averageValue) ? "Value" : "AverageValue";
    return {
      describedObject: reference(target),
      metric: present({ name: metricName, selector }),
      target: present({ type, value, averageValue }),
    };
  },
  pods: ({ metricName, targetAverageValue, selector }) => ({
    metric: present({ name: metricName, selector }),
    target: { type: "AverageValue", averageValue: targetAverageValue ?? "0" },
  }),
  resource: ({ name, ...target }) => ({ name, target: utilizationOrValue(target) }),
  containerResource: ({ name, container, ...target }) => ({ name, container, target: utilizationOrValue(target) }),
  external: ({ metricName, metricSelector, targetValue, targetAverageValue }) => ({
    metric: present({ name: metricName, selector: metricSelector }),
    target: present({
      type: isAbsent(targetValue) ? "AverageValue" : "Value",
      value: targetValue,
      averageValue: targetAverageValue,
    }),
  }),
};

function utilizationOrValue({ targetAverageUtilization, targetAverageValue }: Tree): Tree {
  const type = isAbsent(targetAverageUtilization) ? "AverageValue" : "Utilization";
  return present({ type, averageValue: targetAverageValue, averageUtilization: targetAverageUtilization });
}

const STATUS_TO_V1: Sources = {
  object: ({ describedObject, metric, current }) =>
    present({
      target: reference(describedObject),
      metricName: metric?.["name"],
      currentValue: current?.["value"] ?? "0",
      selector: metric?.["selector"],
      averageValue: current?.["averageValue"],
    }),
  pods: ({ metric, current }) =>
    present({
      metricName: metric?.["name"],
      currentAverageValue: current?.["averageValue"] ?? "0",
      selector: metric?.["selector"],
    }),
  resource: ({ name, current }) => present({ name, ...currentOf(current) }),
  containerResource: ({ name, container, current }) => present({ name, ...currentOf(current), container }),
  external: ({ metric, current }) =>
    present({
      metricName: metric?.["name"],
      metricSelector: metric?.["selector"],
      currentValue: current?.["value"] ?? "0",
      currentAverageValue: current?.["averageValue"],
    }),
};

function currentOf(current: Tree | undefined): Tree {
  return {
    currentAverageUtilization: current?.["averageUtilization"],
    currentAverageValue: current?.["averageValue"] ?? "0",
  };
}

const STATUS_TO_V2: Sources = {
  object: ({ target, metricName, currentValue, selector, averageValue }) => ({
    describedObject: reference(target),
    metric: present({ name: metricName, selector }),
    current: present({ value: currentValue ?? "0", averageValue }),
  }),
  pods: ({ metricName, currentAverageValue, selector }) => ({
    metric: present({ name: metricName, selector }),
    current: { averageValue: currentAverageValue ?? "0" },
  }),
  resource: ({ name, ...current }) => ({ name, current: currentValue(current) }),
  containerResource: ({ name, container, ...current }) => ({ name, container, current: currentValue(current) }),
  external: ({ metricName, metricSelector, currentValue: value, currentAverageValue: averageValue }) => ({
    metric: present({ name: metricName, selector: metricSelector }),
    current: present({ value: value ?? "0", averageValue }),
  }),
};

/** autoscaling/v1 shows a zero where there is no value. */
function currentValue({ currentAverageUtilization, currentAverageValue }: Tree): Tree {
  const hasValue = isAbsent(currentAverageUtilization) || !isZero(currentAverageValue);
  return present({
    averageValue: hasValue ? (currentAverageValue ?? "0") : undefined,
    averageUtilization: currentAverageUtilization,
  });
}

const BEHAVIOR_NAMES = [
  ...["scaleUp", "scaleDown", "stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"],
  ...["type", "value", "periodSeconds"],
];

/** Upstream writes its internal form there: Go's names, and null for what is absent. It reads them in any case. */
function capitalized(behavior: Tree): Tree {
  const rules = (value: unknown): Tree | null => {
    if (!isTree(value)) return null;
    const policies = (value["policies"] ?? []) as readonly Tree[];
    return {
      StabilizationWindowSeconds: value["stabilizationWindowSeconds"] ?? null,
      SelectPolicy: value["selectPolicy"] ?? null,
      Policies: policies.map(({ type, value, periodSeconds }) => ({
        Type: type,
        Value: value,
        PeriodSeconds: periodSeconds,
      })),
      Tolerance: value["tolerance"] ?? null,
    };
  };
  return { ScaleUp: rules(behavior["scaleUp"]), ScaleDown: rules(behavior["scaleDown"]) };
}

function decapitalized(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decapitalized);
  if (!isTree(value)) return value;
  const members = Object.entries(value).flatMap(([written, member]) => {
    const name = BEHAVIOR_NAMES.find((one) => one.toLowerCase() === written.toLowerCase());
    return name === undefined || isAbsent(member) ? [] : [[name, decapitalized(member)] as const];
  });
  return Object.fromEntries(members);
}
