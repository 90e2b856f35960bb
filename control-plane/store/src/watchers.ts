import { StoreError, type StoreEvent } from "./store.ts";

/** Events a watcher may fall behind before it is told to list again. */
const MAX_BACKLOG = 100_000;

/** Fans committed events out to those who watch. */
export class Watchers {
  readonly #watchers = new Set<Watcher>();

  /** @param events All of one commit; a progress event follows, so that watchers know the revision to be complete. */
  publish(events: readonly StoreEvent[], revision: number): void {
    const all: readonly StoreEvent[] = [...events, { type: "progress", revision }];
    for (const watcher of this.#watchers) watcher.offer(all);
  }

  /** Everything in `replay`, then what is published. Ends when the signal aborts. */
  watch(prefix: string, replay: readonly StoreEvent[], signal: AbortSignal): AsyncIterable<StoreEvent> {
    const stop = (): void => watcher.close(undefined);
    const watcher = new Watcher(prefix, () => {
      this.#watchers.delete(watcher);
      signal.removeEventListener("abort", stop);
    });
    this.#watchers.add(watcher);
    watcher.offer(replay);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    return watcher;
  }

  close(): void {
    for (const watcher of [...this.#watchers])
      watcher.close(new StoreError("closed", "Cannot go on watching: the store is closed"));
  }
}

/** Events on their way to one who watches. */
export class Watcher implements AsyncIterable<StoreEvent> {
  readonly #prefix: string;
  readonly #onEnd: () => void;
  #queue: StoreEvent[] = [];
  #wake: (() => void) | undefined;
  #ended: { readonly error: Error | undefined } | undefined;

  /** @param onEnd Called once, when nothing more will be offered: it was closed, fell too far behind, or nobody reads it any more. */
  constructor(prefix: string, onEnd: () => void) {
    this.#prefix = prefix;
    this.#onEnd = onEnd;
  }

  offer(events: readonly StoreEvent[]): void {
    if (this.#ended !== undefined) return;
    for (const event of events) if (concerns(event, this.#prefix)) this.#queue.push(event);
    if (this.#queue.length > MAX_BACKLOG) {
      this.close(
        new StoreError(
          "compacted",
          `Cannot go on watching "${this.#prefix}": over ${MAX_BACKLOG} events behind; list, then watch again`,
        ),
      );
    }
    this.#wake?.();
  }

  close(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#wake?.();
    this.#onEnd();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StoreEvent, void> {
    try {
      for (;;) {
        const batch = this.#queue;
        this.#queue = [];
        for (const event of batch) yield event;
        if (this.#queue.length > 0) continue;
        if (this.#ended !== undefined) {
          if (this.#ended.error !== undefined) throw this.#ended.error;
          return;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.close(undefined); // who read it has left
    }
  }
}

function concerns(event: StoreEvent, prefix: string): boolean {
  switch (event.type) {
    case "put":
      return event.record.key.startsWith(prefix);
    case "delete":
      return event.key.startsWith(prefix);
    case "progress":
      return true;
  }
}
