import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { TsukubeError } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { type Mounts, type Namespaces, removeMounted, sysctlPath } from "@tsukube/kernel";
import type { CniRequest, PodNetwork } from "@tsukube/node-contracts";
import type { PodSandboxConfig } from "@tsukube/node-contracts/cri";
import { isDiskFull } from "../images/transfer-errors.ts";
import { giveToRoot, wantedIds } from "./pod-users.ts";
import type { SandboxRecord } from "./sandbox-record.ts";

interface Deps {
  readonly records: string;
  readonly runtime: string;
  readonly mounts: Mounts;
  readonly namespaces: Namespaces;
  readonly network: PodNetwork;
  readonly now: () => number;
}

const FILES = ["hostname", "hosts", "resolv.conf"];
const SHM_BYTES = 67108864;

/** What a sandbox may differ in from what the CRI can say. */
export interface SandboxWishes {
  /** Size of its shared memory; 64 MB by default. */
  readonly shmBytes?: number;
  readonly domainname?: string;
  /** Namespaces that it shares instead of having its own: the path of another's, or "host". */
  readonly shared?: { readonly net?: string; readonly ipc?: string; readonly uts?: "host" };
  /** Another's shared memory, which goes with its ipc namespace. */
  readonly shm?: string;
}

/** Pod sandboxes: pinned namespaces, network, shared memory and the files of /etc. No process belongs to them. */
export class Sandboxes {
  readonly #deps: Deps;
  readonly #records = new Map<string, SandboxRecord>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Reads the records; a sandbox whose namespaces are gone (a reboot) is not ready any more. */
  async load(): Promise<void> {
    await mkdir(this.#deps.records, { recursive: true });
    for (const id of await readdir(this.#deps.records)) {
      if (id.startsWith(".")) continue;
      const record = await readRecord<SandboxRecord>(this.#path(id));
      if (record === undefined) continue;
      this.#records.set(id, { ...record, ready: record.ready && existsSync(record.files) });
    }
  }

  get all(): readonly SandboxRecord[] {
    return [...this.#records.values()];
  }

  /** By id or a unique beginning of it. */
  find(id: string): SandboxRecord | undefined {
    return this.#records.get(id) ?? this.all.find((record) => id.length >= 8 && record.id.startsWith(id));
  }

  get(id: string): SandboxRecord {
    const record = this.find(id);
    if (record === undefined) throw new TsukubeError("not-found", `Cannot find sandbox "${id}": no such sandbox`);
    return record;
  }

  async run(id: string, config: PodSandboxConfig, wishes: SandboxWishes = {}): Promise<SandboxRecord> {
    const options = config.linux?.securityContext?.namespaceOptions ?? undefined;
    const folder = `${this.#deps.runtime}/${id}`;
    const hostNetwork = options?.network === "NODE";
    const { shared = {} } = wishes;
    const own = (kind: "net" | "ipc" | "uts", isHosts: boolean): object => {
      const path = isHosts ? "host" : (shared[kind] ?? `${folder}/${kind}`);
      return path === "host" ? {} : { [kind]: path };
    };
    const hostIpc = options?.ipc === "NODE" || shared.ipc === "host";
    const ids = wantedIds(options);
    const record: SandboxRecord = {
      id,
      config,
      hostname: hostNetwork ? hostname() : config.hostname || hostname(),
      createdAt: this.#deps.now(),
      ready: false,
      namespaces: {
        ...own("net", hostNetwork),
        ...own("uts", hostNetwork),
        ...own("ipc", hostIpc),
        ...(ids !== undefined && { user: `${folder}/user` }),
      },
      ...(ids !== undefined && { users: { path: `${folder}/user`, ids } }),
      files: `${folder}/etc`,
      shm: wishes.shm ?? (hostIpc ? "/dev/shm" : `${folder}/shm`),
      ips: [],
    };
    await this.#put(record);
    try {
      await this.#make(record, wishes);
      const ips = record.namespaces.net === undefined ? [] : (await this.#deps.network.add(requestOf(record))).ips;
      const ready = { ...record, ready: true, ips };
      await this.#put(ready);
      return ready;
    } catch (error) {
      await this.#release(record).catch(() => {});
      await this.#forget(id);
      throw error;
    }
  }

  async #make(record: SandboxRecord, wishes: SandboxWishes): Promise<void> {
    await mkdir(record.files, { recursive: true });
    if (this.#isOwn(record.id, record.shm)) {
      await mkdir(record.shm, { recursive: true });
      this.#deps.mounts.tmpfs(record.shm, { sizeBytes: wishes.shmBytes ?? SHM_BYTES, mode: "1777" });
    }
    await writeFile(`${record.files}/hostname`, `${record.hostname}\n`);
    await writeFile(`${record.files}/hosts`, `127.0.0.1\tlocalhost\n::1\tlocalhost\n`);
    await writeResolvConf(`${record.files}/resolv.conf`, record.config);
    const ids = record.users?.ids;
    if (ids !== undefined) {
      const files = [record.shm, ...FILES.map((name) => `${record.files}/${name}`)];
      await giveToRoot(
        files.filter((path) => this.#isOwn(record.id, path)),
        ids,
      );
    }
    const pinned = this.#pinned(record);
    if (Object.keys(pinned).length === 0) return;
    await this.#deps.namespaces.pin(pinned, setupScript({ ...record, namespaces: pinned }, wishes.domainname), ids);
  }

  /** The namespaces that are its own. */
  #pinned({ id, namespaces }: SandboxRecord): SandboxRecord["namespaces"] {
    return Object.fromEntries(Object.entries(namespaces).filter(([, path]) => this.#isOwn(id, path)));
  }

  #isOwn(id: string, path: string): boolean {
    return path.startsWith(`${this.#deps.runtime}/${id}/`);
  }

  async stop(id: string): Promise<void> {
    const record = this.find(id);
    if (record === undefined || (!record.ready && !existsSync(record.files))) return;
    const stopped = { ...record, ready: false };
    await this.#put(stopped).catch((error: unknown) => {
      if (!isDiskFull(error)) throw error; // a full disk does not keep what takes room on it
      this.#records.set(record.id, stopped);
    });
    await this.#release(record);
  }

  async remove(id: string): Promise<void> {
    const record = this.find(id);
    if (record === undefined) return;
    await this.stop(record.id);
    await this.#forget(record.id);
  }

  async #release(record: SandboxRecord): Promise<void> {
    if (record.namespaces.net !== undefined) await this.#deps.network.remove(requestOf(record));
    for (const path of Object.values(this.#pinned(record))) this.#deps.namespaces.unpin(path);
    await removeMounted(`${this.#deps.runtime}/${record.id}`, this.#deps.mounts);
  }

  async #put(record: SandboxRecord): Promise<void> {
    await writeRecord(this.#path(record.id), record);
    this.#records.set(record.id, record);
  }

  async #forget(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
    this.#records.delete(id);
  }

  #path(id: string): string {
    return `${this.#deps.records}/${id}`;
  }
}

/** Runs inside the new namespaces. Values are written, never interpreted. */
function setupScript(record: SandboxRecord, domainname = ""): string {
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines: string[] = [];
  if (record.namespaces.uts !== undefined) lines.push(named("hostname", quoted(record.hostname)));
  if (domainname !== "") lines.push(named("domainname", quoted(domainname)));
  if (record.namespaces.net !== undefined)
    lines.push(
      "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start",
      // a namespace of users may lack most of them
      "echo '0 2147483647' 2>/dev/null > /proc/sys/net/ipv4/ping_group_range || echo '0 0' > /proc/sys/net/ipv4/ping_group_range",
    );
  for (const [name, value] of Object.entries(record.config.linux?.sysctls ?? {})) {
    lines.push(`printf %s ${quoted(value)} > ${quoted(`/proc/sys/${sysctlPath(name)}`)}`);
  }
  return lines.join("\n") || "true";
}

/** The file is root's of the machine, which is not who sets up a sandbox without root; the program takes longer. */
function named(what: "hostname" | "domainname", name: string): string {
  return `printf %s ${name} 2>/dev/null > /proc/sys/kernel/${what} || ${what} ${name}`;
}

async function writeResolvConf(path: string, config: PodSandboxConfig): Promise<void> {
  const { servers = [], searches = [], options = [] } = config.dnsConfig ?? {};
  if (servers.length + searches.length + options.length === 0)
    return copyFile("/etc/resolv.conf", path).catch(() => writeFile(path, ""));
  const lines = servers.map((server) => `nameserver ${server}`);
  if (searches.length > 0) lines.unshift(`search ${searches.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  await writeFile(path, `${lines.join("\n")}\n`);
}

function requestOf(record: SandboxRecord): CniRequest {
  const { metadata, portMappings = [] } = record.config;
  return {
    containerId: record.id,
    netns: record.namespaces.net ?? "",
    interfaceName: "eth0",
    podNamespace: metadata?.namespace ?? "",
    podName: metadata?.name ?? "",
    podUid: metadata?.uid ?? "",
    portMappings: portMappings.map((port) => ({
      protocol: (port.protocol ?? "TCP").toLowerCase() as "tcp" | "udp" | "sctp",
      hostIp: port.hostIp ?? "",
      hostPort: port.hostPort ?? 0,
      containerPort: port.containerPort ?? 0,
    })),
  };
}
