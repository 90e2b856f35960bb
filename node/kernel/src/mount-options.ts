import { MOUNT_FLAGS } from "./mounts.ts";

/** Flags of mount(2) by the options of mount(8) that set them; a second word clears the flag. */
const FLAGS: readonly (readonly [flag: number, set: string, clear: string])[] = [
  [MOUNT_FLAGS.readonly, "ro", "rw"],
  [MOUNT_FLAGS.nosuid, "nosuid", "suid"],
  [MOUNT_FLAGS.nodev, "nodev", "dev"],
  [MOUNT_FLAGS.noexec, "noexec", "exec"],
  [MOUNT_FLAGS.synchronous, "sync", "async"],
  [MOUNT_FLAGS.mandatoryLocks, "mand", "nomand"],
  [MOUNT_FLAGS.dirsync, "dirsync", ""],
  [MOUNT_FLAGS.nosymfollow, "nosymfollow", "symfollow"],
  [MOUNT_FLAGS.noatime, "noatime", "atime"],
  [MOUNT_FLAGS.nodiratime, "nodiratime", "diratime"],
  [MOUNT_FLAGS.silent, "silent", "loud"],
  [MOUNT_FLAGS.relatime, "relatime", "norelatime"],
  [MOUNT_FLAGS.iversion, "iversion", "noiversion"],
  [MOUNT_FLAGS.strictatime, "strictatime", "nostrictatime"],
  [MOUNT_FLAGS.lazytime, "lazytime", "nolazytime"],
];
/** Options for those who read /etc/fstab. */
const NOT_FOR_THE_KERNEL = /^(?:defaults|auto|noauto|nofail|_netdev|x-.*|)$/;

/** Options as of mount(8), such as "ro" or "noatime,discard", as mount(2) takes them; a later one wins. */
export function mountOptions(options: readonly string[]): { readonly flags: number; readonly data: string } {
  let flags = 0;
  const data: string[] = [];
  for (const option of options.flatMap((each) => each.split(","))) {
    const known = FLAGS.find(([, set, clear]) => option !== "" && (option === set || option === clear));
    if (known !== undefined) flags = option === known[1] ? flags | known[0] : flags & ~known[0];
    else if (!NOT_FOR_THE_KERNEL.test(option)) data.push(option);
  }
  return { flags, data: data.join(",") };
}
