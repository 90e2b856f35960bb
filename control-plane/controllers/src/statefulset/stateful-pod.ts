import type { ControllerRevision, StatefulSet } from "@tsukube/api/types/apps-v1";
import type { Pod, Volume } from "@tsukube/api/types/core-v1";
import { controllerReference } from "@tsukube/client";
import { templateOf } from "../history/revisions.ts";
import { podFromTemplate } from "../pods/pod-from-template.ts";
import { isAvailable, readySince } from "../pods/pod-state.ts";
import { claimNameOf } from "./claims.ts";
import { podNameOf } from "./ordinals.ts";

const NAME_LABEL = "statefulset.kubernetes.io/pod-name";
const INDEX_LABEL = "apps.kubernetes.io/pod-index";
const REVISION_LABEL = "controller-revision-hash";

/** The pod of an ordinal, of the template that `revision` keeps: its own name, hostname and claims. */
export function statefulPodOf(set: StatefulSet, ordinal: number, revision: ControllerRevision): Pod {
  const name = podNameOf(set, ordinal);
  const pod = podFromTemplate(set, controllerReference(set, "apps/v1", "StatefulSet"), templateOf(revision), name);
  const labels = {
    ...pod.metadata?.labels,
    ...identityLabels(name, ordinal),
    [REVISION_LABEL]: revision.metadata?.name ?? "",
  };
  const subdomain = set.spec.serviceName ?? "";
  const spec = {
    ...pod.spec,
    containers: pod.spec?.containers ?? [],
    hostname: name,
    volumes: volumesOf(set, pod, ordinal),
  };
  return { ...pod, metadata: { ...pod.metadata, labels }, spec: subdomain === "" ? spec : { ...spec, subdomain } };
}

/** The labels by which a Service or a user finds one pod of a set. */
export function identityLabels(name: string, ordinal: number): Readonly<Record<string, string>> {
  return { [NAME_LABEL]: name, [INDEX_LABEL]: String(ordinal) };
}

/** A claim's volume takes the place of the template's of the same name. */
function volumesOf(set: StatefulSet, pod: Pod, ordinal: number): readonly Volume[] {
  const claimed = (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata?.name ?? "",
    persistentVolumeClaim: { claimName: claimNameOf(set, template, ordinal) },
  }));
  const taken = new Set(claimed.map(({ name }) => name));
  return [...claimed, ...(pod.spec?.volumes ?? []).filter(({ name = "" }) => !taken.has(name))];
}

/** The name of the revision that the pod was made of. */
export function revisionNameOf(pod: Pod): string {
  return pod.metadata?.labels?.[REVISION_LABEL] ?? "";
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

/** Whatever a container's exit code made of it: a finished pod is to be replaced. */
export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";
}

export function isRunningAndReady(pod: Pod): boolean {
  return pod.status?.phase === "Running" && readySince(pod) !== undefined;
}

export function isRunningAndAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  return isRunningAndReady(pod) && isAvailable(pod, minReadySeconds, now);
}
