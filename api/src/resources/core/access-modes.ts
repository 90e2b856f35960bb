/** Access modes of volumes and claims, as short as upstream prints them: "RWO,ROX". */
export function accessModes(modes: readonly string[] | undefined | null): string {
  const short: Readonly<Record<string, string>> = {
    ReadWriteOnce: "RWO",
    ReadOnlyMany: "ROX",
    ReadWriteMany: "RWX",
    ReadWriteOncePod: "RWOP",
  };
  return [...new Set(modes ?? [])].map((mode) => short[mode] ?? mode).join(",");
}
