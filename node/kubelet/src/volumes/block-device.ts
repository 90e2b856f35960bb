import { mkdir } from "node:fs/promises";
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

/** Devices that are looked at, so that pods which come together do not both find them empty. */
const inWork = new Map<string, Promise<void>>();

/**
 * Mounts the file system of a block device, which gets one when there is nothing at all on it.
 * @throws {TsukubeError} `volume` when there is something else on it.
 */
export async function mountDevice(
  device: string,
  target: string,
  type: string,
  mounts: Pick<Mounts, "isMounted" | "mount">,
): Promise<void> {
  const before = inWork.get(device) ?? Promise.resolve();
  const work = before
    .catch(() => {})
    .then(async () => {
      await mkdir(target, { recursive: true, mode: 0o750 });
      if (mounts.isMounted(target)) return;
      await ensureFileSystem(device, type);
      mounts.mount(device, target, type, 0, "");
    });
  inWork.set(device, work);
  await work.finally(() => {
    if (inWork.get(device) === work) inWork.delete(device);
  });
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
