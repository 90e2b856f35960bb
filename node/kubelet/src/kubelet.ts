import { cpus, totalmem } from "node:os";
import { ApiError } from "@tsukube/api";
import type { TokenRequest } from "@tsukube/api/types/authentication-v1";
import type {
  ConfigMap,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodStatus,
  Secret,
  Service,
} from "@tsukube/api/types/core-v1";
import { createEventRecorder, type EventRecorder, type Informer, referenceTo } from "@tsukube/client";
import { Lifetime, messageOf } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { dialCri } from "./cri/runtime.ts";
import { NodeRegistration } from "./node/node-registration.ts";
import type { Kubelet, KubeletOptions } from "./options.ts";
import type { PodContext } from "./pods/pod-context.ts";
import { PodWorker } from "./pods/pod-worker.ts";
import { PullBackoff } from "./pods/pull-backoff.ts";
import { pullSecretsOf } from "./pods/pull-secrets.ts";
import { Prober } from "./probes/prober.ts";
import { KubeletServer } from "./server/kubelet-server.ts";
import { ReferencedObjects } from "./volumes/referenced-objects.ts";
import type { VolumeSources } from "./volumes/volumes.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });
/** Pods that the runtime has and the API does not, looked for this often. */
const SWEEP_MS = 60_000;
const TOKEN_MARGIN = 0.8;

/** Starts the node's agent: registers the node and brings its pods to where the API wants them. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const lifetime = new Lifetime();
  const { clock, random, informers, nodeName, logger } = options;
  const cri = lifetime.own("runtime", dialCri(options.criAddress));
  const workers = new Map<string, PodWorker>();
  const services = informers.informer<Service>(core("services"));
  const pods = informers.informer<Pod>(core("pods"), { fieldSelector: `spec.nodeName=${nodeName}` });
  const prober = new Prober({
    cri,
    clock,
    random,
    metrics: createMetrics(),
    changed: (uid) => workers.get(uid)?.poke(),
    failed: (pod, container, kind, { message }) =>
      context.event(
        pod,
        "Warning",
        "Unhealthy",
        `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)} probe failed: ${message}`,
        container.name,
      ),
  });
  lifetime.own("prober", prober);
  const recorder = { client: options.client, clock, logger, component: "kubelet", host: nodeName };
  const events = lifetime.own("events", createEventRecorder(recorder));
  const changed = (uid: string): void => workers.get(uid)?.refreshVolumes();
  const references = new ReferencedObjects({ client: options.client, clock, random, logger, changed });
  lifetime.own("references", references);
  const finished = (uid: string): void => {
    workers.delete(uid);
    references.release(uid);
  };
  const context = podContext(options, { cri, prober, events, services, finished });
  lifetime.add("workers", async () => void (await Promise.all([...workers.values()].map((worker) => worker.close()))));
  const registration = new NodeRegistration(options, cri);
  lifetime.own("node", registration);
  await registration.start();
  await Promise.all([pods.synced, services.synced]);
  lifetime.add(
    "pods",
    pods.onChange({
      added: (pod) => admit(pod),
      updated: (_before, pod) => admit(pod),
      deleted: (pod) => workers.get(pod.metadata?.uid ?? "")?.remove(),
    }),
  );
  function admit(pod: Pod): void {
    const uid = pod.metadata?.uid ?? "";
    references.hold(pod);
    const present = workers.get(uid);
    if (present !== undefined) {
      present.update(pod);
      return;
    }
    const worker = new PodWorker(pod, context);
    workers.set(uid, worker);
    worker.poke();
  }
  const sweep = async (): Promise<void> => {
    const { items = [] } = await cri.runtime.ListPodSandbox({});
    const known = new Set(pods.list().map((pod) => pod.metadata?.uid));
    for (const sandbox of items) {
      const { name = "", namespace = "", uid = "" } = sandbox.metadata ?? {};
      if (known.has(uid) || workers.has(uid)) continue;
      const worker = new PodWorker({ metadata: { name, namespace, uid } }, context);
      workers.set(uid, worker);
      worker.remove();
    }
  };
  await sweep();
  lifetime.add(
    "sweep",
    clock.every(
      SWEEP_MS,
      () =>
        void sweep().catch((error: unknown) =>
          logger.debug("cannot look for left-over pods", { error: messageOf(error) }),
        ),
      { background: true },
    ),
  );
  void followEvents(options, cri, lifetime.signal, (uid) => workers.get(uid)?.poke());
  if (options.listen !== undefined) {
    const server = new KubeletServer({ options, listen: options.listen, cri, workers: () => [...workers.values()] });
    lifetime.own("server", server);
    await server.start();
  }
  return { close: () => lifetime.close() };
}

/** The runtime says when something happened; each worker then looks for itself. */
async function followEvents(
  options: KubeletOptions,
  cri: ReturnType<typeof dialCri>,
  signal: AbortSignal,
  poke: (uid: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of cri.runtime.GetContainerEvents({}, { signal }))
        poke(event.podSandboxStatus?.metadata?.uid ?? "");
    } catch (error) {
      if (signal.aborted) return;
      options.logger.debug("lost the runtime's events", { error: messageOf(error) });
    }
    await options.clock.sleep(1000, signal).catch(() => {});
  }
}

interface ContextParts {
  readonly cri: ReturnType<typeof dialCri>;
  readonly prober: Prober;
  readonly events: EventRecorder;
  readonly services: Informer<Service>;
  finished(uid: string): void;
}

function podContext(options: KubeletOptions, { cri, prober, events, services, finished }: ContextParts): PodContext {
  const { client, clock, nodeName } = options;
  const orUndefined = async <T>(work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return undefined;
      throw error;
    }
  };
  const tokens = new Map<string, { readonly token: string; readonly renewAt: number }>();
  const secretOf = (namespace: string, name: string) =>
    orUndefined(client.resource<Secret>(core("secrets"), namespace).get(name));
  return {
    options,
    cri,
    prober,
    pullBackoff: new PullBackoff(clock),
    finished,
    sourcesOf(pod, podIps): VolumeSources {
      const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
      const wantsLinks = pod.spec?.enableServiceLinks !== false;
      return {
        configMap: (wanted) => orUndefined(client.resource<ConfigMap>(core("configmaps"), namespace).get(wanted)),
        secret: (wanted) => secretOf(namespace, wanted),
        claim: (wanted) =>
          orUndefined(client.resource<PersistentVolumeClaim>(core("persistentvolumeclaims"), namespace).get(wanted)),
        volume: (wanted) => orUndefined(client.resource<PersistentVolume>(core("persistentvolumes")).get(wanted)),
        services: services.list().filter((service) => {
          const { namespace: home, name: serviceName } = service.metadata ?? {};
          return (home === "default" && serviceName === "kubernetes") || (wantsLinks && home === namespace);
        }),
        podIps,
        hostIp: options.addresses[0] ?? "",
        nodeName,
        allocatable: { cpuMilli: cpus().length * 1000, memoryBytes: totalmem() },
        async token(audience, expirationSeconds) {
          const key = `${uid} ${audience} ${expirationSeconds}`;
          const present = tokens.get(key);
          if (present !== undefined && present.renewAt > clock.now()) return present.token;
          const account = pod.spec?.serviceAccountName ?? "default";
          const request: TokenRequest = {
            spec: {
              audiences: audience === "" ? [] : [audience],
              expirationSeconds,
              boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid },
            },
          };
          const answer = await client
            .resource(core("serviceaccounts"), namespace)
            .createSubresource<TokenRequest>(account, "token", request);
          const token = answer.status?.token ?? "";
          tokens.set(key, { token, renewAt: clock.now() + expirationSeconds * 1000 * TOKEN_MARGIN });
          return token;
        },
      };
    },
    pullSecrets: (pod, image) => pullSecretsOf(pod, image, (name) => secretOf(pod.metadata?.namespace ?? "", name)),
    async writeStatus(pod, status: PodStatus) {
      const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
      try {
        await client
          .resource<Pod>(core("pods"), namespace)
          .patch(name, { type: "merge", body: { metadata: { uid }, status } }, { subresource: "status" });
      } catch (error) {
        if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
      }
    },
    async deleteObject(pod) {
      const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
      try {
        await client
          .resource<Pod>(core("pods"), namespace)
          .delete(name, { gracePeriodSeconds: 0, preconditions: { uid } });
      } catch (error) {
        if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
      }
    },
    event(pod, type, reason, message, container) {
      const part = container === undefined ? undefined : `spec.containers{${container}}`;
      events.event(referenceTo(pod, "v1", "Pod", part), type, reason, message);
    },
  };
}
