/** Content of the files in /etc that tell a container who it is and whom it can ask. */
export interface HostsWish {
  readonly hostname: string;
  readonly domainname?: string;
  /** Its own addresses. */
  readonly addresses: readonly string[];
  /** "name:address", with the address of the gateway for "host-gateway". */
  readonly extra: readonly string[];
  readonly gateway: string;
  /** Containers that it is linked to. */
  readonly links?: readonly LinkedHost[];
}

export interface LinkedHost {
  readonly address: string;
  readonly names: readonly string[];
}

const COMMON = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/** /etc/hosts. */
export function hostsFile({ hostname, domainname = "", addresses, extra, gateway, links = [] }: HostsWish): string {
  const whole = domainname === "" ? hostname : `${hostname}.${domainname}`;
  const own = whole.includes(".") ? `${whole} ${whole.slice(0, whole.indexOf("."))}` : whole;
  return `${[
    ...COMMON,
    ...extraHosts(extra, gateway),
    ...links.map(({ address, names }) => `${address}\t${names.join(" ")}`),
    ...addresses.map((address) => `${address}\t${own}`),
  ].join("\n")}\n`;
}

/** Lines for `--add-host`. */
export function extraHosts(extra: readonly string[], gateway: string): readonly string[] {
  return extra.map((entry) => {
    const at = entry.indexOf(":");
    const address = entry.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
    return `${address === "host-gateway" ? gateway : address}\t${entry.slice(0, at)}`;
  });
}

export interface ResolversWish {
  /** The host's /etc/resolv.conf. */
  readonly host: string;
  /** Of the client; each replaces what the host says. */
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
  /** Whom to ask where the host's are on its loopback; public ones by default. */
  readonly resolver?: string;
  /** Who answers names of containers, and asks `servers` for others. */
  readonly names?: string;
}

/** /etc/resolv.conf. Resolvers on the host's loopback cannot be reached from a container. */
export function resolversFile(wish: ResolversWish): string {
  const lines = wish.host.split("\n").map((line) => line.trim().split(/\s+/));
  const all = (keyword: string): readonly string[] =>
    lines.filter(([first]) => first === keyword).flatMap((words) => words.slice(1));
  const servers = wish.names === undefined ? upstreamServers(wish.host, wish.servers, wish.resolver) : [wish.names];
  const searches = wish.searches.length > 0 ? wish.searches.filter((each) => each !== ".") : all("search");
  const asked = wish.options.length > 0 ? wish.options : all("options");
  const options =
    wish.names === undefined || asked.some((each) => each.startsWith("ndots:")) ? asked : [...asked, "ndots:0"];
  return `${[
    ...servers.map((server) => `nameserver ${server}`),
    ...(searches.length > 0 ? [`search ${searches.join(" ")}`] : []),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
  ].join("\n")}\n`;
}

/** Whom to ask for names of the world: what the client says, or the host's resolvers that are not on its loopback. */
export function upstreamServers(hostFile: string, wanted: readonly string[], resolver?: string): readonly string[] {
  if (wanted.length > 0) return wanted;
  const own = [...hostFile.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] as string);
  const reachable = own.filter((server) => !server.startsWith("127.") && server !== "::1");
  if (reachable.length > 0) return reachable;
  return resolver === undefined ? ["8.8.8.8", "8.8.4.4"] : [resolver];
}
