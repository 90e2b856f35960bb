import { messageOf, TsukubeError } from "@tsukube/foundation";
import type { EtcdState } from "@tsukube/store/etcd";
import { etcdOptions } from "./etcd-access.ts";
import type { EtcdRecord } from "./record.ts";

/** What a server of an etcd says of itself, or why it does not. */
export interface EtcdServer {
  readonly endpoint: string;
  readonly state?: EtcdState;
  readonly error?: TsukubeError;
}

/** How long a server is asked again that does not answer. */
const ANSWERS_MS = 2000;

/** Asks all servers at once. */
export async function askServers(etcd: EtcdRecord): Promise<readonly EtcdServer[]> {
  const { etcdState } = await import("@tsukube/store/etcd");
  const options = { ...etcdOptions(etcd), giveUpMs: ANSWERS_MS };
  const ask = (endpoint: string): Promise<EtcdServer> =>
    etcdState({ ...options, endpoints: [endpoint] }).then(
      (state) => ({ endpoint, state }),
      (cause: unknown) => ({ endpoint, error: new TsukubeError("failed", messageOf(cause), { cause }) }),
    );
  return Promise.all(etcd.endpoints.map(ask));
}

/** What those who answer say; undefined: none does. @throws {TsukubeError} `usage` when they are of several clusters. */
export function stateOf(servers: readonly EtcdServer[]): EtcdState | undefined {
  const [first, ...others] = servers.filter(({ state }) => state !== undefined);
  const other = others.find(({ state }) => state?.clusterId !== first?.state?.clusterId);
  if (first === undefined || other === undefined) return first?.state;
  const of = ({ endpoint, state }: EtcdServer): string => `${endpoint} (cluster ${state?.clusterId})`;
  throw new TsukubeError(
    "usage",
    `Cannot use etcd at ${of(first)} and ${of(other)}: two clusters, expected servers of one; name those of one`,
  );
}
