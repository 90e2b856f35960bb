import { malformed } from "./flag-values.ts";

interface PublishedPort {
  /** "80/tcp". */
  readonly port: string;
  readonly binding: { readonly HostIp: string; readonly HostPort: string };
}

/** `--publish`: "8080:80", "127.0.0.1:8080:80/udp", "80", "8000-8001:80-81", "8000-8010:80". @throws {TsukubeError} `usage`. */
export function publishedPorts(text: string): readonly PublishedPort[] {
  const [address = "", protocol = "tcp"] = text.split("/");
  const parts = /^(?:(\[[\da-f:]+\]|[^:]*):)?(?:([\d-]*):)?([\d-]+)$/i.exec(address);
  const [first, second, inside] = [parts?.[1], parts?.[2], rangeOf(parts?.[3])];
  const isPort = second === undefined && first !== undefined;
  const outside = isPort ? first : second;
  const hosts = rangeOf(outside);
  const isWrong = inside === undefined || (outside !== undefined && outside !== "" && hosts === undefined);
  if (isWrong || (hosts !== undefined && inside.length > 1 && hosts.length !== inside.length))
    throw malformed("--publish", text, "8080:80, 127.0.0.1:8080:80, 8000-8001:80-81 or 53:53/udp");
  const host = isPort ? "" : (first ?? "").replace(/[[\]]/g, "");
  return inside.map((port, index) => ({
    port: `${port}/${protocol}`,
    binding: { HostIp: host, HostPort: inside.length === 1 ? (outside ?? "") : String(hosts?.[index] ?? "") },
  }));
}

function rangeOf(text: string | undefined): readonly number[] | undefined {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text ?? "") ?? [];
  const length = Number(to) - Number(from) + 1;
  if (from === undefined || length < 1 || Number(to) > 65_535) return undefined;
  return Array.from({ length }, (_, index) => Number(from) + index);
}
