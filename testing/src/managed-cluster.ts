import { FeatureGates } from "@tsukube/api";
import { startControllers } from "@tsukube/controllers";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { certificateSigner } from "@tsukube/host";
import { type Cluster, type ClusterOptions, startCluster } from "./cluster.ts";
import { seededRandom } from "./seeded-random.ts";
import { TEST_AUTHORITY } from "./test-authority.ts";

/** A cluster with all controllers, each with its own identity; without scheduler and nodes: tests play those. */
export async function startManagedCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const lifetime = new Lifetime();
  const cluster = lifetime.own("cluster", await startCluster(options));
  const controllers = await startControllers({
    clientFor: (name) => cluster.clientAs(userOf(name)),
    clock: cluster.clock,
    random: seededRandom((options.seed ?? 1) + 1),
    logger: options.logger ?? silentLogger,
    ...(options.featureGates !== undefined && { featureGates: FeatureGates.parse(options.featureGates) }),
    options: {
      rootCa: TEST_AUTHORITY.cert,
      signer: certificateSigner(TEST_AUTHORITY, cluster.clock, seededRandom((options.seed ?? 1) + 2)),
    },
  });
  lifetime.own("controllers", controllers);
  await cluster.clock.settle();
  return { ...cluster, close: () => lifetime.close() };
}

function userOf(name: string): { readonly name: string; readonly groups: readonly string[] } {
  if (name === "kube-controller-manager") return { name: `system:${name}`, groups: ["system:authenticated"] };
  const groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
  return { name: `system:serviceaccount:kube-system:${name}`, groups };
}
