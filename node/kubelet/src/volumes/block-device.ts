import { mkdirSync } from "node:fs";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import type { Mounts } from "@tsukube/kernel";

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
  /** Aborts when the pod is to go: nothing is mounted any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Devices that are looked at, so that pods which come together do not both find them empty. */
const inWork = new Map<string, Promise<void>>();

/**
 * Mounts the file system of a block device, which gets one when there is nothing at all on it.
 * @throws {TsukubeError} `volume` when there is something else on it.
 */
export async function mountDevice(
  { device, target, type, signal }: DeviceMount,
  mounts: Pick<Mounts, "isMounted" | "mount">,
): Promise<void> {
  mkdirSync(target, { recursive: true, mode: 0o750 }); // and never later: its pod may be gone when its turn comes
  const before = inWork.get(device) ?? Promise.resolve();
  const work = before
    .catch(() => {})
    .then(async () => {
      if (mounts.isMounted(target)) return;
      unlessLeaving(device, signal);
      await ensureFileSystem(device, type);
      unlessLeaving(device, signal);
      mounts.mount(device, target, type, 0, "");
    });
  inWork.set(device, work);
  await work.finally(() => {
    if (inWork.get(device) === work) inWork.delete(device);
  });
}

function unlessLeaving(device: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new TsukubeError("volume", `Cannot mount device "${device}": its pod is leaving, expected it to stay`);
}

async function ensureFileSystem(device: string, type: string): Promise<void> {
  const { code, stdout } = await tool(
    "blkid",
    ["-p", "-s", "TYPE", "-s", "PTTYPE", "-o", "export", device],
    [0, NOTHING_FOUND],
  );
  const found = code === NOTHING_FOUND ? undefined : /^(?:TYPE|PTTYPE)=(.+)$/m.exec(stdout)?.[1];
  if (found === type) return;
  if (found !== undefined)
    throw new TsukubeError("volume", `Cannot mount device "${device}": ${found} is on it, expected ${type} or nothing`);
  const [maker, ...options] = MAKERS[type] ?? [];
  if (maker === undefined)
    throw new TsukubeError(
      "volume",
      `Cannot make a file system on device "${device}": type "${type}", expected one of ${Object.keys(MAKERS).join(", ")}`,
    );
  await tool(maker, [...options, device], [0]);
}

async function tool(name: string, args: readonly string[], accept: readonly number[]): ReturnType<typeof run> {
  try {
    return await run(name, args, { accept });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new TsukubeError("volume", `Cannot use device "${args.at(-1)}": no program "${name}", expected it in PATH`, {
      cause: error,
    });
  }
}
