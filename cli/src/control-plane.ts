import { type FeatureGates, recordFeatureGates } from "@tsukube/api";
import type { ApiServer, User } from "@tsukube/apiserver";
import {
  type Client,
  componentPages,
  createClient,
  createInformerFactory,
  LeaderElection,
  limitedTransport,
  measuredTransport,
  QueueMetrics,
  startComponentServer,
} from "@tsukube/client";
import { startControllers } from "@tsukube/controllers";
import { type Clock, Lifetime, type Logger, type Metrics, type Random } from "@tsukube/foundation";
import { type ComponentEndpointsOptions, certificateSigner, componentPaths } from "@tsukube/host";
import type { KeyPair } from "@tsukube/host/certificates";
import { startScheduler } from "@tsukube/scheduler";
import { componentFlags } from "./cluster/component-flags.ts";
import { type ComponentPorts, type ComponentState, describe } from "./component-description.ts";

export interface ControlPlaneOptions {
  readonly server: ApiServer;
  /** "127.0.0.1:6443", where others reach it. */
  readonly host: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly featureGates: FeatureGates;
  /** A new registry, for one component. */
  metricsOf(): Metrics;
  /** The cluster's CA, PEM. */
  readonly ca: KeyPair;
  readonly ports: ComponentPorts;
  /** Who this is among several control planes of one store; absent: the only one. */
  readonly electAs?: string;
}

/** Starts what works on the API from inside, each with an identity of its own that goes through the whole request chain. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<Lifetime> {
  const lifetime = new Lifetime();
  for (const [name, start] of [
    ["kube-controller-manager", controllers],
    ["kube-scheduler", scheduler],
  ] as const) {
    const metrics = options.metricsOf();
    recordFeatureGates(options.featureGates, metrics);
    const state: ComponentState = { isStarting: false };
    const { clock, logger, ca, ports } = options;
    const client = lifetime.own(`${name} reviews`, clientAs(options, component(name), metrics));
    const leaderElect = options.electAs !== undefined;
    const described: ComponentEndpointsOptions = {
      metrics,
      ...describe(name, state, leaderElect),
      pages: componentPages({
        ...options,
        component: name,
        flags: componentFlags(name, ports[name], leaderElect),
        paths: () => componentPaths(described),
      }),
    };
    const server = { ...described, client, clock, logger, ...ports, port: ports[name], clientCa: ca.cert };
    lifetime.own(`${name} port`, await startComponentServer(server));
    await led(options, lifetime, name, metrics, async () => {
      state.isStarting = true;
      const started = await start(options, metrics);
      state.isStarting = false;
      return started;
    });
  }
  return lifetime;
}

/** Runs what only one of all control planes may run: at once when there is one, else whenever it is elected. */
async function led(
  options: ControlPlaneOptions,
  lifetime: Lifetime,
  name: string,
  metrics: Metrics,
  start: () => Promise<Lifetime>,
): Promise<void> {
  const { electAs, clock, logger } = options;
  if (electAs === undefined) {
    lifetime.own(name, await start());
    return;
  }
  const client = lifetime.own(`${name} election client`, clientAs(options, component(name), metrics));
  const status =
    "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease. Please make sure to group by name.";
  const leads = metrics.gauge("leader_election_master_status", status, ["name"]);
  leads.set(0, { name });
  const election = new LeaderElection({ client, name, identity: electAs, clock, logger });
  const stop = new AbortController();
  const running = election.run(stop.signal, async () => {
    const started = await start();
    leads.set(1, { name });
    return async () => {
      leads.set(0, { name });
      await started.close();
    };
  });
  lifetime.add(`${name} election`, async () => {
    stop.abort();
    await running;
  });
}

async function controllers(options: ControlPlaneOptions, metrics: Metrics): Promise<Lifetime> {
  const { clock, random, logger, ca, featureGates } = options;
  const lifetime = new Lifetime();
  const started = await startControllers({
    clientFor: (name) => {
      return clientAs(options, name === "kube-controller-manager" ? component(name) : controllerUser(name), metrics);
    },
    clock,
    random,
    featureGates,
    queues: new QueueMetrics(metrics, clock),
    logger: logger.child({ component: "controllers" }),
    options: { rootCa: ca.cert, signer: certificateSigner(ca, clock, random) },
  });
  lifetime.own("controllers", started);
  return lifetime;
}

async function scheduler(options: ControlPlaneOptions, metrics: Metrics): Promise<Lifetime> {
  const { clock, random, logger } = options;
  const lifetime = new Lifetime();
  const client = lifetime.own("scheduler client", clientAs(options, component("kube-scheduler"), metrics));
  const scheduling = { client, clock, random, logger: logger.child({ component: "scheduler" }) };
  const informers = lifetime.own(
    "scheduler informers",
    createInformerFactory(client, { ...scheduling, unserved: "empty" }),
  );
  lifetime.own("scheduler", await startScheduler({ ...scheduling, informers, metrics }));
  return lifetime;
}

/** Requests of one controller at a time: about as many as there are seats, and the queues have room for those of others. */
const MOST_UNDER_WAY = 100;

function clientAs({ server, clock, host }: ControlPlaneOptions, user: User, metrics: Metrics): Client {
  const measured = measuredTransport(server.transport(user), { metrics, clock, host });
  const transport = limitedTransport(measured, MOST_UNDER_WAY);
  return createClient(transport, { userAgent: userAgentOf(user.name), clock });
}

function component(name: string): User {
  return { name: `system:${name}`, groups: ["system:authenticated"], extra: {} };
}

function controllerUser(name: string): User {
  const groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
  return { name: `system:serviceaccount:kube-system:${name}`, groups, extra: {} };
}

/** As upstream's: what stands before the version is in managedFields, so controllers go by the name of their program. */
function userAgentOf(user: string): string {
  const name = user.split(":").at(-1);
  return user.startsWith("system:serviceaccount:") ? `kube-controller-manager/0.1 ${name}` : `${name}/0.1`;
}
