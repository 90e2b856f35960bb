import type { ConfigMap, KeyToPath, Pod, Secret, Volume, VolumeProjection } from "@tsukube/api/types/core-v1";
import { TsukubeError } from "@tsukube/foundation";
import { fieldValue, resourceValue } from "../containers/environment.ts";
import type { VolumeFile } from "./atomic-writer.ts";
import type { CertificatePlace } from "./pod-certificates.ts";
import type { VolumeSources } from "./volume-sources.ts";

export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

/** The files of a volume that shows data of the API; undefined for a volume of another type. @throws {TsukubeError} `volume`. */
export async function filesOf(pod: Pod, volume: Volume, sources: VolumeSources): Promise<VolumeFiles | undefined> {
  if (volume.configMap !== undefined) {
    const { name = "", items, defaultMode = 0o644, optional } = volume.configMap;
    return configMapFiles(name, items, defaultMode, optional === true, sources);
  }
  if (volume.secret !== undefined) {
    const { secretName = "", items, defaultMode = 0o644, optional } = volume.secret;
    return secretFiles(secretName, items, defaultMode, optional === true, sources);
  }
  if (volume.downwardAPI !== undefined)
    return downwardFiles(pod, volume.downwardAPI.items ?? [], volume.downwardAPI.defaultMode ?? 0o644, sources);
  return volume.projected === undefined ? undefined : projectedFiles(pod, volume, sources);
}

function chosen(
  data: ReadonlyMap<string, Uint8Array>,
  items: readonly KeyToPath[] | undefined,
  mode: number,
  what: string,
  optional: boolean,
): Map<string, VolumeFile> {
  const out = new Map<string, VolumeFile>();
  if (items === undefined || items === null || items.length === 0) {
    for (const [key, value] of data) out.set(key, { data: value, mode });
    return out;
  }
  for (const item of items) {
    const value = data.get(item.key ?? "");
    if (value !== undefined) out.set(item.path ?? "", { data: value, mode: item.mode ?? mode });
    else if (!optional) throw new TsukubeError("volume", `${what} references non-existent config key: ${item.key}`);
  }
  return out;
}

async function configMapFiles(
  name: string,
  items: readonly KeyToPath[] | undefined,
  mode: number,
  optional: boolean,
  sources: VolumeSources,
): Promise<Map<string, VolumeFile>> {
  const found: ConfigMap | undefined = await sources.configMap(name);
  if (found === undefined && !optional) throw new TsukubeError("volume", `configmap "${name}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(found?.data ?? {})) data.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(found?.binaryData ?? {})) data.set(key, Buffer.from(value, "base64"));
  return chosen(data, items, mode, `configmap "${name}"`, optional);
}

async function secretFiles(
  name: string,
  items: readonly KeyToPath[] | undefined,
  mode: number,
  optional: boolean,
  sources: VolumeSources,
): Promise<Map<string, VolumeFile>> {
  const found: Secret | undefined = await sources.secret(name);
  if (found === undefined && !optional) throw new TsukubeError("volume", `secret "${name}" not found`);
  const data = new Map(Object.entries(found?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")]));
  return chosen(data, items, mode, `secret "${name}"`, optional);
}

type DownwardItems = NonNullable<NonNullable<Volume["downwardAPI"]>["items"]>;

function downwardFiles(pod: Pod, items: DownwardItems, mode: number, sources: VolumeSources): Map<string, VolumeFile> {
  const out = new Map<string, VolumeFile>();
  for (const item of items) {
    const { containerName, resource = "", divisor } = item.resourceFieldRef ?? {};
    const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
    const container = all.find(({ name }) => name === containerName);
    const text =
      item.fieldRef !== undefined
        ? fieldValue(pod, item.fieldRef.fieldPath ?? "", sources)
        : container === undefined
          ? ""
          : resourceValue(pod, container, resource, divisor, sources);
    out.set(item.path ?? "", { data: Buffer.from(text), mode: item.mode ?? mode });
  }
  return out;
}

async function projectedFiles(pod: Pod, volume: Volume, sources: VolumeSources): Promise<Map<string, VolumeFile>> {
  const mode = volume.projected?.defaultMode ?? 0o644;
  const out = new Map<string, VolumeFile>();
  for (const [index, source] of (volume.projected?.sources ?? []).entries()) {
    const place = { pod, volume: volume.name, index, mode };
    for (const [path, file] of await sourceFiles(place, source, sources)) out.set(path, file);
  }
  return out;
}

interface SourcePlace extends CertificatePlace {
  readonly mode: number;
}

async function sourceFiles(
  place: SourcePlace,
  { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate }: VolumeProjection,
  sources: VolumeSources,
): Promise<VolumeFiles> {
  const { pod, mode } = place;
  if (configMap !== undefined)
    return configMapFiles(configMap.name ?? "", configMap.items, mode, configMap.optional === true, sources);
  if (secret !== undefined)
    return secretFiles(secret.name ?? "", secret.items, mode, secret.optional === true, sources);
  if (downwardAPI !== undefined) return downwardFiles(pod, downwardAPI.items ?? [], mode, sources);
  const file = (text: string): VolumeFile => ({ data: Buffer.from(text), ...ownership(pod, mode) });
  if (serviceAccountToken !== undefined) {
    const { path, audience = "", expirationSeconds = 3600 } = serviceAccountToken;
    return new Map([[path, file(await sources.token(audience, expirationSeconds))]]);
  }
  if (clusterTrustBundle !== undefined)
    return new Map([[clusterTrustBundle.path, file(await sources.trustAnchors(clusterTrustBundle))]]);
  if (podCertificate === undefined) return new Map();
  const { key, chain } = await sources.certificate(place.volume, place.index, podCertificate);
  const { credentialBundlePath = "", keyPath = "", certificateChainPath = "" } = podCertificate;
  const texts = [
    [credentialBundlePath, `${key}${chain}`],
    [keyPath, key],
    [certificateChainPath, chain],
  ] as const;
  return new Map(texts.filter(([path]) => path !== "").map(([path, text]) => [path, file(text)]));
}

/** What proves who the pod is is for its reader alone: the one user that all containers run as, or the group of the volume. */
function ownership(pod: Pod, mode: number): Pick<VolumeFile, "mode" | "uid"> {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const { runAsUser, fsGroup } = pod.spec?.securityContext ?? {};
  const all = [...initContainers, ...containers, ...ephemeralContainers];
  const users = new Set(all.map(({ securityContext }) => securityContext?.runAsUser ?? runAsUser));
  const [uid] = users.size === 1 ? users : [];
  return { mode: uid !== undefined || fsGroup !== undefined ? 0o600 : mode, ...(uid !== undefined && { uid }) };
}
