import type { ApiServer, User } from "@tsukube/apiserver";
import { type Client, createClient, createInformerFactory } from "@tsukube/client";
import { startControllers } from "@tsukube/controllers";
import { type Clock, Lifetime, type Logger, type Random } from "@tsukube/foundation";
import { certificateSigner } from "@tsukube/host";
import type { KeyPair } from "@tsukube/host/certificates";
import { startScheduler } from "@tsukube/scheduler";

export interface ControlPlaneOptions {
  readonly server: ApiServer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The cluster's CA, PEM. */
  readonly ca: KeyPair;
}

/** Starts what works on the API from inside, each with an identity of its own that goes through the whole request chain. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<Lifetime> {
  const { server, clock, random, logger } = options;
  const lifetime = new Lifetime();
  const clientAs = (user: User): Client => createClient(server.transport(user), { userAgent: userAgentOf(user.name) });
  const controllers = await startControllers({
    clientFor: (name) => clientAs(name === "kube-controller-manager" ? component(name) : controllerUser(name)),
    clock,
    random,
    logger: logger.child({ component: "controllers" }),
    options: { rootCa: options.ca.cert, signer: certificateSigner(options.ca, clock, random) },
  });
  lifetime.own("controllers", controllers);
  const client = lifetime.own("scheduler client", clientAs(component("kube-scheduler")));
  const scheduling = { client, clock, random, logger: logger.child({ component: "scheduler" }) };
  const informers = lifetime.own("scheduler informers", createInformerFactory(client, scheduling));
  lifetime.own("scheduler", await startScheduler({ ...scheduling, informers }));
  return lifetime;
}

function component(name: string): User {
  return { name: `system:${name}`, groups: ["system:authenticated"], extra: {} };
}

function controllerUser(name: string): User {
  const groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
  return { name: `system:serviceaccount:kube-system:${name}`, groups, extra: {} };
}

/** The last part of the user's name: it stands in managedFields. */
function userAgentOf(user: string): string {
  return `${user.split(":").at(-1)}/0.1`;
}
