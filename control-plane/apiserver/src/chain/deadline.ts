import { ApiError, durationMs } from "@tsukube/api";
import { type Clock, messageOf } from "@tsukube/foundation";
import type { RequestInfo } from "../contracts.ts";

/** Upstream's default of --request-timeout: a client cannot ask for more. */
export const MOST_MS = 60_000;
/** Nor for writes of objects, each of which is done by then or not waited for. */
const MOST_OF_WRITES_MS = 34_000;
const WRITES = new Set(["create", "update", "patch", "delete"]);

/**
 * How long a client wants to wait at most, in ms, by the `timeout` of its URL; undefined: it does not say, or says 0s.
 * @throws {ApiError} 400 for what is no duration of Go.
 */
export function deadlineOf({ query }: RequestInfo): number | undefined {
  const text = query.get("timeout");
  if (text === null || text === "") return undefined;
  try {
    const ms = durationMs(text);
    return ms > 0 && ms < MOST_MS ? ms : undefined;
  } catch (error) {
    throw ApiError.badRequest(`invalid timeout specified in the request URL - ${messageOf(error)}`);
  }
}

/** The time of a request: once it is over, what works for the request begins nothing more. */
export class Allotted {
  /** When it is over, as the clock's monotonic ms. */
  readonly until: number;
  #late: ApiError | undefined;

  constructor(until: number) {
    this.until = until;
  }

  /** @param late What the request was answered. */
  end(late: ApiError): void {
    this.#late = late;
  }

  /** @throws {ApiError} 504 when it is over. */
  mustLast(): void {
    if (this.#late !== undefined) throw this.#late;
  }
}

/** What `work` answers, or a 504 after `ms`: it goes on then until it asks whether its time lasts. */
export async function within<T>(ms: number, clock: Clock, work: (time: Allotted) => Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const time = new Allotted(clock.monotonic() + ms);
  const cancel = clock.after(ms, () => {
    const problem = ApiError.timeout("request did not complete within the allotted timeout");
    time.end(problem);
    late.reject(problem);
  });
  try {
    return await Promise.race([work(time), late.promise]);
  } finally {
    cancel();
  }
}

const LOOK_EVERY_MS = 1000;

interface Waiting {
  readonly time: Allotted;
  readonly reject: (error: ApiError) => void;
}

/** Work that waits, the oldest first: a timer for each would cost more than most of them take. */
class Bound {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #problem: string;
  readonly #waiting = new Set<Waiting>();
  #isLooking = false;

  constructor(clock: Clock, ms: number, problem: string) {
    this.#clock = clock;
    this.#ms = ms;
    this.#problem = problem;
  }

  holds<T>(work: (time: Allotted) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const time = new Allotted(this.#clock.monotonic() + this.#ms);
      const entry = { time, reject };
      this.#waiting.add(entry);
      this.#lookLater();
      work(time).then(
        (result) => {
          this.#waiting.delete(entry);
          resolve(result);
        },
        (error: unknown) => {
          this.#waiting.delete(entry);
          reject(error);
        },
      );
    });
  }

  #lookLater(): void {
    if (this.#isLooking || this.#waiting.size === 0) return;
    this.#isLooking = true;
    this.#clock.after(LOOK_EVERY_MS, () => this.#look(), { background: true });
  }

  #look(): void {
    this.#isLooking = false;
    for (const entry of this.#waiting) {
      if (entry.time.until > this.#clock.monotonic()) break;
      this.#waiting.delete(entry);
      const late = ApiError.timeout(this.#problem);
      entry.time.end(late);
      entry.reject(late);
    }
    this.#lookLater();
  }
}

/** How long requests may take that do not stay open by themselves, whatever a client asks for. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #all: Bound;
  readonly #writes: Bound;
  readonly #isElsewhere: (info: RequestInfo) => boolean;

  /** @param isElsewhere Whether another server answers, which bounds its writes itself. */
  constructor(clock: Clock, isElsewhere: (info: RequestInfo) => boolean) {
    this.#clock = clock;
    this.#isElsewhere = isElsewhere;
    this.#all = new Bound(clock, MOST_MS, "request did not complete within the allotted timeout");
    const late = "request did not complete within requested timeout - context deadline exceeded";
    this.#writes = new Bound(clock, MOST_OF_WRITES_MS, late);
  }

  /**
   * What `work` answers, or a 504: what it has begun by then goes on, and may still take effect.
   * @param asked Of {@link deadlineOf}.
   */
  hold<T>(info: RequestInfo, asked: number | undefined, work: (time: Allotted) => Promise<T>): Promise<T> {
    const isWrite = info.isResource && WRITES.has(info.verb) && !this.#isElsewhere(info);
    if (asked !== undefined && (!isWrite || asked < MOST_OF_WRITES_MS)) return within(asked, this.#clock, work);
    return (isWrite ? this.#writes : this.#all).holds(work);
  }
}
