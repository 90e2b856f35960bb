import { FeatureGates } from "@tsukube/api";
import { type ApiServer, type PluginConfigurations, startApiServer, type User } from "@tsukube/apiserver";
import { type Client, createClient, type Transport } from "@tsukube/client";
import { Lifetime, type Logger, silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { MemoryStore } from "@tsukube/store";
import { seededRandom } from "./seeded-random.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface ClusterOptions {
  /** Decides every random value: the same seed gives the same names and uids. 1 by default. */
  readonly seed?: number;
  /** Where the cluster begins; an empty one by default. */
  readonly store?: MemoryStore;
  readonly logger?: Logger;
  /** "10.160.0.0/16" by default. */
  readonly serviceCidr?: string;
  /** Which built-in APIs are served, as of kube-apiserver's --runtime-config: "api/beta=true". Upstream's defaults without it. */
  readonly runtimeConfig?: string;
  /** As kube-apiserver's --feature-gates: "EvictionRequestAPI=true". Upstream's defaults without it. */
  readonly featureGates?: string;
  /** Admission plugins of upstream that are on besides, and off, by comma: "ServiceAccount". */
  readonly enableAdmissionPlugins?: string;
  readonly disableAdmissionPlugins?: string;
  /** What they are told by file, as of kube-apiserver's --admission-control-config-file. */
  readonly pluginConfigurations?: PluginConfigurations;
}

/** A whole cluster in this process, on virtual time. */
export interface Cluster {
  readonly clock: VirtualClock;
  /** As system:masters. */
  readonly client: Client;
  /** As anyone: requests go through the whole chain. */
  clientAs(user: Partial<User> & { readonly name: string }): Client;
  readonly transport: Transport;
  /** Without credentials. */
  readonly anonymous: Transport;
  /** A cluster of its own that begins with what this one holds now. In constant time, whatever that is. */
  fork(): Promise<Cluster>;
  /** Signs ServiceAccount tokens: PKCS #8 PEM. Not a secret: all clusters in tests have the same. */
  readonly serviceAccountKey: string;
  close(): Promise<void>;
}

/** Signs ServiceAccount tokens in tests only: anybody can read it here. */
const SERVICE_ACCOUNT_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLd0ULBlbeAIMOGq9
6sxprnfdgGc5wCB/B3DULi/kmY2hRANCAAT9Pgmw/Zov/tX1mRderw+URD+rvyfJ
CPYtlj1pZiW+MNaZ4aZ+hyCy+dibAGLXVMhBiI1pPoN7hsqPhNXeRpNF
-----END PRIVATE KEY-----
`;

const ADMIN: User = { name: "admin", groups: ["system:masters", "system:authenticated"], extra: {} };

/** Starts a control plane in memory: no port, no process, no file. */
export function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  return start(options, undefined);
}

async function start(
  options: ClusterOptions,
  seed: Awaited<ReturnType<ApiServer["seed"]>> | undefined,
): Promise<Cluster> {
  const lifetime = new Lifetime();
  const clock = new VirtualClock();
  const store = options.store ?? new MemoryStore({ clock });
  const logger = options.logger ?? silentLogger;
  const server: ApiServer = await startApiServer({
    ...(seed !== undefined && { seed }),
    openStore: async (visit) => {
      if (seed !== undefined) return store;
      for (const record of (await store.range("")).records) visit(record);
      return store;
    },
    clock,
    random: seededRandom(options.seed ?? 1),
    logger,
    metrics: createMetrics(),
    serviceAccountKey: SERVICE_ACCOUNT_KEY,
    serviceCidr: options.serviceCidr ?? "10.160.0.0/16",
    ...(options.runtimeConfig !== undefined && { runtimeConfig: options.runtimeConfig }),
    ...(options.featureGates !== undefined && { featureGates: FeatureGates.parse(options.featureGates) }),
    ...(options.enableAdmissionPlugins !== undefined && { enableAdmissionPlugins: options.enableAdmissionPlugins }),
    ...(options.disableAdmissionPlugins !== undefined && { disableAdmissionPlugins: options.disableAdmissionPlugins }),
    ...(options.pluginConfigurations !== undefined && { pluginConfigurations: options.pluginConfigurations }),
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "10.64.0.1", port: 6443 },
  });
  lifetime.own("API server", server);
  const clientAs = (user: Partial<User> & { readonly name: string }): Client =>
    createClient(server.transport({ groups: ["system:authenticated"], extra: {}, ...user }), {
      userAgent: "test",
      clock,
    });
  return {
    clock,
    client: clientAs(ADMIN),
    clientAs,
    transport: server.transport(ADMIN),
    anonymous: server.transport(undefined),
    async fork() {
      for (;;) {
        const present = await server.seed();
        if (present.revision === store.revision) return start({ ...options, store: store.fork() }, present);
      }
    },
    serviceAccountKey: SERVICE_ACCOUNT_KEY,
    close: () => lifetime.close(),
  };
}
