import type { Cancel, Clock } from "@tsukube/foundation";
import { StoreError, type StoreEvent } from "./store.ts";

/** Events a watcher may fall behind before it is told to list again. */
const MAX_BACKLOG = 100_000;
/** How late those whom a commit does not concern are told how far it is. */
const PROGRESS_MS = 1000;

/** Fans committed events out to those who watch: a commit costs those whom it concerns, not all. */
export class Watchers {
  readonly #clock: Clock;
  readonly #byPrefix = new Map<string, Set<Watcher>>();
  /** How many prefixes are of a length. */
  readonly #prefixesOf = new Map<number, number>();
  /** Of prefixes, ascending, each once. */
  #lengths: readonly number[] = [];
  #count = 0;
  #revision = 0;
  #cancelProgress: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param events All of one commit; a progress event follows, so that watchers know the revision to be complete. */
  publish(events: readonly StoreEvent[], revision: number): void {
    this.#revision = revision;
    if (this.#count === 0) return;
    const concerned: Watcher[] = [];
    for (const event of events) {
      const key = keyOf(event);
      for (const length of this.#lengths) {
        if (length > key.length) break;
        for (const watcher of this.#byPrefix.get(key.slice(0, length)) ?? [])
          if (watcher.take(event)) concerned.push(watcher);
      }
    }
    for (const watcher of concerned) watcher.reach(revision);
    if (concerned.length < this.#count) this.#cancelProgress ??= this.#progressLater();
  }

  /** Everything in `replay`, then what is published. Ends when the signal aborts. */
  watch(prefix: string, replay: readonly StoreEvent[], signal: AbortSignal): AsyncIterable<StoreEvent> {
    const stop = (): void => watcher.close(undefined);
    const watcher = new Watcher(prefix, () => {
      this.#remove(prefix, watcher);
      signal.removeEventListener("abort", stop);
    });
    this.#add(prefix, watcher);
    watcher.offer(replay);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    return watcher;
  }

  close(): void {
    this.#cancelProgress?.();
    for (const watcher of this.#all())
      watcher.close(new StoreError("closed", "Cannot go on watching: the store is closed"));
  }

  #all(): readonly Watcher[] {
    return [...this.#byPrefix.values()].flatMap((watchers) => [...watchers]);
  }

  #progressLater(): Cancel {
    const tell = (): void => {
      this.#cancelProgress = undefined;
      for (const watcher of this.#all()) if (watcher.at < this.#revision) watcher.reach(this.#revision);
    };
    return this.#clock.after(PROGRESS_MS, tell, { background: true });
  }

  #add(prefix: string, watcher: Watcher): void {
    const watchers = this.#byPrefix.get(prefix) ?? new Set();
    this.#byPrefix.set(prefix, watchers.add(watcher));
    this.#count += 1;
    if (watchers.size === 1) this.#countLength(prefix.length, 1);
  }

  #remove(prefix: string, watcher: Watcher): void {
    const watchers = this.#byPrefix.get(prefix);
    if (watchers?.delete(watcher) !== true) return;
    this.#count -= 1;
    if (watchers.size > 0) return;
    this.#byPrefix.delete(prefix);
    this.#countLength(prefix.length, -1);
  }

  #countLength(length: number, change: 1 | -1): void {
    const before = this.#prefixesOf.get(length) ?? 0;
    if (before + change === 0) this.#prefixesOf.delete(length);
    else this.#prefixesOf.set(length, before + change);
    if (before === 0 || before + change === 0) this.#lengths = [...this.#prefixesOf.keys()].sort((a, b) => a - b);
  }
}

/** Events on their way to one who watches. */
export class Watcher implements AsyncIterable<StoreEvent> {
  readonly #prefix: string;
  readonly #onEnd: () => void;
  #queue: StoreEvent[] = [];
  /** The newest revision that progress was told of. */
  #at = 0;
  /** Whether events of a commit were taken whose progress is still to come. */
  #isWithin = false;
  #wake: (() => void) | undefined;
  #ended: { readonly error: Error | undefined } | undefined;

  /** @param onEnd Called once, when nothing more will be offered: it was closed, fell too far behind, or nobody reads it any more. */
  constructor(prefix: string, onEnd: () => void) {
    this.#prefix = prefix;
    this.#onEnd = onEnd;
  }

  get at(): number {
    return this.#at;
  }

  /** @param events Of which those below the prefix are for this watcher. */
  offer(events: readonly StoreEvent[]): void {
    for (const event of events) {
      if (event.type === "progress") this.#progress(event);
      else if (keyOf(event).startsWith(this.#prefix)) this.take(event);
    }
    this.#wake?.();
  }

  /** @param event One for this watcher; {@link reach} follows. @returns whether it is the first since then. */
  take(event: StoreEvent): boolean {
    const isFirst = !this.#isWithin;
    this.#isWithin = true;
    if (this.#ended !== undefined) return isFirst;
    this.#queue.push(event);
    if (this.#queue.length > MAX_BACKLOG) this.#giveUp();
    return isFirst;
  }

  #giveUp(): void {
    this.close(
      new StoreError(
        "compacted",
        `Cannot go on watching "${this.#prefix}": over ${MAX_BACKLOG} events behind; list, then watch again`,
      ),
    );
  }

  /** Everything up to a revision was offered. */
  reach(revision: number): void {
    this.#progress({ type: "progress", revision });
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

  /** Of several in a row the last one tells for all but the first, which ends a commit and has its revision. */
  #progress(event: Extract<StoreEvent, { type: "progress" }>): void {
    this.#at = event.revision;
    if (this.#queue.at(-1)?.type === "progress" && this.#queue.at(-2)?.type === "progress") this.#queue.pop();
    this.take(event);
    this.#isWithin = false;
  }
}

function keyOf(event: StoreEvent): string {
  switch (event.type) {
    case "put":
      return event.record.key;
    case "delete":
      return event.key;
    case "progress":
      return "";
  }
}
