import type { ApiServerOptions } from "@tsukube/apiserver";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { createSigningKey } from "@tsukube/host/certificates";
import { type authorityFor, SERVICE_CIDR } from "./authority.ts";

/** Of our API server beside a peer: alone, over TLS. */
export async function ownOptions(
  { ca, serving }: Awaited<ReturnType<typeof authorityFor>>,
  openStore: ApiServerOptions["openStore"],
): Promise<ApiServerOptions> {
  return {
    openStore,
    clock: realClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
    serviceAccountKey: await createSigningKey(),
    serviceCidr: SERVICE_CIDR,
    flags: { "service-cluster-ip-range": SERVICE_CIDR },
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "192.0.2.10", port: 6443 },
    tls: { ...serving, clientCa: ca.cert },
  };
}
