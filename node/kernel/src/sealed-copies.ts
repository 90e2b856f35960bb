import { closeSync, readFileSync, writeSync } from "node:fs";
import { check, libc } from "./libc.ts";

const MEMFD_CREATE = "int memfd_create(const char *name, unsigned int flags)";
const FCNTL = "int fcntl(int fd, int command, int argument)";
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Since Linux 6.3, where sysctl vm.memfd_noexec may make it be the other way without. */
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** Against seals, shrinking, growing and writing: all that there are for content (fcntl(2), "File Sealing"). */
const ALL_SEALS = 1 | 2 | 4 | 8;

/**
 * A copy of a program in memory that nobody can change. OCI runtimes copy themselves so at each start, lest a container change them;
 * one that is such a copy already does not. Run it as /proc/PID/fd/N. @returns the descriptor; undefined where the kernel refuses.
 */
export function sealedCopy(program: string): number | undefined {
  const made = [MFD_EXEC, 0]
    .values()
    .map((flag) => libc(MEMFD_CREATE)(program, MFD_CLOEXEC | MFD_ALLOW_SEALING | flag))
    .find((fd) => fd !== -1);
  if (made === undefined) return undefined;
  try {
    const bytes = readFileSync(program);
    for (let at = 0; at < bytes.length; ) at += writeSync(made, bytes, at);
    check(libc(FCNTL)(made, F_ADD_SEALS, ALL_SEALS), `seal a copy of "${program}"`);
    return made;
  } catch (error) {
    closeSync(made);
    throw error;
  }
}
