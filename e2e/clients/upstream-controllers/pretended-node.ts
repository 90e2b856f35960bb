import {
  CoordinationV1Api,
  type CoreV1Api,
  type Informer,
  type KubeConfig,
  makeInformer,
  V1MicroTime,
  type V1Pod,
} from "@kubernetes/client-node";

const RENEW_MS = 5_000;

/** A Node object without a machine: what is bound to it is said to run at once, Jobs' pods to succeed, and what is deleted goes. */
export class PretendedNode {
  readonly #core: CoreV1Api;
  readonly #leases: CoordinationV1Api;
  readonly #pods: Informer<V1Pod>;
  readonly #name: string;
  #beat: NodeJS.Timeout | undefined;
  #addresses = 1;

  constructor(config: KubeConfig, core: CoreV1Api, name: string) {
    this.#core = core;
    this.#leases = config.makeApiClient(CoordinationV1Api);
    this.#name = name;
    this.#pods = makeInformer<V1Pod>(config, "/api/v1/pods", () => core.listPodForAllNamespaces());
    const follow = (pod: V1Pod): void => void this.#follow(pod).catch(() => {}); // it may have changed meanwhile: there is an event for that
    this.#pods.on("add", follow);
    this.#pods.on("update", follow);
    this.#pods.on("error", () => void this.#pods.start());
  }

  async start(labels: Readonly<Record<string, string>> = {}): Promise<void> {
    const capacity = { cpu: "4", memory: "8Gi", pods: "110" };
    const now = new Date();
    await this.#core.createNode({
      body: {
        metadata: { name: this.#name, labels: { "kubernetes.io/hostname": this.#name, ...labels } },
        status: {
          capacity,
          allocatable: capacity,
          conditions: [
            { type: "Ready", status: "True", reason: "Pretended", lastHeartbeatTime: now, lastTransitionTime: now },
          ],
        },
      },
    });
    await this.#leases.createNamespacedLease({ namespace: "kube-node-lease", body: this.#lease() });
    this.#beat = setInterval(() => void this.#renew().catch(() => {}), RENEW_MS);
    await this.#pods.start();
  }

  /** The machine is gone, the object stays. */
  async stop(): Promise<void> {
    clearInterval(this.#beat);
    await this.#pods.stop();
  }

  #lease() {
    const metadata = { name: this.#name, namespace: "kube-node-lease" };
    return { metadata, spec: { holderIdentity: this.#name, leaseDurationSeconds: 40, renewTime: new V1MicroTime() } };
  }

  async #renew(): Promise<void> {
    const body = [{ op: "replace", path: "/spec/renewTime", value: this.#lease().spec.renewTime }];
    await this.#leases.patchNamespacedLease({ name: this.#name, namespace: "kube-node-lease", body });
  }

  async #follow(pod: V1Pod): Promise<void> {
    if (pod.spec?.nodeName !== this.#name) return;
    const { name = "", namespace = "", deletionTimestamp } = pod.metadata ?? {};
    if (deletionTimestamp !== undefined) {
      await this.#core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 });
      return;
    }
    if (pod.status?.phase !== "Pending") return;
    await this.#core.replaceNamespacedPodStatus({ name, namespace, body: { ...pod, status: this.#statusOf(pod) } });
  }

  #statusOf(pod: V1Pod): NonNullable<V1Pod["status"]> {
    const now = new Date();
    const ends = pod.spec?.restartPolicy === "Never";
    const condition = (type: string) => ({
      type,
      status: ends && type !== "Initialized" ? "False" : "True",
      lastTransitionTime: now,
    });
    const podIP = `10.250.0.${(this.#addresses += 1)}`;
    return {
      ...pod.status,
      phase: ends ? "Succeeded" : "Running",
      startTime: now,
      hostIP: "192.0.2.1",
      podIP,
      podIPs: [{ ip: podIP }],
      conditions: [
        { type: "PodScheduled", status: "True", lastTransitionTime: now },
        ...["Initialized", "ContainersReady", "Ready"].map(condition),
      ],
      containerStatuses: (pod.spec?.containers ?? []).map((container) => ({
        name: container.name,
        image: container.image ?? "",
        imageID: "",
        restartCount: 0,
        ready: !ends,
        started: !ends,
        state: ends
          ? { terminated: { exitCode: 0, startedAt: now, finishedAt: now } }
          : { running: { startedAt: now } },
      })),
    };
  }
}
