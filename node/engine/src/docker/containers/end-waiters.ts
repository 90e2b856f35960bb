import type { DockerContainer } from "./container-record.ts";

export type WaitCondition = "not-running" | "next-exit" | "removed";

type Listener = (event: "exit" | "removed", exitCode: number) => void;

/** Who waits for the end of a container. */
export class EndWaiters {
  readonly #waiters = new Map<string, Set<Listener>>();

  /** The exit code of its end. @throws the signal's reason. */
  wait({ id, state }: DockerContainer, condition: WaitCondition, signal: AbortSignal): Promise<number> {
    const isOver = !["running", "paused", "restarting", "removing"].includes(state.status);
    if (condition === "not-running" && isOver) return Promise.resolve(state.exitCode);
    const waited = new Promise<number>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let exitCode = state.exitCode;
      const leave = (): void => {
        this.#waiters.get(id)?.delete(listener);
        reject(signal.reason);
      };
      const listener: Listener = (event, code) => {
        if (event === "exit") exitCode = code;
        if (condition === "removed" && event === "exit") return;
        signal.removeEventListener("abort", leave);
        this.#waiters.get(id)?.delete(listener);
        resolve(exitCode);
      };
      const waiters = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiters.add(listener));
      signal.addEventListener("abort", leave, { once: true });
    });
    waited.catch(() => {}); // who leaves may not look at it any more
    return waited;
  }

  tell(id: string, event: "exit" | "removed", exitCode: number): void {
    for (const listener of [...(this.#waiters.get(id) ?? [])]) listener(event, exitCode);
    if (event === "removed") this.#waiters.delete(id);
  }
}
