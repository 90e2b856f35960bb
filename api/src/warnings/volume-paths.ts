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

/** "a with b" for each two of which one is the other or stands within it. */
function overlaps(files: readonly Placed[]): string[] {
  const trimmed = files.map(({ path, source }) => ({ path: path.replace(/\/+$/, ""), source }));
  return trimmed.flatMap((file, index) =>
    trimmed
      .slice(0, index)
      .filter(({ path }) => path !== "" && file.path !== "" && isWithin(path, file.path))
      .map((other) => `${shown(file)} with ${shown(other)}`),
  );
}

function isWithin(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}

function shown({ path, source }: Placed): string {
  return source === "" ? goQuote(path) : `${goQuote(path)} (${source})`;
}
