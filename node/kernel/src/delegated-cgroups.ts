import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { type Cgroups, LEAF, makeGroup, noCgroups, removeGroup, systemCgroups } from "./cgroups.ts";

/** A group of control groups that a user who is not root made in their own, for an engine and its containers. */
export interface DelegatedCgroups {
  /** Where a process writes its pid that is to be in the group, to make it the root of a namespace of control groups. */
  readonly entries: readonly string[];
  /** Where the engine and what it starts write theirs, once {@link divide} is done. */
  readonly innerEntries: readonly string[];
  /** What root of that namespace does in a mount namespace of its own, where an empty folder hides the groups of others (steps of sh). */
  readonly mounts: readonly string[];
  /** Makes room for groups below: with version 2 only leaves hold processes (Linux, cgroup-v2.rst, "No Internal Process Constraint"). */
  divide(): Promise<void>;
}

/** A hierarchy of version 1, where this process's group belongs to its user. */
interface Hierarchy {
  /** As /proc/self/cgroup has it: "memory", "cpu,cpuacct". */
  readonly name: string;
  readonly group: string;
}

const ROOT = "/sys/fs/cgroup";

/**
 * Makes a group in that of this process, where it belongs to its user; undefined where it does not. Other processes of that group move
 * into one beside it. Version 1 is taken where that limits memory and version 2 does not.
 */
export async function delegateCgroups(name: string): Promise<DelegatedCgroups | undefined> {
  if (process.getuid?.() === 0) return undefined; // whose are all
  const unified = unifiedGroup();
  const hierarchies = ownHierarchies();
  const hasMemory = hierarchies.some((each) => each.name.split(",").includes("memory"));
  if (unified !== undefined && (!hasMemory || systemCgroups(unified).controllers.includes("memory")))
    return inUnified(unified, name);
  return hasMemory ? inHierarchies(hierarchies, name) : undefined;
}

/** What {@link delegateCgroups} made. @param innerEntries Of it. @throws EBUSY when processes remain. */
export async function removeDelegated(innerEntries: readonly string[]): Promise<void> {
  for (const group of innerEntries.map(dirname)) await removeGroup(basename(group) === LEAF ? dirname(group) : group);
}

/** The groups below the root of a namespace of control groups; none where nothing is delegated to it. */
export function namespaceCgroups(): Cgroups {
  const cgroups = systemCgroups();
  return cgroups.version === 2 || cgroups.controllers.includes("memory") ? cgroups : noCgroups;
}

async function inUnified(parent: string, name: string): Promise<DelegatedCgroups> {
  const cgroups = systemCgroups(parent);
  const group = `${parent}/${name}`;
  await removeLeft(group);
  await cgroups.create(`/${name}`);
  return {
    entries: [`${group}/cgroup.procs`],
    innerEntries: [`${group}/${LEAF}/cgroup.procs`],
    mounts: [`mount -t cgroup2 cgroup2 ${ROOT}`],
    divide: () => cgroups.create(`/${name}/${LEAF}`),
  };
}

async function inHierarchies(hierarchies: readonly Hierarchy[], name: string): Promise<DelegatedCgroups> {
  for (const { group } of hierarchies) {
    await removeLeft(`${group}/${name}`);
    await makeGroup(group, `/${name}`);
  }
  const entries = hierarchies.map(({ group }) => `${group}/${name}/cgroup.procs`);
  const mounts = hierarchies.flatMap(({ name: controllers }) => [
    `mkdir ${ROOT}/${controllers}`,
    `mount -t cgroup -o ${controllers} cgroup ${ROOT}/${controllers}`,
    ...(controllers.includes(",")
      ? controllers.split(",").map((controller) => `ln -s ${controllers} ${ROOT}/${controller}`)
      : []),
  ]);
  return { entries, innerEntries: entries, mounts, divide: async () => {} };
}

/** Of an engine that was killed with everything that knew its containers. */
async function removeLeft(group: string): Promise<void> {
  await removeGroup(group).catch((cause: unknown) => {
    const state = `processes of an engine that is gone are in it (${messageOf(cause)})`;
    throw new TsukubeError(
      "failed",
      `Cannot make control group "${group}": ${state}, expected none; its cgroup.procs and those below name them`,
      { cause },
    );
  });
}

/** That of this process, or above it where it is the leaf of one that is divided already. */
function unifiedGroup(): string | undefined {
  const root = [ROOT, `${ROOT}/unified`].find((folder) => existsSync(`${folder}/cgroup.controllers`));
  const path = /^0::(\/.*)$/m.exec(ownGroups())?.[1];
  if (root === undefined || path === undefined) return undefined;
  const own = `${root}${path}`;
  const files = ["cgroup.procs", "cgroup.subtree_control"];
  return (basename(own) === LEAF ? [dirname(own), own] : [own]).find((group) => isOwn(group, files));
}

function ownHierarchies(): readonly Hierarchy[] {
  return [...ownGroups().matchAll(/^\d+:([a-z_,]+):(\/.*)$/gm)]
    .map(([, name = "", path = ""]) => ({ name, group: `${ROOT}/${name}${path}` }))
    .filter(({ group }) => isOwn(group, ["cgroup.procs"]));
}

function ownGroups(): string {
  return existsSync("/proc/self/cgroup") ? readFileSync("/proc/self/cgroup", "utf8") : "";
}

function isOwn(group: string, files: readonly string[]): boolean {
  try {
    for (const path of [group, ...files.map((file) => `${group}/${file}`)]) accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
