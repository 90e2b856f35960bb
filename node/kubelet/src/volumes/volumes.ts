import { existsSync, statSync } from "node:fs";
import { chmod, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { quantityValue } from "@tsukube/api";
import type {
  ConfigMap,
  Container,
  KeyToPath,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
  Volume,
} from "@tsukube/api/types/core-v1";
import { type Random, TsukubeError } from "@tsukube/foundation";
import type { Mounts } from "@tsukube/kernel";
import type { Mount } from "@tsukube/node-contracts/cri";
import { type EnvironmentSources, expand, fieldValue, resourceValue } from "../containers/environment.ts";
import { type VolumeFile, writeAtomicVolume } from "./atomic-writer.ts";

export interface VolumeSources extends EnvironmentSources {
  claim(name: string): Promise<PersistentVolumeClaim | undefined>;
  volume(name: string): Promise<PersistentVolume | undefined>;
  /** A bound token of the pod's ServiceAccount. */
  token(audience: string, expirationSeconds: number): Promise<string>;
}

export interface VolumeDeps {
  /** Folder of the pod: volumes/NAME below it. */
  readonly podFolder: string;
  readonly mounts: Mounts;
  readonly random: Random;
}

/** Where each volume of a pod lies on the host. */
export type VolumePaths = ReadonlyMap<string, string>;

/** Makes every volume of the pod, or brings it up to date. @throws {TsukubeError} `volume` saying which cannot be had and why. */
export async function prepareVolumes(pod: Pod, sources: VolumeSources, deps: VolumeDeps): Promise<VolumePaths> {
  const paths = new Map<string, string>();
  for (const volume of pod.spec?.volumes ?? []) {
    const name = volume.name ?? "";
    paths.set(name, await prepare(pod, volume, join(deps.podFolder, "volumes", name), sources, deps));
  }
  return paths;
}

async function prepare(
  pod: Pod,
  volume: Volume,
  path: string,
  sources: VolumeSources,
  deps: VolumeDeps,
): Promise<string> {
  const group = pod.spec?.securityContext?.fsGroup;
  const write = (files: ReadonlyMap<string, VolumeFile>) => writeAtomicVolume(path, files, deps.random, group);
  if (volume.emptyDir !== undefined && volume.emptyDir !== null) return emptyDir(volume, path, group, deps);
  if (volume.hostPath !== undefined) return hostPath(volume.hostPath.path ?? "", volume.hostPath.type ?? "");
  if (volume.persistentVolumeClaim !== undefined)
    return claimed(pod, volume.persistentVolumeClaim.claimName ?? "", group, sources);
  if (volume.ephemeral !== undefined) return claimed(pod, `${pod.metadata?.name}-${volume.name}`, group, sources);
  if (volume.configMap !== undefined) {
    const { name = "", items, defaultMode = 0o644, optional } = volume.configMap;
    await write(await configMapFiles(name, items, defaultMode, optional === true, sources));
    return path;
  }
  if (volume.secret !== undefined) {
    const { secretName = "", items, defaultMode = 0o644, optional } = volume.secret;
    await write(await secretFiles(secretName, items, defaultMode, optional === true, sources));
    return path;
  }
  if (volume.downwardAPI !== undefined) {
    await write(downwardFiles(pod, volume.downwardAPI.items ?? [], volume.downwardAPI.defaultMode ?? 0o644, sources));
    return path;
  }
  if (volume.projected !== undefined) {
    await write(await projectedFiles(pod, volume, sources));
    return path;
  }
  const kind = Object.keys(volume).find((key) => key !== "name") ?? "unknown";
  throw new TsukubeError("volume", `volume "${volume.name}" is of type ${kind}, which this node cannot mount yet`);
}

async function emptyDir(
  volume: Volume,
  path: string,
  group: number | undefined,
  { mounts }: VolumeDeps,
): Promise<string> {
  await mkdir(path, { recursive: true });
  if (volume.emptyDir?.medium === "Memory" && !mounts.isMounted(path)) {
    const limit = volume.emptyDir.sizeLimit;
    mounts.tmpfs(path, limit === undefined ? { mode: "1777" } : { sizeBytes: quantityValue(limit), mode: "1777" });
  }
  await chmod(path, 0o777);
  if (group !== undefined) {
    await chown(path, 0, group);
    await chmod(path, 0o2777);
  }
  return path;
}

async function hostPath(path: string, type: string): Promise<string> {
  const found = existsSync(path) ? statSync(path) : undefined;
  const refuse = (wanted: string): never => {
    throw new TsukubeError("volume", `hostPath type check failed: ${path} is not ${wanted}`);
  };
  switch (type) {
    case "DirectoryOrCreate":
      await mkdir(path, { recursive: true, mode: 0o755 });
      return path;
    case "Directory":
      return found?.isDirectory() === true ? path : refuse("a directory");
    case "FileOrCreate":
      if (found === undefined) await writeFile(path, "", { mode: 0o644 });
      return path;
    case "File":
      return found?.isFile() === true ? path : refuse("a file");
    case "Socket":
      return found?.isSocket() === true ? path : refuse("a socket file");
    case "CharDevice":
      return found?.isCharacterDevice() === true ? path : refuse("a character device");
    case "BlockDevice":
      return found?.isBlockDevice() === true ? path : refuse("a block device");
    default:
      if (found === undefined) await mkdir(path, { recursive: true, mode: 0o755 });
      return path;
  }
}

async function claimed(pod: Pod, name: string, group: number | undefined, sources: VolumeSources): Promise<string> {
  const claim = await sources.claim(name);
  if (claim === undefined) throw new TsukubeError("volume", `persistentvolumeclaim "${name}" not found`);
  if (claim.status?.phase !== "Bound")
    throw new TsukubeError("volume", `persistentvolumeclaim "${name}" is not bound yet`);
  const volume = await sources.volume(claim.spec?.volumeName ?? "");
  const source = volume?.spec?.hostPath ?? volume?.spec?.local;
  if (source === undefined)
    throw new TsukubeError(
      "volume",
      `persistentvolume "${claim.spec?.volumeName}" is of a type that this node cannot mount yet, expected hostPath or local`,
    );
  const isNew = !existsSync(source.path ?? "");
  const path = await hostPath(source.path ?? "", volume?.spec?.hostPath?.type ?? "DirectoryOrCreate");
  if (isNew) await chmod(path, 0o777);
  if (group !== undefined && pod.spec?.securityContext?.fsGroup !== undefined) {
    await chown(path, 0, group);
    await chmod(path, 0o2775);
  }
  return path;
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
    const container = (pod.spec?.containers ?? []).find(({ name }) => name === containerName);
    const text =
      item.fieldRef !== undefined
        ? fieldValue(pod, item.fieldRef.fieldPath ?? "", sources)
        : container === undefined
          ? ""
          : resourceValue(container, resource, divisor, sources);
    out.set(item.path ?? "", { data: Buffer.from(text), mode: item.mode ?? mode });
  }
  return out;
}

async function projectedFiles(pod: Pod, volume: Volume, sources: VolumeSources): Promise<Map<string, VolumeFile>> {
  const mode = volume.projected?.defaultMode ?? 0o644;
  const out = new Map<string, VolumeFile>();
  for (const source of volume.projected?.sources ?? []) {
    const files =
      source.configMap !== undefined
        ? await configMapFiles(
            source.configMap.name ?? "",
            source.configMap.items,
            mode,
            source.configMap.optional === true,
            sources,
          )
        : source.secret !== undefined
          ? await secretFiles(
              source.secret.name ?? "",
              source.secret.items,
              mode,
              source.secret.optional === true,
              sources,
            )
          : source.downwardAPI !== undefined
            ? downwardFiles(pod, source.downwardAPI.items ?? [], mode, sources)
            : new Map<string, VolumeFile>();
    for (const [path, file] of files) out.set(path, file);
    const token = source.serviceAccountToken;
    if (token !== undefined) {
      const text = await sources.token(token.audience ?? "", token.expirationSeconds ?? 3600);
      // who does not run as root could not read 0600
      const isOpen =
        pod.spec?.securityContext?.fsGroup === undefined &&
        (pod.spec?.containers ?? []).some(
          (c) => c.securityContext?.runAsUser !== undefined || pod.spec?.securityContext?.runAsUser !== undefined,
        );
      out.set(token.path ?? "", { data: Buffer.from(text), mode: isOpen ? 0o644 : mode & 0o644 });
    }
  }
  return out;
}

/** The container's mounts of the pod's volumes. */
export async function volumeMounts(
  container: Container,
  volumes: VolumePaths,
  env: ReadonlyMap<string, string>,
): Promise<readonly Mount[]> {
  const out: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.get(mount.name ?? "");
    if (volume === undefined)
      throw new TsukubeError("config", `no volume "${mount.name}" for volumeMount of container "${container.name}"`);
    const below = mount.subPathExpr !== undefined ? expand(mount.subPathExpr, env) : (mount.subPath ?? "");
    if (below.split("/").includes("..")) throw new TsukubeError("config", `subPath "${below}" must not contain ".."`);
    const hostPath = below === "" ? volume : join(volume, below);
    if (below !== "" && !existsSync(hostPath)) await mkdir(hostPath, { recursive: true, mode: 0o777 });
    out.push({
      hostPath,
      containerPath: mount.mountPath ?? "",
      readonly: mount.readOnly === true,
      propagation:
        mount.mountPropagation === "Bidirectional"
          ? "PROPAGATION_BIDIRECTIONAL"
          : mount.mountPropagation === "HostToContainer"
            ? "PROPAGATION_HOST_TO_CONTAINER"
            : "PROPAGATION_PRIVATE",
    });
  }
  return out;
}

/** Unmounts and removes everything of a pod that is gone; volumes of claims and hosts stay. */
export async function removePodFolder(podFolder: string, mounts: Mounts): Promise<void> {
  for (const path of mounts.below(podFolder)) mounts.unmount(path);
  await rm(podFolder, { recursive: true, force: true });
}
