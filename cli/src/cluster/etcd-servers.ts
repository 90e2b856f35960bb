import { messageOf, TsukubeError } from "@tsukube/foundation";
import { etcdOptions } from "./object-store.ts";
import type { EtcdRecord } from "./record.ts";

/** What a server of an etcd says of itself, or why it does not. */
export interface EtcdServer {
  readonly endpoint: string;
  readonly clusterId?: string;
  readonly error?: TsukubeError;
}

/** How long a server is asked again that does not answer. */
const ANSWERS_MS = 2000;

/** Asks all servers at once. */
export async function askServers(etcd: EtcdRecord): Promise<readonly EtcdServer[]> {
  const { etcdClusterId } = await import("@tsukube/store/etcd");
  const options = { ...etcdOptions(etcd), giveUpMs: ANSWERS_MS };
  const ask = (endpoint: string): Promise<EtcdServer> =>
    etcdClusterId({ ...options, endpoints: [endpoint] }).then(
      (clusterId) => ({ endpoint, clusterId }),
      (cause: unknown) => ({ endpoint, error: new TsukubeError("failed", messageOf(cause), { cause }) }),
    );
  return Promise.all(etcd.endpoints.map(ask));
}

/** The cluster that those who answer are of; undefined: none answers. @throws {TsukubeError} `usage` when they are of several. */
export function clusterOf(servers: readonly EtcdServer[]): string | undefined {
  const [first, ...others] = servers.filter(({ clusterId }) => clusterId !== undefined);
  const other = others.find(({ clusterId }) => clusterId !== first?.clusterId);
  if (first === undefined || other === undefined) return first?.clusterId;
  const of = ({ endpoint, clusterId }: EtcdServer): string => `${endpoint} (cluster ${clusterId})`;
  throw new TsukubeError(
    "usage",
    `Cannot use etcd at ${of(first)} and ${of(other)}: two clusters, expected servers of one; name those of one`,
  );
}
