import type { StreamedProcess, WantedStreams } from "../../streaming/streamed-process.ts";

type Connect = (open: (wanted: WantedStreams) => StreamedProcess) => void;

/** Clients that attached before their container runs: they are connected before its first process starts, and so miss nothing. */
export class WaitingClients {
  readonly #waiting = new Map<string, Set<Connect>>();

  /** Resolves when the container has a process; rejects with the signal's reason. */
  wait(id: string, wanted: WantedStreams, signal: AbortSignal): Promise<StreamedProcess> {
    const { promise, resolve, reject } = Promise.withResolvers<StreamedProcess>();
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    const connect: Connect = (open) => {
      signal.removeEventListener("abort", leave);
      try {
        resolve(open(wanted));
      } catch (error) {
        reject(error);
      }
    };
    const leave = (): void => {
      waiting.delete(connect);
      reject(signal.reason);
    };
    waiting.add(connect);
    signal.addEventListener("abort", leave, { once: true });
    return promise;
  }

  count(id: string): number {
    return this.#waiting.get(id)?.size ?? 0;
  }

  /** The container's process is there: connects all who wait. */
  connect(id: string, open: (wanted: WantedStreams) => StreamedProcess): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const connect of waiting ?? []) connect(open);
  }
}
