import { hostname, networkInterfaces } from "node:os";

/** The host's name as a node's: lower case, what a DNS name may contain. */
export function hostNodeName(): string {
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "");
  return name === "" ? "node" : name.slice(0, 63);
}

/** IPv4 addresses of the host's own links. */
export function hostAddresses(): readonly string[] {
  return Object.entries(networkInterfaces())
    .filter(([link]) => !/^(tsukube|tk|veth|docker|br-)/.test(link))
    .flatMap(([, addresses]) =>
      (addresses ?? []).filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address),
    );
}
