import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { TsukubeError } from "@tsukube/foundation";
import type { ClusterRecord, EtcdRecord } from "../cluster/record.ts";

/** The flags of `up` that name an etcd. */
export interface EtcdFlags {
  readonly etcd?: readonly string[];
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly etcdUser?: string;
  readonly etcdPasswordFile?: string;
}

/** What to remember of them; undefined when they name none. @throws {TsukubeError} `usage`. */
export function etcdRecord(flags: EtcdFlags): EtcdRecord | undefined {
  const { etcd, etcdCafile, etcdCertfile, etcdKeyfile, etcdUser, etcdPasswordFile } = flags;
  const files = { caFile: etcdCafile, certFile: etcdCertfile, keyFile: etcdKeyfile, passwordFile: etcdPasswordFile };
  const given = Object.entries(files).filter(([, file]) => file !== undefined);
  if (etcd === undefined) {
    if (given.length === 0 && etcdUser === undefined) return undefined;
    throw new TsukubeError("usage", "Cannot use flags of etcd without --etcd, expected its URL");
  }
  if ((etcdCertfile === undefined) !== (etcdKeyfile === undefined))
    throw new TsukubeError("usage", "Cannot use one of --etcd-certfile and --etcd-keyfile, expected both");
  if ((etcdUser === undefined) !== (etcdPasswordFile === undefined))
    throw new TsukubeError("usage", "Cannot use one of --etcd-user and --etcd-password-file, expected both");
  const endpoints = etcd.flatMap((urls) => urls.split(","));
  for (const endpoint of endpoints) expectEndpoint(endpoint);
  return {
    endpoints,
    ...Object.fromEntries(given.map(([name, file]) => [name, resolve(file!)])),
    ...(etcdUser !== undefined && { user: etcdUser }),
  };
}

/** As etcd's own clients have them: without a scheme they are of HTTP. */
const ENDPOINT = /^(https?:\/\/)?[^/\s:]+(:\d+)?\/?$|^(https?:\/\/)?\[[\da-f:.]+\](:\d+)?\/?$|^unixs?:\/\/\S+$/i;

function expectEndpoint(endpoint: string): void {
  if (ENDPOINT.test(endpoint)) return;
  throw new TsukubeError(
    "usage",
    `Cannot use etcd at "${endpoint}": not the URL of a server, expected such as https://10.0.0.1:2379`,
  );
}

/** A cluster's objects do not move from one store to another by a flag. @throws {TsukubeError} `usage`. */
export function expectSameStore(record: ClusterRecord, wanted: EtcdRecord | undefined): void {
  if (wanted === undefined || isDeepStrictEqual(record.etcd, wanted)) return;
  const was = record.etcd === undefined ? "a file of its own" : `etcd at ${record.etcd.endpoints.join(", ")}`;
  throw new TsukubeError(
    "usage",
    `Cannot start cluster "${record.name}": it keeps its objects in ${was}, expected the same; use "down --purge" to begin anew, or another --name`,
  );
}
