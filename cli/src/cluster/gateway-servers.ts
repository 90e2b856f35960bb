import { type Cancel, type Clock, type Logger, messageOf } from "@tsukube/foundation";

interface Server {
  close(): Promise<void> | void;
}

interface Deps {
  readonly serve: (address: string) => Promise<Server>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An attachment is on record before its bridge is made. */
const FIRST_MS = 50;
const LONGEST_MS = 5000;

/** A server at each gateway that is wanted. One that cannot listen tries again while it is wanted; nothing runs otherwise. */
export class GatewayServers {
  readonly #deps: Deps;
  readonly #servers = new Map<string, Promise<Server | undefined>>();
  readonly #retries = new Map<string, Cancel>();
  #wanted: ReadonlySet<string> = new Set();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  want(addresses: readonly string[]): void {
    this.#wanted = new Set(addresses);
    for (const address of this.#wanted) {
      if (this.#servers.has(address)) continue;
      this.#retries.get(address)?.();
      this.#serve(address, FIRST_MS);
    }
    for (const address of [...this.#servers.keys(), ...this.#retries.keys()])
      if (!this.#wanted.has(address)) this.#leave(address);
  }

  async close(): Promise<void> {
    const servers = [...this.#servers.values()];
    this.want([]);
    await Promise.all(servers);
  }

  #serve(address: string, delay: number): void {
    const server = this.#deps.serve(address).catch((error: unknown) => {
      this.#servers.delete(address);
      if (!this.#wanted.has(address)) return undefined;
      this.#deps.logger.warn("cannot answer at a gateway", { address, error: messageOf(error) });
      const again = (): void => {
        this.#retries.delete(address);
        this.#serve(address, Math.min(delay * 2, LONGEST_MS));
      };
      this.#retries.set(address, this.#deps.clock.after(delay, again, { background: true }));
      return undefined;
    });
    this.#servers.set(address, server);
  }

  #leave(address: string): void {
    this.#retries.get(address)?.();
    this.#retries.delete(address);
    const server = this.#servers.get(address);
    this.#servers.delete(address);
    void server?.then((each) => each?.close());
  }
}
