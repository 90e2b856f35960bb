import { formatTime } from "@tsukube/foundation";
import type {
  Affinity,
  AppArmorProfile,
  Container,
  Pod,
  PodAffinity,
  PodAffinityTerm,
  PodSpec,
  PodStatus,
  TopologySpreadConstraint,
} from "../../../generated/types/core-v1.ts";
import type { LabelSelector, LabelSelectorRequirement } from "../../../generated/types/meta-v1.ts";
import { podLevelResources } from "../../defaults/pod-resources.ts";
import type { Unstructured } from "../../object.ts";
import { sharing } from "../../patch/index.ts";
import { qosClassOf } from "../../validation/core/pod-resize.ts";
import { byteLength } from "../../validation/object-meta.ts";

type Labels = Readonly<Record<string, string>>;

/**
 * A pod about to be created: what follows from its labels, annotations and containers is part of its spec.
 * @param warn Told of annotations that should have been fields.
 */
export function preparedPod(object: Unstructured, now: number, warn: (text: string) => void): Unstructured {
  const pod = object as Pod;
  const labels = pod.metadata?.labels ?? {};
  const given = {
    ...(pod.spec as PodSpec),
    ...(pod.spec?.affinity && { affinity: withLabelKeys(pod.spec.affinity, labels) }),
    ...(pod.spec?.topologySpreadConstraints && {
      topologySpreadConstraints: pod.spec.topologySpreadConstraints.map((one) => spreadWithLabelKeys(one, labels)),
    }),
  };
  const spec = withAppArmor(pod.metadata?.annotations ?? {}, given, warn);
  const resources = podLevelResources(spec);
  const whole = { ...spec, ...(resources !== undefined && { resources }) };
  const status: PodStatus = { phase: "Pending", qosClass: qosClassOf(whole), ...gatedCondition(whole, now) };
  return { ...object, spec: sharing(whole, pod.spec), status };
}

/** Who does not know of a pod's own resources does not take them away. */
export function updatedPod(next: Unstructured, old: Unstructured): Unstructured {
  const before = (old as Pod).spec?.resources;
  const spec = (next as Pod).spec;
  const kept = before && !spec?.resources ? { spec: { ...spec, resources: before } } : {};
  return { ...next, ...kept, status: old["status"] };
}

/** A pod with gates is not for the scheduler yet. */
function gatedCondition({ schedulingGates }: PodSpec, now: number): Pick<PodStatus, "conditions"> {
  if ((schedulingGates ?? []).length === 0) return {};
  const condition = {
    type: "PodScheduled",
    status: "False",
    lastTransitionTime: formatTime(now),
    reason: "SchedulingGated",
    message: "Scheduling is blocked due to non-empty scheduling gates",
  };
  return { conditions: [condition] };
}

/** Label keys that pods must share, or must not, become part of the selectors (KEP-3633). */
function withLabelKeys(affinity: Affinity, labels: Labels): Affinity {
  const both = (part: PodAffinity): PodAffinity => ({
    ...part,
    ...(part.requiredDuringSchedulingIgnoredDuringExecution && {
      requiredDuringSchedulingIgnoredDuringExecution: part.requiredDuringSchedulingIgnoredDuringExecution.map((term) =>
        termWithLabelKeys(term, labels),
      ),
    }),
    ...(part.preferredDuringSchedulingIgnoredDuringExecution && {
      preferredDuringSchedulingIgnoredDuringExecution: part.preferredDuringSchedulingIgnoredDuringExecution.map(
        (one) => ({ ...one, podAffinityTerm: termWithLabelKeys(one.podAffinityTerm, labels) }),
      ),
    }),
  });
  return {
    ...affinity,
    ...(affinity.podAffinity && { podAffinity: both(affinity.podAffinity) }),
    ...(affinity.podAntiAffinity && { podAntiAffinity: both(affinity.podAntiAffinity) }),
  };
}

function termWithLabelKeys(term: PodAffinityTerm, labels: Labels): PodAffinityTerm {
  const { labelSelector, matchLabelKeys, mismatchLabelKeys } = term;
  if (!labelSelector) return term;
  const added = [...requirements(matchLabelKeys, "In", labels), ...requirements(mismatchLabelKeys, "NotIn", labels)];
  return added.length === 0 ? term : { ...term, labelSelector: withExpressions(labelSelector, added) };
}

function spreadWithLabelKeys(constraint: TopologySpreadConstraint, labels: Labels): TopologySpreadConstraint {
  const { labelSelector, matchLabelKeys } = constraint;
  const added = requirements(matchLabelKeys, "In", labels);
  if (!labelSelector || added.length === 0) return constraint;
  return { ...constraint, labelSelector: withExpressions(labelSelector, added) };
}

function requirements(
  keys: readonly string[] | undefined,
  operator: string,
  labels: Labels,
): readonly LabelSelectorRequirement[] {
  return (keys ?? []).flatMap((key) => (labels[key] === undefined ? [] : [{ key, operator, values: [labels[key]] }]));
}

function withExpressions(selector: LabelSelector, added: readonly LabelSelectorRequirement[]): LabelSelector {
  return { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...added] };
}

/** Bytes of a path without its end. */
const LONGEST_PROFILE = 4095;
const APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/";

/** Annotations once said which AppArmor profile a container has; they still do where no field does. */
function withAppArmor(annotations: Labels, spec: PodSpec, warn: (text: string) => void): PodSpec {
  if (spec.os?.name === "windows" || !Object.keys(annotations).some((key) => key.startsWith(APP_ARMOR))) return spec;
  const whole = spec.securityContext?.appArmorProfile ?? undefined;
  const each = <C extends Pick<Container, "name" | "securityContext">>(container: C): C => {
    const key = `${APP_ARMOR}${container.name}`;
    const annotation = annotations[key];
    const profile = profileOf(annotation);
    const isSaid = annotation === undefined || container.securityContext?.appArmorProfile;
    if (isSaid || (profile !== undefined && isSame(profile, whole))) return container;
    warn(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
    if (profile === undefined) return container;
    return { ...container, securityContext: { ...container.securityContext, appArmorProfile: profile } };
  };
  return {
    ...spec,
    ...(spec.initContainers && { initContainers: spec.initContainers.map(each) }),
    ...(spec.containers && { containers: spec.containers.map(each) }),
  };
}

function profileOf(annotation: string | undefined): AppArmorProfile | undefined {
  if (annotation === "unconfined") return { type: "Unconfined" };
  if (annotation === "runtime/default") return { type: "RuntimeDefault" };
  const [, name] = /^localhost\/(.+)$/s.exec(annotation ?? "") ?? [];
  if (name === undefined || name.trim() !== name || byteLength(name) > LONGEST_PROFILE) return undefined;
  return { type: "Localhost", localhostProfile: name };
}

function isSame(one: AppArmorProfile, other: AppArmorProfile | undefined): boolean {
  return one.type === other?.type && one.localhostProfile === (other.localhostProfile ?? undefined);
}
