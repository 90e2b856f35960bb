import { RegistryClient } from "@tsukube/engine/registry-client";
import { type Clock, type Random, TsukubeError } from "@tsukube/foundation";
import type { Upstream } from "@tsukube/registry";

/** The registry at a URL, for a cache of it. @throws {TsukubeError} `usage`. */
export function upstreamAt(
  url: string,
  credentials: { readonly username?: string; readonly password?: string },
  injected: { readonly clock: Clock; readonly random: Random },
): Upstream {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new TsukubeError(
      "usage",
      `Cannot be a cache of "${url}": expected a URL, such as https://registry.example.com`,
    );
  const base = url.replace(/\/+$/, "").replace(/(\/v2)?$/, "/v2");
  const host = { base, mirror: false, canResolve: true, canPush: false, skipVerify: false };
  const client = new RegistryClient({ ...injected, hosts: [host], backoffMs: 100 }); // who waits for a cache has one at hand
  const open = (repository: string, signal: AbortSignal) =>
    client.open({ registry: new URL(url).host, repository }, credentials, signal);
  return {
    manifest: async (name, reference, signal) => (await open(name, signal)).manifest(reference),
    async blob(name, digest, signal) {
      const session = await open(name, signal);
      const size = await session.blobSize(digest);
      return { size, content: session.blob({ mediaType: "application/octet-stream", digest, size }) };
    },
  };
}
