/** What the reader says, and how far it may be ahead of who listens. */
export type Frame =
  | { readonly type: "meta"; readonly value: Uint8Array }
  /** See lmdb-blocks.ts. The memory goes to who listens. */
  | { readonly type: "entries"; readonly block: Uint8Array }
  | { readonly type: "damage"; readonly message: string }
  /** A key of which nothing is handed on. */
  | { readonly type: "lost"; readonly key: string }
  /** How many entries nothing is known of; and whether, though none is missing, some may be older than what was written. */
  | { readonly type: "missing"; readonly count: number; readonly isOutdated: boolean }
  | { readonly type: "end" };

/** What a reader is asked for. */
export interface ReaderTask {
  readonly path: string;
  /** Only what is whole is wanted, and the names of what is not. */
  readonly onlyWhole: boolean;
  readonly heard: Heard;
}

/** How many frames were heard. Shared by both threads. */
export type Heard = Int32Array<SharedArrayBuffer>;

/** A block is a megabyte. */
const MOST_AHEAD = 32;

export function newHeard(): Heard {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** Tells the reader that it may go on. */
export function hear(heard: Heard): void {
  Atomics.add(heard, 0, 1);
  Atomics.notify(heard, 0);
}

/** Waits until all but a few of the frames that were sent are heard. */
export function waitFor(heard: Heard, sent: number): void {
  for (let seen = Atomics.load(heard, 0); sent - seen >= MOST_AHEAD; seen = Atomics.load(heard, 0))
    Atomics.wait(heard, 0, seen);
}
