import { readdirSync, readlinkSync } from "node:fs";

/** Those in the pid namespace of a container's first process; that one alone where it has none of its own. */
export function processesBeside(pid: number): readonly number[] {
  const namespace = namespaceOf(String(pid));
  if (namespace === undefined || namespace === namespaceOf("self")) return [pid];
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return all.filter((each) => namespaceOf(each) === namespace).map(Number);
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined; // it has ended, or is another user's
  }
}
