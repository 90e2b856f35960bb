import { constants, mkdirSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { MOUNT_FLAGS, type Mounts, mountOptions } from "@tsukube/kernel";

/** What makes file systems of a type; none asks, as a device with something on it never gets so far. */
const MAKERS: Readonly<Record<string, readonly string[]>> = {
  ext2: ["mkfs.ext2", "-F", "-m0"],
  ext3: ["mkfs.ext3", "-F", "-m0"],
  ext4: ["mkfs.ext4", "-F", "-m0"],
  xfs: ["mkfs.xfs"],
};
const NOTHING_FOUND = 2;

/** A device that a pod has the file system of. */
export interface DeviceMount {
  readonly device: string;
  readonly target: string;
  /** Of the file system, such as "ext4". */
  readonly type: string;
  /** As of mount(8); with "ro" it gets no file system either. */
  readonly options: readonly string[];
  /** Aborts when the pod is to go: nothing is mounted any more. */
  readonly signal?: AbortSignal | undefined;
}

interface MountCall extends Pick<DeviceMount, "device" | "target" | "type"> {
  /** As mount(2) takes them. */
  readonly flags: number;
  readonly data: string;
}

/** Devices that are looked at, so that pods which come together do not both find them empty. */
const inWork = new Map<string, Promise<void>>();

/**
 * Mounts the file system of a block device, which gets one when there is nothing at all on it.
 * @throws {TsukubeError} `volume` when there is something else on it, or it cannot be read.
 */
export async function mountDevice(
  { device, target, type, options, signal }: DeviceMount,
  mounts: Pick<Mounts, "isMounted" | "mount" | "unmount">,
): Promise<void> {
  mkdirSync(target, { recursive: true, mode: 0o750 }); // and never later: its pod may be gone when its turn comes
  const before = inWork.get(device) ?? Promise.resolve();
  const work = before
    .catch(() => {})
    .then(async () => {
      if (mounts.isMounted(target)) return;
      unlessLeaving(device, signal);
      const { flags, data } = mountOptions(options);
      await ensureFileSystem(device, type, (flags & MOUNT_FLAGS.readonly) !== 0);
      unlessLeaving(device, signal);
      mountBesideOthers({ device, target, type, flags, data }, mounts);
    });
  inWork.set(device, work);
  await work.finally(() => {
    if (inWork.get(device) === work) inWork.delete(device);
  });
}

/** A file system is mounted once: writable as long as somebody may write, and read-only where that was asked for. */
function mountBesideOthers(
  { device, target, type, flags, data }: MountCall,
  mounts: Pick<Mounts, "mount" | "unmount">,
): void {
  const { readonly, bind, remount } = MOUNT_FLAGS;
  try {
    mounts.mount(device, target, type, flags, data);
  } catch (error) {
    if (codeOf(error) !== "EBUSY") throw error;
    mounts.mount(device, target, type, flags ^ readonly, data); // as it is mounted elsewhere
    try {
      if ((flags & readonly) !== 0) mounts.mount("", target, "", flags | bind | remount, "");
      else mounts.mount("", target, "", flags | remount, data); // where it is read-only, that stays with the mount
    } catch (refused) {
      mounts.unmount(target);
      throw refused;
    }
  }
}

function unlessLeaving(device: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new TsukubeError("volume", `Cannot mount device "${device}": its pod is leaving, expected it to stay`);
}

async function ensureFileSystem(device: string, type: string, readOnly: boolean): Promise<void> {
  const { code, stdout } = await tool(
    "blkid",
    ["-p", "-s", "TYPE", "-s", "PTTYPE", "-o", "export", device],
    [0, NOTHING_FOUND],
  );
  const found = code === NOTHING_FOUND ? undefined : /^(?:TYPE|PTTYPE)=(.+)$/m.exec(stdout)?.[1];
  if (found === type) return;
  if (found !== undefined)
    throw new TsukubeError("volume", `Cannot mount device "${device}": ${found} is on it, expected ${type} or nothing`);
  if (readOnly)
    throw new TsukubeError(
      "volume",
      `Cannot mount device "${device}" read-only: there is no file system on it, expected ${type}; use it writable once, or make one by hand`,
    );
  const [maker, ...options] = MAKERS[type] ?? [];
  if (maker === undefined)
    throw new TsukubeError(
      "volume",
      `Cannot make a file system on device "${device}": type "${type}", expected one of ${Object.keys(MAKERS).join(", ")}`,
    );
  await ensureBlank(device, type);
  await tool(maker, [...options, device], [0]);
}

const MIB = 1 << 20;
const SAMPLES = 64;
const SAMPLE_BYTES = 1 << 16;

/**
 * That no program knows what is on a device does not say that nothing is: it may have been unreadable, or have raw data. Its first
 * and last MiB are read, and samples between them.
 */
async function ensureBlank(device: string, type: string): Promise<void> {
  const refuse = (state: string, options?: ErrorOptions): TsukubeError =>
    new TsukubeError(
      "volume",
      `Cannot make a file system on device "${device}": ${state}, expected it to be readable, unused and empty; if nothing on it is of use, run "mkfs.${type} ${device}" by hand`,
      options,
    );
  try {
    const file = await open(device, constants.O_RDONLY | constants.O_EXCL); // the kernel refuses one that is mounted
    try {
      const bytes = await sizeOf((await file.stat({ bigint: true })).rdev);
      const places = Array.from({ length: SAMPLES }, (_, index) => Math.floor((bytes / SAMPLES) * index));
      const parts = [[0, MIB], [Math.max(0, bytes - MIB), MIB], ...places.map((place) => [place, SAMPLE_BYTES])];
      const buffer = Buffer.alloc(MIB);
      for (const [from = 0, most = 0] of parts) {
        const length = Math.min(most, bytes - from);
        const { bytesRead } = await file.read(buffer, 0, length, from);
        if (bytesRead !== length || bytesRead === 0)
          throw refuse(`only ${bytesRead} of ${length} bytes at ${from} can be read`);
        const found = buffer.subarray(0, length).findIndex((byte) => byte !== 0);
        if (found !== -1) throw refuse(`there are unknown data on it, at byte ${from + found}`);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof TsukubeError) throw error;
    throw refuse(messageOf(error), { cause: error });
  }
}

/** Bytes of a block device by its number (sysfs; makedev(3)). */
async function sizeOf(rdev: bigint): Promise<number> {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, "utf8")) * 512;
}

async function tool(name: string, args: readonly string[], accept: readonly number[]): ReturnType<typeof run> {
  try {
    return await run(name, args, { accept });
  } catch (error) {
    if (codeOf(error) !== "not-found") throw error;
    throw new TsukubeError("volume", `Cannot use device "${args.at(-1)}": no program "${name}", expected it in PATH`, {
      cause: error,
    });
  }
}
