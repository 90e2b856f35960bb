import { messageOf } from "./errors.ts";
import type { Logger } from "./log.ts";

export type Dispose = () => void | Promise<void>;

/**
 * Owns resources and releases them in reverse order of registration. Whoever creates a resource registers its disposal on
 * the next line; one failing disposal does not keep the others from running.
 */
export class Lifetime implements AsyncDisposable {
  readonly #disposals: { readonly what: string; readonly dispose: Dispose }[] = [];
  readonly #abort = new AbortController();
  #closing: Promise<void> | undefined;

  /** Aborts when closing begins. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Registers `dispose`; `what` names the resource in an error. */
  add(what: string, dispose: Dispose): void {
    this.#disposals.push({ what, dispose });
  }

  /** Registers and returns something that has its own `close()`. */
  own<T extends { close(): void | Promise<void> }>(what: string, resource: T): T {
    this.add(what, () => resource.close());
    return resource;
  }

  /** Releases everything, once; later calls wait for the first. @throws {AggregateError} of the disposals that failed. */
  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    this.#abort.abort(new Error("closing"));
    const failures: unknown[] = [];
    for (let entry = this.#disposals.pop(); entry !== undefined; entry = this.#disposals.pop()) {
      try {
        await entry.dispose();
      } catch (cause) {
        failures.push(new Error(`Cannot release "${entry.what}": ${messageOf(cause)}`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(messageOf).join("; "));
  }
}

/** Logs a failure of work that nobody awaits. */
export function detach(work: Promise<unknown>, logger: Logger, message: string): void {
  work.catch((error: unknown) => logger.error(message, { error: messageOf(error) }));
}
