import { type FeatureGates, recordFeatureGates } from "@tsukube/api";
import { componentPages } from "@tsukube/client";
import { type Clock, Lifetime, type Logger, type Metrics } from "@tsukube/foundation";
import { withPort } from "@tsukube/foundation/ip-network";
import {
  type ComponentEndpointsOptions,
  componentEndpoints,
  componentPaths,
  createHttpServer,
  listenWhenFree,
} from "@tsukube/host";
import type { ServiceProxy } from "./proxy.ts";

export interface ProxyServerOptions {
  readonly proxy: Pick<ServiceProxy, "health">;
  readonly metrics: Metrics;
  readonly nodeName: string;
  /** Networks of pods, one of each family by comma. */
  readonly clusterCidr: string;
  readonly featureGates: FeatureGates;
  /** For those on the node: metrics, mode, configuration. */
  readonly own: ProxyAddress;
  /** For load balancers: whether the node may have connections. */
  readonly health: ProxyAddress;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ProxyAddress {
  readonly address: string;
  readonly port: number;
}

/** How Services are served: upstream's name of it. */
const MODE = "nftables";

/** Serves what kube-proxy tells over HTTP, at both of its ports. */
export async function startProxyServer(options: ProxyServerOptions): Promise<Lifetime> {
  const { proxy, metrics, own, health, clock, logger } = options;
  const lifetime = new Lifetime();
  recordFeatureGates(options.featureGates, metrics);
  const shown: ComponentEndpointsOptions = {
    health: { healthz: { ping: () => undefined } },
    metrics,
    configuration: { "kubeproxy.config.k8s.io": configurationOf(options) },
    texts: { "/proxyMode": MODE },
    pages: componentPages({
      ...options,
      component: "kube-proxy",
      flags: flagsOf(options),
      paths: () => componentPaths(shown),
    }),
  };
  const endpoints = componentEndpoints(shown);
  for (const [name, handle, at] of [
    ["metrics", endpoints, own],
    ["health", proxy.health.handle, health],
  ] as const) {
    const server = createHttpServer(handle);
    lifetime.own(`${name} server`, server);
    lifetime.add(`${name} port`, await listenWhenFree(server, { ...at, clock, logger }));
  }
  return lifetime;
}

/** The same as kube-proxy's flags. */
function flagsOf({ nodeName, clusterCidr, own, health }: ProxyServerOptions) {
  return {
    "cluster-cidr": clusterCidr,
    "healthz-bind-address": withPort(health.address, health.port),
    "hostname-override": nodeName,
    "metrics-bind-address": withPort(own.address, own.port),
    profiling: "false",
    "proxy-mode": MODE,
  };
}

/** What is in force, as fields of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1). */
function configurationOf({ nodeName, clusterCidr, featureGates, own, health }: ProxyServerOptions): object {
  return {
    kind: "KubeProxyConfiguration",
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    featureGates: featureGates.named,
    hostnameOverride: nodeName,
    healthzBindAddress: withPort(health.address, health.port),
    metricsBindAddress: withPort(own.address, own.port),
    bindAddressHardFail: false,
    enableProfiling: false,
    mode: MODE,
    clusterCIDR: clusterCidr,
    nodePortAddresses: null,
  };
}
