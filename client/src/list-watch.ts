import { ApiError } from "@tsukube/api";
import { type Clock, type Logger, messageOf, type Random } from "@tsukube/foundation";
import { Backoff } from "./backoff.ts";
import type { WatchOptions } from "./types.ts";

export interface ListWatchDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
  /** What becomes of a resource that is not served, until it is: it waits to be listed, or counts as empty. "wait" by default. */
  readonly unserved?: "wait" | "empty";
}

/** Where events come from, however much of their objects is decoded. */
export interface EventSource<Event> {
  watch(options: WatchOptions): AsyncIterable<Event>;
  /** The present state, for servers that cannot stream it. @returns the revision that it is of. */
  list(): Promise<{ readonly revision: string; readonly events: readonly Event[] }>;
  revisionOf(event: Event): string;
  /** Whether it only tells how far the watch is. */
  isBookmark(event: Event): boolean;
  /** Whether it ends the state that the watch begins with. */
  endsState(event: Event): boolean;
}

/** Who is told of them, without bookmarks. */
export interface EventSink<Event> {
  /** Whatever is there comes now, once. */
  listing(): void;
  take(event: Event): void;
  /** Whatever was there has come: what did not is gone. */
  listed(): void;
}

/** Follows a resource until the signal aborts: what is there, then every change, through lost connections and forgotten revisions. */
export class ListWatch<Event> {
  readonly #source: EventSource<Event>;
  readonly #sink: EventSink<Event>;
  readonly #deps: ListWatchDeps;
  readonly #signal: AbortSignal;
  #revision = "";
  #streamsLists = true;

  constructor(source: EventSource<Event>, sink: EventSink<Event>, deps: ListWatchDeps, signal: AbortSignal) {
    this.#source = source;
    this.#sink = sink;
    this.#deps = deps;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { clock, random, logger } = this.#deps;
    const backoff = new Backoff(100, 30_000, random);
    while (!this.#signal.aborted) {
      try {
        if (this.#revision === "") await this.#begin();
        await this.#follow({ resourceVersion: this.#revision, allowWatchBookmarks: true }, false);
        backoff.reset();
      } catch (error) {
        if (this.#signal.aborted) return;
        if (this.#deps.unserved === "empty" && ApiError.is(error, "NotFound")) this.#sink.listed();
        if (isExpired(error)) this.#revision = "";
        else logger.debug("cannot watch, trying again", { error: messageOf(error) });
        await clock.sleep(backoff.next(), this.#signal).catch(() => {});
      }
    }
  }

  /** The present state: streamed where the server can (KEP-3157), listed otherwise. */
  async #begin(): Promise<void> {
    this.#sink.listing();
    if (this.#streamsLists) {
      try {
        await this.#follow(
          { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: true },
          true,
        );
        return;
      } catch (error) {
        if (!ApiError.is(error, "Invalid") && !ApiError.is(error, "BadRequest")) throw error;
        this.#streamsLists = false;
      }
    }
    const { revision, events } = await this.#source.list();
    for (const event of events) this.#sink.take(event);
    this.#revision = revision;
    this.#sink.listed();
  }

  /** @param begins With a streamed list; the watch goes on after its end. */
  async #follow(options: WatchOptions, begins: boolean): Promise<void> {
    const source = this.#source;
    let isListing = begins;
    for await (const event of source.watch({ ...options, signal: this.#signal })) {
      const isEnd = isListing && source.endsState(event);
      if (isEnd) isListing = false;
      this.#revision = isListing ? "" : source.revisionOf(event) || this.#revision;
      if (isEnd) this.#sink.listed();
      else if (!source.isBookmark(event)) this.#sink.take(event);
    }
  }
}

function isExpired(error: unknown): boolean {
  return ApiError.is(error, "Expired") || ApiError.is(error, "Gone");
}
