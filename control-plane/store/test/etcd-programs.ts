import { spawnSync } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export interface EtcdProgram {
  readonly program: string;
  /** Such as "3.4.23". */
  readonly version: string;
  /** Restores snapshots: etcdutl, or of versions before it etcdctl; undefined where there is none beside it. */
  readonly restorer?: string;
}

/** Of Debian's package etcd-server. */
export const DEBIAN = "/usr/bin/etcd";

/** Debian's, and the first newer one that is found: what TSUKUBE_ETCD names, of `npm run peers`, on PATH. */
export function findEtcds(): readonly EtcdProgram[] {
  const found = [DEBIAN, ...others()].flatMap((program) => {
    const version = existsSync(program) ? versionOf(program) : undefined;
    if (version === undefined) return [];
    const restorer = ["etcdutl", "etcdctl"]
      .map((name) => join(dirname(program), name))
      .find((file) => existsSync(file));
    return [{ program, version, ...(restorer !== undefined && { restorer }) }];
  });
  const [first] = found;
  const next = found.find(({ version }) => version !== first?.version);
  return [first, next].filter((etcd) => etcd !== undefined);
}

function others(): readonly string[] {
  const { TSUKUBE_ETCD, PATH = "", XDG_CACHE_HOME } = process.env;
  const peers = join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tsukube", "peers", "*", "etcd");
  return [
    ...(TSUKUBE_ETCD === undefined ? [] : [TSUKUBE_ETCD]),
    ...globSync(peers).sort().reverse(),
    ...PATH.split(":").map((folder) => join(folder, "etcd")),
  ];
}

function versionOf(program: string): string | undefined {
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return /^etcd Version: (\S+)/m.exec(stdout ?? "")?.[1];
}
