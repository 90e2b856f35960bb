import type { Pod } from "@tsukube/api/types/core-v1";
import type { RuntimeClass } from "@tsukube/api/types/node-v1";
import { type EventRecorder, referenceTo } from "@tsukube/client";
import { podLimits } from "../containers/resources.ts";
import type { Cri } from "../cri/runtime.ts";
import type { KubeletOptions } from "../options.ts";
import type { Prober } from "../probes/prober.ts";
import type { ApiSources } from "../volumes/api-sources.ts";
import type { Allocations } from "./allocations.ts";
import { deletePodObject, writePodStatus } from "./pod-api.ts";
import { stamped } from "./pod-conditions.ts";
import type { PodContext } from "./pod-context.ts";
import { PodMetrics } from "./pod-metrics.ts";
import { placesOf } from "./pod-places.ts";
import type { PodUsers } from "./pod-users.ts";
import { PullBackoff } from "./pull-backoff.ts";
import { pullSecretsOf } from "./pull-secrets.ts";
import { StartCounts } from "./start-counts.ts";

const RUNTIME_CLASSES = { group: "node.k8s.io", version: "v1", resource: "runtimeclasses" };

export interface ContextParts {
  readonly options: KubeletOptions;
  readonly cri: Cri;
  readonly prober: Prober;
  readonly events: EventRecorder;
  readonly sources: ApiSources;
  readonly allocations: Allocations;
  readonly users: PodUsers;
  /** The pod as the API has it, which for static pods is their mirror; undefined: not at all, for now. */
  inApi(pod: Pod): Pod | undefined;
  finished(uid: string): void;
}

/** Puts together what pods' workers have of the kubelet. */
export function kubeletContext(parts: ContextParts): PodContext {
  const { options, cri, prober, events, sources, allocations, finished } = parts;
  const { client, clock } = options;
  const context: PodContext = {
    options,
    cri,
    prober,
    pullBackoff: new PullBackoff(clock),
    startCounts: new StartCounts(options.metrics),
    metrics: new PodMetrics(options.metrics, clock),
    finished,
    placesOf: (pod) => placesOf(pod, options),
    sourcesOf: (pod, podIps) => sources.of(pod, podIps),
    pullSecrets: (pod, image) =>
      pullSecretsOf(pod, image, (name) => sources.secret(pod.metadata?.namespace ?? "", name)),
    async runtimeHandler(pod) {
      const name = pod.spec?.runtimeClassName ?? "";
      return name === "" ? "" : (await client.resource<RuntimeClass>(RUNTIME_CLASSES).get(name)).handler;
    },
    usersOf: (pod) => parts.users.of(pod),
    allocated: (pod) => allocations.allocated(pod),
    cgroupLimits: (pod) => podLimits(allocations.allocated(pod), options.cgroups.hugepageSizes),
    resize(pod) {
      const { pending, news } = allocations.resize(pod);
      const isGranted = news === "ResizeStarted";
      if (isGranted) context.event(pod, "Normal", news, "Pod resize started");
      if (pending === undefined) return { conditions: [], isGranted };
      if (news !== undefined) context.event(pod, "Warning", news, pending.message);
      const condition = { type: "PodResizePending", status: "True", ...pending };
      return { conditions: [stamped(condition, pod, clock.now())], isGranted };
    },
    async writeStatus(pod, status) {
      const shown = parts.inApi(pod);
      if (shown !== undefined) await writePodStatus(client, shown, status);
      return shown !== undefined;
    },
    async deleteObject(pod) {
      const shown = parts.inApi(pod);
      if (shown !== undefined) await deletePodObject(client, shown);
    },
    event(pod, type, reason, message, container) {
      const part = container === undefined ? undefined : `spec.containers{${container}}`;
      events.event(referenceTo(pod, "v1", "Pod", part), type, reason, message);
    },
  };
  return context;
}
