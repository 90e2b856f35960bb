import type { ComponentEndpointsOptions, HealthChecks } from "@tsukube/host";
import type { KeyPair } from "@tsukube/host/certificates";

export type ComponentName = "kube-controller-manager" | "kube-scheduler";

/** Where controllers and scheduler tell of themselves. */
export interface ComponentPorts extends KeyPair, Readonly<Record<ComponentName, number>> {
  readonly addresses: readonly string[];
}

export interface ComponentState {
  /** Its caches are not filled yet. */
  isStarting: boolean;
}

/** What a component tells of its health and of the configuration in force, where upstream's does; of many, also one that does not lead. */
export function describe(
  name: ComponentName,
  state: ComponentState,
  leaderElect: boolean,
): Pick<ComponentEndpointsOptions, "health" | "configuration"> {
  const live: HealthChecks = { ping: () => undefined };
  const election = { leaderElect, resourceLock: "leases", resourceName: name, resourceNamespace: "kube-system" };
  switch (name) {
    case "kube-controller-manager":
      return {
        health: { healthz: live },
        configuration: {
          "kubecontrollermanager.config.k8s.io": {
            kind: "KubeControllerManagerConfiguration",
            apiVersion: "kubecontrollermanager.config.k8s.io/v1alpha1",
            Generic: { LeaderElection: election },
          },
        },
      };
    case "kube-scheduler": {
      const synced = () => (state.isStarting ? "waiting for caches to be filled" : undefined);
      return {
        health: { healthz: live, livez: live, readyz: { "sched-handler-sync": synced } },
        configuration: {
          componentconfig: {
            kind: "KubeSchedulerConfiguration",
            apiVersion: "kubescheduler.config.k8s.io/v1",
            leaderElection: election,
            profiles: [{ schedulerName: "default-scheduler" }],
          },
        },
      };
    }
  }
}
