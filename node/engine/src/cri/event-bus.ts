/** Hands each event to everyone who listens. A listener that falls too far behind is ended: it must list again. */
export class EventBus<Event> {
  readonly #listeners = new Set<(event: Event) => void>();

  publish(event: Event): void {
    for (const listener of this.#listeners) listener(event);
  }

  async *subscribe(signal: AbortSignal, limit = 10_000): AsyncGenerator<Event> {
    const queue: Event[] = [];
    let wake = (): void => {};
    const listener = (event: Event): void => {
      queue.push(event);
      wake();
    };
    const stop = (): void => wake();
    this.#listeners.add(listener);
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!signal.aborted && queue.length <= limit) {
        const event = queue.shift();
        if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener("abort", stop);
    }
  }
}
