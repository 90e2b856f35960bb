import type { Job } from "@tsukube/api/types/batch-v1";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { controllerReference } from "@tsukube/client";
import { podFromTemplate } from "../pods/pod-from-template.ts";
import { annotationsAfter, hasLimitPerIndex } from "./index-failures.ts";
import { COMPLETION_INDEX, TRACKING_FINALIZER } from "./job-state.ts";

const INDEX_VARIABLE = "JOB_COMPLETION_INDEX";
/** The server appends five characters to at most 58. */
const MAX_PREFIX = 58;

/** A pod that is to be made. */
export interface NewPod {
  /** Of an Indexed Job. */
  readonly index?: number;
  /** The failed pod of the same index whose place it takes. */
  readonly replaces?: Pod;
}

/** The pod of a Job, held by the tracking finalizer until it is counted. */
export function podOf(job: Job, { index, replaces }: NewPod): Pod {
  const pod = podFromTemplate(job, controllerReference(job, "batch/v1", "Job"), job.spec?.template);
  const { finalizers = [] } = pod.metadata ?? {};
  const tracked = { ...pod.metadata, finalizers: [...new Set([...finalizers, TRACKING_FINALIZER])] };
  if (index === undefined) return { ...pod, metadata: tracked };
  const annotations = {
    ...tracked.annotations,
    [COMPLETION_INDEX]: String(index),
    ...(hasLimitPerIndex(job) && annotationsAfter(job, replaces)),
  };
  const labels = { ...tracked.labels, [COMPLETION_INDEX]: String(index) };
  const generateName = prefixOf(job.metadata?.name ?? "", index);
  return {
    ...pod,
    metadata: { ...tracked, generateName, labels, annotations },
    ...(pod.spec && { spec: withIndex(pod.spec, `${job.metadata?.name}-${index}`) }),
  };
}

function prefixOf(name: string, index: number): string {
  const end = `-${index}-`;
  return `${name.slice(0, MAX_PREFIX - end.length)}${end}`;
}

type PodSpec = NonNullable<Pod["spec"]>;

function withIndex(spec: PodSpec, hostname: string): PodSpec {
  const fieldPath = `metadata.labels['${COMPLETION_INDEX}']`;
  const add = (container: Container): Container => {
    const { env = [] } = container;
    if (env.some(({ name }) => name === INDEX_VARIABLE)) return container;
    return { ...container, env: [...env, { name: INDEX_VARIABLE, valueFrom: { fieldRef: { fieldPath } } }] };
  };
  return {
    ...spec,
    hostname,
    containers: spec.containers.map(add),
    ...(spec.initContainers && { initContainers: spec.initContainers.map(add) }),
  };
}
