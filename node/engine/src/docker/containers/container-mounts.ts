import { closeSync, fstatSync, openSync, statSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { posix } from "node:path";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { type Mounts, O_PATH, openWithin } from "@tsukube/kernel";
import { isKernelFrom } from "../../containers/seccomp.ts";
import type { ImageConfig } from "../../images/image-store.ts";
import type { VolumeStore } from "../volumes/volume-store.ts";
import type { DockerContainer, MountPoint } from "./container-record.ts";
import type { CreateDocument, HostConfigDocument, MountDocument } from "./documents.ts";

const PROPAGATIONS = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];

/** A mount as wished: volumes may have no name yet. */
interface Wish extends Omit<MountPoint, "source"> {
  readonly source?: string;
  readonly noCopy?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly driverOptions?: Readonly<Record<string, string>>;
}

/** Mounts whose content a volume that is empty takes over from the image. */
export interface ResolvedMounts {
  readonly mounts: readonly MountPoint[];
  readonly toCopy: readonly MountPoint[];
}

/** Where what is mounted comes from. */
export interface MountSources {
  readonly volumes: Pick<VolumeStore, "create" | "mountpoint">;
  readonly containerNamed: (name: string) => DockerContainer;
  /** @returns its id. @throws {TsukubeError} `not-found`. */
  readonly imageNamed: (name: string) => Promise<string>;
}

/**
 * What a container mounts: volumes of other containers, then binds, mounts, tmpfs, and anonymous volumes for what the image or
 * the client declares. Of two with one destination the more explicit one stays. Volumes are made.
 * @throws {TsukubeError} `invalid`.
 */
export async function resolveMounts(
  create: CreateDocument,
  image: ImageConfig,
  { volumes, containerNamed, imageNamed }: MountSources,
): Promise<ResolvedMounts> {
  const host = create.HostConfig ?? {};
  const wishes = new Map<string, Wish>();
  const explicit = new Set<string>();
  const inherited = (host.VolumesFrom ?? []).flatMap((from) => mountsFrom(from, containerNamed));
  for (const wish of inherited) wishes.set(wish.destination, wish);
  for (const wish of [...(host.Binds ?? []).map(parseBind), ...(host.Mounts ?? []).map(mountWish), ...tmpfsOf(host)]) {
    if (explicit.has(wish.destination)) throw new TsukubeError("invalid", `Duplicate mount point: ${wish.destination}`);
    explicit.add(wish.destination);
    wishes.set(wish.destination, wish);
  }
  for (const path of Object.keys({ ...image.Volumes, ...create.Volumes })) {
    const destination = cleaned(path);
    if (!wishes.has(destination)) wishes.set(destination, { type: "volume", destination, readonly: false, mode: "" });
  }
  const mounts: MountPoint[] = [];
  const toCopy: MountPoint[] = [];
  for (const wish of wishes.values()) {
    const mount = await realized(wish, volumes, imageNamed);
    mounts.push(mount);
    if (mount.type === "volume" && wish.noCopy !== true && mount.subpath === undefined) toCopy.push(mount);
  }
  return { mounts, toCopy };
}

async function realized(
  wish: Wish,
  volumes: MountSources["volumes"],
  imageNamed: MountSources["imageNamed"],
): Promise<MountPoint> {
  const { noCopy: _, labels, driverOptions, ...rest } = wish;
  if (wish.type === "image" && wish.image === undefined) {
    const name = wish.source ?? "";
    return { ...rest, source: "", image: { id: await imageNamed(name), name } };
  }
  if (wish.type !== "volume") return { ...rest, source: wish.source ?? "" };
  const volume = await volumes.create({
    ...(wish.name === undefined ? {} : { name: wish.name }),
    ...(labels === undefined ? {} : { labels }),
    ...(driverOptions === undefined ? {} : { options: driverOptions }),
  });
  const isAnonymous = wish.name === undefined || wish.isAnonymous === true;
  return { ...rest, name: volume.name, source: volumes.mountpoint(volume.name), ...(isAnonymous && { isAnonymous }) };
}

/** "/host:/inside:ro,z", "name:/inside", "/inside". */
export function parseBind(bind: string): Wish {
  const parts = bind.split(":");
  if (parts.length > 3 || parts.some((part) => part === ""))
    throw new TsukubeError("invalid", `invalid volume specification: '${bind}'`);
  if (parts.length === 1) return { type: "volume", destination: cleaned(bind), readonly: false, mode: "" };
  const [source = "", target = "", mode = ""] = parts;
  const modes = mode === "" ? [] : mode.split(",");
  checkModes(mode);
  const destination = cleaned(target, bind);
  const propagation = modes.find((each) => PROPAGATIONS.includes(each));
  const shared = { destination, readonly: modes.includes("ro"), mode };
  if (source.startsWith("/"))
    return { ...shared, type: "bind", source: posix.normalize(source), propagation: propagation ?? "rprivate" };
  if (source.startsWith(".") || source.startsWith("~"))
    throw new TsukubeError(
      "invalid",
      `create ${source}: "${source}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  return { ...shared, type: "volume", name: source, mode: mode || "z", noCopy: modes.includes("nocopy") };
}

function checkModes(mode: string): void {
  const known = ["", "ro", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated", ...PROPAGATIONS];
  if (!mode.split(",").every((each) => known.includes(each)))
    throw new TsukubeError("invalid", `invalid mode: ${mode}`);
}

function mountWish(mount: MountDocument): Wish {
  const { Type: type, Source: source = "", Target: target = "", ReadOnly: readonly = false } = mount;
  if (target === "")
    throw new TsukubeError("invalid", `invalid mount config for type "${type}": field Target must not be empty`);
  const destination = cleaned(target, `invalid mount config for type "${type}": invalid mount path: '${target}'`);
  const refuse = (why: string): never => {
    throw new TsukubeError("invalid", `invalid mount config for type "${type}": ${why}`);
  };
  for (const [other, field] of Object.entries(OPTIONS_OF))
    if (other !== type && mount[field] != null) refuse(`field ${field} must not be specified`);
  const { Subpath = "" } = mount.VolumeOptions ?? mount.ImageOptions ?? {};
  if (Subpath.startsWith("/") || posix.normalize(Subpath).split("/").includes(".."))
    refuse("subpath must be a relative path within the volume");
  const shared = { destination, readonly, mode: "" };
  switch (type) {
    case "bind":
      return bindWish(mount, shared);
    case "image":
      if (source === "") refuse("field Source must not be empty");
      return {
        ...{ ...shared, type, source, readonly: true, propagation: "rprivate" },
        ...(Subpath === "" ? {} : { subpath: Subpath }),
      };
    case "volume": {
      const { NoCopy, Labels, DriverConfig } = mount.VolumeOptions ?? {};
      if (Subpath !== "" && source === "") refuse("must not set Subpath when using anonymous volumes");
      return {
        ...shared,
        type,
        ...(source === "" ? {} : { name: source }),
        mode: "z",
        noCopy: NoCopy === true,
        ...(Subpath === "" ? {} : { subpath: Subpath }),
        ...(Labels == null ? {} : { labels: Labels }),
        ...(DriverConfig?.Options == null ? {} : { driverOptions: DriverConfig.Options }),
      };
    }
    case "tmpfs": {
      if (source !== "") refuse("field Source must not be specified");
      const { SizeBytes = 0, Mode = 0, Options } = mount.TmpfsOptions ?? {};
      const more = (Options ?? []).map((option) => option.join("="));
      const size = SizeBytes > 0 ? [`size=${SizeBytes}`] : [];
      const bits = Mode > 0 ? [`mode=${Mode.toString(8)}`] : [];
      return { ...shared, type, options: [...size, ...bits, ...more] };
    }
    default:
      return refuse("mount type unknown");
  }
}

const OPTIONS_OF = {
  bind: "BindOptions",
  volume: "VolumeOptions",
  image: "ImageOptions",
  tmpfs: "TmpfsOptions",
} as const;

function bindWish(mount: MountDocument, shared: Pick<Wish, "destination" | "readonly" | "mode">): Wish {
  const { Source: source = "", BindOptions: options } = mount;
  if (source === "")
    throw new TsukubeError("invalid", 'invalid mount config for type "bind": field Source must not be empty');
  if (!source.startsWith("/"))
    throw new TsukubeError(
      "invalid",
      `invalid mount config for type "bind": invalid mount path: '${source}' mount path must be absolute`,
    );
  if (options?.CreateMountpoint !== true && statSync(source, { throwIfNoEntry: false }) === undefined)
    throw new TsukubeError(
      "invalid",
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    );
  const propagation = options?.Propagation || "rprivate";
  const isReadonlyAlone = options?.ReadOnlyNonRecursive === true;
  if (options?.ReadOnlyForceRecursive === true) checkReadonlyBelow(options, shared.readonly, propagation);
  return {
    ...shared,
    type: "bind",
    source: posix.normalize(source),
    propagation,
    nonRecursive: options?.NonRecursive === true,
    ...(isReadonlyAlone && { isReadonlyAlone }),
  };
}

/** Whether this kernel makes a mount read-only with all below it (mount_setattr(2)). */
export function canBeReadonlyBelow(kernel = release()): boolean {
  return isKernelFrom("5.12", kernel);
}

function checkReadonlyBelow(
  options: NonNullable<MountDocument["BindOptions"]>,
  isReadonly: boolean,
  propagation: string,
): void {
  const refuse = (why: string): never => {
    throw new TsukubeError("invalid", `invalid mount config for type "bind": ${why}`);
  };
  if (options.NonRecursive === true || options.ReadOnlyNonRecursive === true)
    refuse("mount options conflict: ReadOnlyForceRecursive and NonRecursive or ReadOnlyNonRecursive");
  if (!isReadonly) refuse("must specify ReadOnly for ReadOnlyForceRecursive");
  if (propagation !== "rprivate") refuse("must set the propagation to rprivate for ReadOnlyForceRecursive");
  if (!canBeReadonlyBelow()) refuse("this kernel makes no mounts read-only below another: it takes Linux 5.12");
}

function tmpfsOf(host: HostConfigDocument): readonly Wish[] {
  return Object.entries(host.Tmpfs ?? {}).map(([path, options]) => ({
    type: "tmpfs" as const,
    destination: cleaned(path),
    readonly: options.split(",").includes("ro"),
    mode: "",
    options: options.split(",").filter((option) => option !== ""),
    isUnlisted: true,
  }));
}

/** "name", "name:ro". */
function mountsFrom(from: string, containerNamed: (name: string) => DockerContainer): readonly Wish[] {
  const [name = "", mode = "rw"] = from.split(":");
  checkModes(mode);
  const others = given(name, containerNamed).mounts.filter(({ type }) => type !== "tmpfs");
  return others.map(({ isAnonymous: _, ...mount }) => ({
    ...mount,
    mode: mount.mode,
    readonly: mount.readonly || mode.split(",").includes("ro"),
    noCopy: true,
  }));
}

/** Its absence is the client's mistake: for a missing image it would pull that. */
function given(name: string, containerNamed: (name: string) => DockerContainer): DockerContainer {
  try {
    return containerNamed(name);
  } catch (cause) {
    throw new TsukubeError("invalid", messageOf(cause), { cause });
  }
}

function cleaned(path: string, what?: string): string {
  const clean = posix.normalize(path).replace(/(.)\/+$/, "$1");
  if (!path.startsWith("/"))
    throw new TsukubeError(
      "invalid",
      what?.startsWith("invalid mount config")
        ? `${what} mount path must be absolute`
        : `invalid volume specification: '${what ?? path}': invalid mount config for type "volume": invalid mount path: '${path}' mount path must be absolute`,
    );
  if (clean === "/")
    throw new TsukubeError(
      "invalid",
      `invalid volume specification: '${what ?? path}': invalid mount config for type "volume": invalid specification: destination can't be '/'`,
    );
  return clean;
}

/**
 * A descriptor of what a mount shows: of a part of a volume or an image where it says so, to which no link that a container made there leads past it.
 * @throws {TsukubeError} `invalid` where there is no such part.
 */
export function openSource({ type, source, subpath = "", name, image }: MountPoint): number {
  try {
    return subpath === "" ? openSync(source, O_PATH) : openWithin(source, subpath);
  } catch (cause) {
    if (subpath === "") throw cause;
    throw new TsukubeError(
      "invalid",
      `cannot access path ${subpath} of ${type} ${name ?? image?.name}: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** Shows parts of volumes below `folder`, where containers change nothing. @returns the mounts, the parts from there. */
export async function showParts(
  mounts: readonly MountPoint[],
  folder: string,
  { bind }: Pick<Mounts, "bind">,
): Promise<readonly MountPoint[]> {
  const shown: MountPoint[] = [];
  for (const [index, mount] of mounts.entries()) {
    const { subpath, ...whole } = mount;
    if (subpath === undefined || mount.type === "image") {
      shown.push(mount);
      continue;
    }
    const part = openSource(mount);
    const target = `${folder}/${index}`;
    try {
      const isFolder = fstatSync(part).isDirectory();
      await mkdir(isFolder ? target : folder, { recursive: true });
      if (!isFolder) await writeFile(target, "");
      bind(`/proc/self/fd/${part}`, target, { recursive: true });
    } finally {
      closeSync(part);
    }
    shown.push({ ...whole, source: target });
  }
  return shown;
}

/** Names of its volumes. */
export function volumesOf(mounts: readonly MountPoint[]): readonly string[] {
  return mounts.flatMap(({ name }) => name ?? []);
}

/** What the mounts of a container are bound from must be there: folders of binds that are missing are made. It holds its volumes. */
export async function prepareSources({ id, mounts }: DockerContainer, volumes: VolumeStore): Promise<void> {
  for (const { type, source, name } of mounts) {
    if (type === "volume" && name !== undefined) {
      await volumes.create({ name }); // it was removed by force, perhaps
      volumes.hold(name, id);
    } else if (type === "bind" && statSync(source, { throwIfNoEntry: false }) === undefined) {
      await mkdir(source, { recursive: true, mode: 0o755 });
    }
  }
}
