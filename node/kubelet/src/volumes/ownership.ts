import { constants, type Dirent } from "node:fs";
import { lchown, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export interface OwnershipOptions {
  readonly readOnly: boolean;
  /** `fsGroupChangePolicy: OnRootMismatch`: nothing is done when the top folder is as it has to be. */
  readonly onlyOnMismatch: boolean;
}

const READ_WRITE = 0o660;
const READ = 0o440;
const SET_GROUP = 0o2000;
const SEARCH = 0o110;

/**
 * Gives a volume and all that is in it to a group that may then write there: modes gain rw for owner and group, folders the
 * bit that passes the group on. Modes are changed through descriptors that follow no link: other pods may be at work there.
 */
export async function giveToGroup(path: string, group: number, options: OwnershipOptions): Promise<void> {
  const mask = options.readOnly ? READ : READ_WRITE;
  if (options.onlyOnMismatch) {
    const { gid, mode } = await stat(path);
    const wanted = mask | SET_GROUP | SEARCH;
    if (gid === group && (mode & wanted) === wanted) return;
  }
  await giveFolder(path, group, mask);
}

async function giveFolder(path: string, group: number, mask: number): Promise<void> {
  await give(path, group, mask | SET_GROUP | SEARCH);
  for (const entry of await entriesOf(path)) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) await giveFolder(inner, group, mask);
    else if (entry.isFile()) await give(inner, group, mask);
    else await unlessGone(lchown(inner, -1, group));
  }
}

async function give(path: string, group: number, bits: number): Promise<void> {
  const file = await unlessGone(open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
  if (file === undefined) return;
  try {
    const { uid, mode } = await file.stat();
    await file.chown(uid, group); // clears the bits that go with an owner: modes come after
    await file.chmod((mode & 0o7777) | bits);
  } finally {
    await file.close();
  }
}

async function entriesOf(path: string): Promise<readonly Dirent[]> {
  return (await unlessGone(readdir(path, { withFileTypes: true }))) ?? [];
}

/** Whoever uses the volume as well may remove or replace what was just listed. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
