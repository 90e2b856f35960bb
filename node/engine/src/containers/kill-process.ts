import { signals } from "@tsukube/kernel";

/** Sends a signal ("SIGHUP", "1") to a process, which may have ended meanwhile. */
export function killProcess(pid: number, signal: string): void {
  try {
    process.kill(pid, signals[signal] ?? (Number(signal) || 15));
  } catch {
    // it ended meanwhile
  }
}
