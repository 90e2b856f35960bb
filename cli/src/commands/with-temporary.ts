import { rmSync } from "node:fs";

const DEADLY = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Does what makes a file or folder on the way, which goes in the end, also when a signal ends this process. */
export async function withTemporary<T>(path: string, work: () => Promise<T>): Promise<T> {
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  const stopped = (signal: NodeJS.Signals): void => {
    remove();
    process.kill(process.pid, signal); // it has no listener of ours any more
  };
  remove(); // of one that was killed and had this process's id
  for (const signal of DEADLY) process.once(signal, stopped);
  try {
    return await work();
  } finally {
    for (const signal of DEADLY) process.off(signal, stopped);
    remove();
  }
}
