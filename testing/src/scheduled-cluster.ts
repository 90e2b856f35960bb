import type { Event, Node, Pod, PodSpec } from "@tsukube/api/types/core-v1";
import type { PriorityClass } from "@tsukube/api/types/scheduling-v1";
import { type Client, createInformerFactory } from "@tsukube/client";
import { Lifetime, type Metrics, silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { startScheduler } from "@tsukube/scheduler";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { NodeActor } from "./node-actor.ts";
import { PodActor } from "./pod-actor.ts";
import { seededRandom } from "./seeded-random.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });

/** A cluster with all controllers and the scheduler; tests play kubelets. */
export class ScheduledCluster {
  readonly cluster: Cluster;
  readonly actor: PodActor;
  readonly nodes: NodeActor;
  /** Of the scheduler. */
  readonly metrics: Metrics;
  readonly #lifetime: Lifetime;

  private constructor(cluster: Cluster, metrics: Metrics, lifetime: Lifetime) {
    this.metrics = metrics;
    this.cluster = cluster;
    this.actor = new PodActor(cluster);
    this.nodes = new NodeActor(cluster);
    this.#lifetime = lifetime;
  }

  /** @param through What the scheduler gets for its client. */
  static async start(through: (client: Client) => Client = (client) => client): Promise<ScheduledCluster> {
    const lifetime = new Lifetime();
    const cluster = lifetime.own("cluster", await startManagedCluster());
    const common = { clock: cluster.clock, random: seededRandom(3), logger: silentLogger };
    const client = through(cluster.clientAs({ name: "system:kube-scheduler" }));
    const informers = lifetime.own("informers", createInformerFactory(client, common));
    const metrics = createMetrics();
    lifetime.own("scheduler", await startScheduler({ ...common, client, informers, metrics }));
    return new ScheduledCluster(cluster, metrics, lifetime);
  }

  close(): Promise<void> {
    return this.#lifetime.close();
  }

  /** Lets what was begun come to its end. */
  settle(ms = 1000): Promise<void> {
    return this.cluster.clock.advance(ms);
  }

  /** A ready node that is its own host; one processor unless told otherwise. */
  async node(name: string, labels: Readonly<Record<string, string>> = {}, cpu = "1"): Promise<void> {
    await this.nodes.join(name, { "kubernetes.io/hostname": name, ...labels });
    const body: Node = { status: { allocatable: { cpu, memory: "1Gi", pods: "10" } } };
    await this.nodes.nodes.patch(name, { type: "merge", body }, { subresource: "status" });
    await this.settle();
  }

  async priority(name: string, value: number, more: Partial<PriorityClass> = {}): Promise<void> {
    const classes = { group: "scheduling.k8s.io", version: "v1", resource: "priorityclasses" };
    await this.cluster.client.resource<PriorityClass>(classes).create({ metadata: { name }, value, ...more });
    await this.settle();
  }

  /** Creates a pod that asks for processor time, and lets it be placed. */
  async pod(name: string, cpu: string, spec: Partial<PodSpec> = {}, labels: Record<string, string> = {}): Promise<Pod> {
    const containers = [{ name: "main", image: "i", resources: { requests: { cpu } } }];
    const pod = await this.actor.pods.create({ metadata: { name, labels }, spec: { containers, ...spec } });
    await this.settle();
    return pod;
  }

  /** Where a pod is; undefined: nowhere yet. */
  async nodeOf(name: string): Promise<string | undefined> {
    return (await this.actor.pods.get(name)).spec?.nodeName;
  }

  /** What the scheduler says of a pod without a node. */
  async refusal(name: string): Promise<string | undefined> {
    const { conditions = [] } = (await this.actor.pods.get(name)).status ?? {};
    return conditions.find(({ type, status }) => type === "PodScheduled" && status === "False")?.message;
  }

  /** Messages of the events of one reason about a pod. */
  async events(reason: string, pod: string): Promise<readonly string[]> {
    const { items } = await this.cluster.client.resource<Event>(core("events"), "default").list();
    return items
      .filter((event) => event.reason === reason && event.involvedObject?.name === pod)
      .map(({ message = "" }) => message);
  }
}
