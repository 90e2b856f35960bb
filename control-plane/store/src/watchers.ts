import type { Cancel, Clock } from "@tsukube/foundation";
import { StoreError, type StoreEvent } from "./store.ts";

/** Events a watcher may fall behind before it is told to list again. */
const MAX_BACKLOG = 100_000;
/** How late those whom a commit does not concern are told how far it is. */
const PROGRESS_MS = 1000;

type Progress = Extract<StoreEvent, { type: "progress" }>;

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
    const progress: Progress = { type: "progress", revision };
    for (const watcher of concerned) watcher.reach(progress);
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
      const progress: Progress = { type: "progress", revision: this.#revision };
      for (const watcher of this.#all()) if (watcher.at < progress.revision) watcher.reach(progress);
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

const NONE: readonly never[] = [];

type Told = IteratorResult<StoreEvent, void>;

/** Events on their way to one who watches. */
export class Watcher implements AsyncIterableIterator<StoreEvent, void> {
  readonly #prefix: string;
  readonly #onEnd: () => void;
  #queue: StoreEvent[] = [];
  /** What came before the queue, and how much of it was read. */
  #batch: readonly StoreEvent[] = NONE;
  #read = 0;
  /** The newest revision that progress was told of. */
  #at = 0;
  /** Whether events of a commit were taken whose progress is still to come. */
  #isWithin = false;
  /** Whether a later progress tells all that the newest event in the queue does. */
  #isOutdated = false;
  /** Of whoever waits. */
  #answer: ((told: Promise<Told>) => void) | undefined;
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
    this.#wake();
  }

  /** @param event One for this watcher; {@link reach} follows. @returns whether it is the first since then. */
  take(event: StoreEvent): boolean {
    const isFirst = !this.#isWithin;
    this.#isWithin = true;
    this.#push(event);
    return isFirst;
  }

  #push(event: StoreEvent): void {
    if (this.#ended !== undefined) return;
    this.#queue.push(event);
    if (this.#queue.length > MAX_BACKLOG) this.#giveUp();
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
  reach(progress: Progress): void {
    this.#progress(progress);
    this.#wake();
  }

  close(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    this.#wake();
    this.#onEnd();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One call at a time. No generator: one that waits takes three times the memory, and that is what a watcher costs of whom nothing concerns. */
  next(): Promise<Told> {
    return (
      this.#told() ??
      new Promise((resolve) => {
        this.#answer = resolve;
      })
    );
  }

  /** Who read it has left. */
  return(): Promise<Told> {
    this.close(undefined);
    this.#ended = { error: undefined };
    [this.#queue, this.#batch, this.#read] = [[], NONE, 0];
    return this.next();
  }

  #wake(): void {
    const answer = this.#answer;
    const told = answer && this.#told();
    if (told === undefined) return;
    this.#answer = undefined;
    answer?.(told);
  }

  /** undefined: there is nothing to tell yet. */
  #told(): Promise<Told> | undefined {
    const value = this.#nextEvent();
    if (value !== undefined) return Promise.resolve({ value, done: false });
    const ended = this.#ended;
    if (ended === undefined) return undefined;
    this.#ended = { error: undefined };
    return ended.error === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(ended.error);
  }

  #nextEvent(): StoreEvent | undefined {
    if (this.#read === this.#batch.length) {
      [this.#batch, this.#read] = [NONE, 0];
      if (this.#queue.length < 2) return this.#queue.pop(); // nothing to move, mostly
      [this.#batch, this.#queue, this.#read] = [this.#queue, [], 0];
    }
    this.#read += 1;
    return this.#batch[this.#read - 1];
  }

  /** Of several that end no commit of this watcher the last one tells for all. */
  #progress(event: Progress): void {
    this.#at = event.revision;
    if (this.#isOutdated && !this.#isWithin && this.#queue.length > 0) this.#queue.pop();
    this.#isOutdated = !this.#isWithin;
    this.#isWithin = false;
    this.#push(event);
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
