/** Flags of mount(2) by the options of mount(8) that set them; a second word clears the flag. */
const FLAGS: readonly (readonly [flag: number, set: string, clear: string])[] = [
  [1, "ro", "rw"],
  [2, "nosuid", "suid"],
  [4, "nodev", "dev"],
  [8, "noexec", "exec"],
  [16, "sync", "async"],
  [64, "mand", "nomand"],
  [128, "dirsync", ""],
  [256, "nosymfollow", "symfollow"],
  [1024, "noatime", "atime"],
  [2048, "nodiratime", "diratime"],
  [32768, "silent", "loud"],
  [1 << 21, "relatime", "norelatime"],
  [1 << 23, "iversion", "noiversion"],
  [1 << 24, "strictatime", "nostrictatime"],
  [1 << 25, "lazytime", "nolazytime"],
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
