/** Work on one thing follows each other, that on others does not wait. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Begins when everything before it on `key` is done, or has failed. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const over = result.then(
      () => {},
      () => {},
    );
    this.#last.set(key, over);
    void over.then(() => this.#last.get(key) === over && this.#last.delete(key));
    return result;
  }
}
