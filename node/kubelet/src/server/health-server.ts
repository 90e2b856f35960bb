import { Lifetime } from "@tsukube/foundation";
import { componentEndpoints, createHttpServer, listenWhenFree } from "@tsukube/host";
import type { KubeletOptions } from "../options.ts";

/** Whether the kubelet is there, for whoever is on the node: without TLS and without asking who that is. */
export async function startHealthServer(
  at: NonNullable<KubeletOptions["healthz"]>,
  { clock, logger }: KubeletOptions,
): Promise<Lifetime> {
  const lifetime = new Lifetime();
  const server = createHttpServer(componentEndpoints({ health: { healthz: { ping: () => undefined } } }));
  lifetime.own("server", server);
  lifetime.add("port", await listenWhenFree(server, { ...at, clock, logger }));
  return lifetime;
}
