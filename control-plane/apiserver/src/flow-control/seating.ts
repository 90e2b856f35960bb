import type { IncomingRequest, RequestInfo, User } from "../contracts.ts";
import type { FlowQueue } from "./fair-queues.ts";
import type { Flow } from "./flow.ts";

/** Who asks for what. */
export interface Asked {
  readonly user: User;
  readonly info: RequestInfo;
}

/** Whose signal tells that it no longer waits. It is looked at only where it has to: making signals costs as much as seats. */
export type Asker = Pick<IncomingRequest, "signal">;

/** The seats of one request, or its wait for them. */
export class Seating {
  readonly flow: Flow;
  readonly asked: Asked;
  readonly distinguisher: string;
  readonly seats: number;
  /** Undefined where the level has none. */
  readonly queue: FlowQueue | undefined;
  /** Monotonic, in ms. */
  readonly arrived: number;
  /** In virtual time. */
  arrival = 0;
  /** Monotonic, in ms; undefined: it waits. */
  started: number | undefined;
  /** Tells the one that waits: it has its seats, or does not get them. */
  decide: ((granted: boolean) => void) | undefined;
  #isKept = false;
  #hasEnded = false;

  constructor(
    flow: Flow,
    asked: Asked,
    distinguisher: string,
    seats: number,
    queue: FlowQueue | undefined,
    arrived: number,
  ) {
    this.flow = flow;
    this.asked = asked;
    this.distinguisher = distinguisher;
    this.seats = seats;
    this.queue = queue;
    this.arrived = arrived;
  }

  /** The seats are held beyond the answer, until {@link end}: a watch sends what it begins with. */
  keep(): void {
    this.#isKept = true;
  }

  /** There is an answer. */
  answered(): void {
    if (!this.#isKept) this.end();
  }

  /** Gives the seats back; again is nothing. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.flow.level.finish(this);
  }
}
