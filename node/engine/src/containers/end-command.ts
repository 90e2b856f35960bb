import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { killProcess } from "./kill-process.ts";

/** A command that was started in a container. */
export interface StartedCommand {
  /** Of the runtime that started it and, as far as it is known, of its first process. */
  readonly pids: readonly number[];
  /** They have been waited for: others may have their pids by now. */
  readonly areReaped: boolean;
  /** The pipes that it writes to, as /proc names them. */
  readonly pipes: ReadonlySet<string>;
  /** The container's first process, which stays. */
  readonly first: number;
  /** All processes among which those are that it started. */
  readonly among: () => Promise<readonly number[]>;
}

/**
 * Kills a command with what it started: the children of its processes, what is in their sessions, and what holds its output. They are
 * stopped first, so that none starts another one behind our back. What left all three stays, as nothing tells it from the container's.
 */
export async function endCommand({ pids, areReaped, pipes, first, among }: StartedCommand): Promise<void> {
  const ours = new Set<number>(areReaped ? [] : pids);
  const foreign = new Set(look(first).map(({ session }) => session));
  for (;;) {
    const live = [...new Set([...ours, ...(await among())])].filter((pid) => pid !== first).flatMap(look);
    const found = startedBy(live, ours, pipes, foreign);
    for (const pid of found) killProcess(pid, "SIGSTOP");
    const known = ours.size;
    for (const pid of found) ours.add(pid);
    if (ours.size === known) break;
  }
  for (const pid of ours) killProcess(pid, "SIGKILL");
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
}

/** @param foreign Sessions in which it has no part. */
function startedBy(
  live: readonly Process[],
  known: ReadonlySet<number>,
  pipes: ReadonlySet<string>,
  foreign: ReadonlySet<number>,
): readonly number[] {
  const ours = new Set(known);
  const sessions = new Set<number>();
  const add = ({ pid, session }: Process): void => {
    ours.add(pid);
    if (!foreign.has(session)) sessions.add(session);
  };
  for (const each of live) if (known.has(each.pid) || holds(each.pid, pipes)) add(each);
  for (let before = -1; before < ours.size + sessions.size; ) {
    before = ours.size + sessions.size;
    for (const each of live) if (ours.has(each.parent) || sessions.has(each.session)) add(each);
  }
  return [...ours];
}

function look(pid: number): readonly Process[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // the name before may have spaces and brackets (proc_pid_stat(5))
    const [, parent, , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [{ pid, parent: Number(parent), session: Number(session) }];
  } catch {
    return []; // it ended meanwhile
  }
}

function holds(pid: number, pipes: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return pid !== process.pid && readdirSync(folder).some((fd) => pipes.has(readlinkSync(`${folder}/${fd}`)));
  } catch {
    return false; // it ended or closed one meanwhile
  }
}
