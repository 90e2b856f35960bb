import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";

/** Where a cluster keeps what. */
export interface ClusterPaths {
  readonly name: string;
  /** Kept by `down`, removed by `down --purge`. */
  readonly state: string;
  /** Gone after a reboot: sockets, locks, mounts, namespaces. */
  readonly runtime: string;
}

/** The directories of a cluster: below /var/lib and /run as root, in the user's XDG directories otherwise. */
export function pathsOf(name: string, env: NodeJS.ProcessEnv, uid: number): ClusterPaths {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new TsukubeError(
      "usage",
      `Cannot use cluster name "${name}": expected up to 32 lower-case letters, digits and dashes, such as "default"`,
    );
  }
  if (uid === 0) return { name, state: `/var/lib/tsukube/${name}`, runtime: `/run/tsukube/${name}` };
  const stateHome = env["XDG_STATE_HOME"] ?? join(env["HOME"] ?? homedir(), ".local/state");
  const state = join(stateHome, "tsukube", name);
  const runtimeHome = env["XDG_RUNTIME_DIR"];
  return { name, state, runtime: runtimeHome === undefined ? join(state, "run") : join(runtimeHome, "tsukube", name) };
}

/** The files below a cluster's directories, each named once. */
export function filesOf(paths: ClusterPaths) {
  const { state, runtime } = paths;
  return {
    /** Held by a command that starts or stops the cluster. */
    commandLock: join(state, "command.lock"),
    /** Held by a command that chooses what no other cluster of this host may have. */
    creationLock: join(dirname(state), ".creation.lock"),
    /** Held by an engine that chooses a subnet or a port that no other engine of this host may have. */
    networkLock: join(dirname(state), ".networks.lock"),
    /** {@link ClusterRecord}. */
    record: join(state, "cluster.json"),
    /** {@link EtcdProgress}. */
    etcdProgress: join(state, "etcd-progress.json"),
    /** Twenty digits: the newest revision that anybody was told of. */
    etcdRevision: join(state, "etcd-revision"),
    pki: join(state, "pki"),
    kubeconfig: join(state, "kubeconfig"),
    nodeKubeconfig: join(state, "kubeconfig-node"),
    store: join(state, "store"),
    node: join(state, "node"),
    engine: join(state, "engine"),
    volumes: join(state, "volumes"),
    logs: join(state, "logs"),
    applications: join(state, "applications.json"),
    criSocket: join(runtime, "cri.sock"),
    dockerSocket: join(runtime, "docker.sock"),
    lock: (process: string) => join(runtime, `${process}.lock`),
    ready: (process: string) => join(runtime, `${process}.ready`),
    supervisor: (process: string) => join(runtime, `${process}.supervisor`),
    /** Pid and start time of what holds the namespaces of an engine without root. */
    userNamespace: join(runtime, "user-namespace"),
    sysctls: join(runtime, "sysctls.json"),
    podNetwork: join(state, "network"),
    dockerNetworks: join(state, "docker-networks"),
    dockerSysctls: join(runtime, "docker-sysctls.json"),
  };
}
