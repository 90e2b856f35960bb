import { withoutEnd } from "@tsukube/foundation";
import type { Volume, VolumeProjection } from "../../generated/types/core-v1.ts";
import { goQuote } from "../status/field-error.ts";

/** Where a file of a volume goes. */
interface Placed {
  readonly path: string;
  /** What the file comes from, among several sources. */
  readonly source: string;
}

/** Of files in one volume where one hides another. */
export function pathWarnings(volumes: readonly Volume[]): string[] {
  return volumes.flatMap((volume) => {
    const { configMap, secret, downwardAPI, projected } = volume;
    const one = (kind: string, items: readonly { readonly path?: string }[] | undefined): string[] =>
      overlaps((items ?? []).map(({ path = "" }) => ({ path, source: "" }))).map((text) => warning(volume, kind, text));
    return [
      ...one(`ConfigMap ${goQuote(configMap?.name ?? "")}`, configMap?.items),
      ...one(`Secret ${goQuote(secret?.secretName ?? "")}`, secret?.items),
      ...one("DownwardAPI", downwardAPI?.items),
      ...projectedWarnings(volume, projected?.sources ?? []),
    ];
  });
}

function warning({ name }: Volume, kind: string, overlap: string): string {
  return `volume ${goQuote(name)} (${kind}): overlapping paths: ${overlap}`;
}

function projectedWarnings(volume: Volume, sources: readonly VolumeProjection[]): string[] {
  const empty = sources.filter((source) => Object.keys(source).length === 0);
  return [
    ...empty.map(() => `volume ${goQuote(volume.name)} (Projected) has no sources provided`),
    ...overlaps(sources.flatMap(placedBy)).map((text) => warning(volume, "Projected", text)),
  ];
}

function placedBy(source: VolumeProjection): readonly Placed[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source;
  const all = (from: string, items: readonly { readonly path?: string }[]): Placed[] =>
    items.map(({ path = "" }) => ({ path, source: from }));
  if (configMap?.items) return all(`ConfigMap ${goQuote(configMap.name ?? "")}`, configMap.items);
  if (secret?.items) return all(`Secret ${goQuote(secret.name ?? "")}`, secret.items);
  if (downwardAPI?.items) return all("DownwardAPI", downwardAPI.items);
  if (serviceAccountToken) return all("ServiceAccountToken", [serviceAccountToken]);
  if (clusterTrustBundle) {
    const name = clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? "";
    return all(`ClusterTrustBundle ${goQuote(name)}`, [clusterTrustBundle]);
  }
  return [
    { path: podCertificate?.certificateChainPath ?? "", source: "PodCertificate chain" },
    { path: podCertificate?.keyPath ?? "", source: "PodCertificate key" },
    { path: podCertificate?.credentialBundlePath ?? "", source: "PodCertificate credential bundle" },
  ].filter(({ path }) => path !== "");
}

/** More than clients are told of. */
export const MOST_OVERLAPS = 500;

/** "a with b" for each two of which one is the other or stands within it. */
function overlaps(files: readonly Placed[]): string[] {
  const trimmed = files.map(({ path, source }) => ({ path: withoutEnd(path, "/"), source }));
  const pairs: [later: number, earlier: number][] = [];
  // what stands within a folder follows it
  const sorted = trimmed
    .flatMap(({ path }, index) => (path === "" ? [] : [{ path: `${path}/`, index }]))
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.index - b.index));
  for (const [at, { path, index }] of sorted.entries()) {
    for (let next = at + 1; sorted[next]?.path.startsWith(path) === true && pairs.length < MOST_OVERLAPS; next += 1)
      pairs.push([Math.max(index, sorted[next]!.index), Math.min(index, sorted[next]!.index)]);
  }
  return pairs
    .sort(([a, b], [c, d]) => a - c || b - d)
    .map(([later, earlier]) => `${shown(trimmed[later]!)} with ${shown(trimmed[earlier]!)}`);
}

function shown({ path, source }: Placed): string {
  return source === "" ? goQuote(path) : `${goQuote(path)} (${source})`;
}
