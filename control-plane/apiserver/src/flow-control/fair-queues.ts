import type { Seating } from "./seating.ts";

/** How long a request is taken to hold its seats, in ms, until it is known. */
const SERVICE_MS = 3;

/** Requests of few flows, in the order in which they came. */
export class FlowQueue {
  readonly index: number;
  readonly waiting: Seating[] = [];
  waitingSeats = 0;
  executing = 0;
  seatsInUse = 0;
  /** When, in virtual time, its next request begins. */
  nextStart = 0;

  constructor(index: number) {
    this.index = index;
  }

  /** In seat-milliseconds. */
  get waitingWork(): number {
    return this.waitingSeats * SERVICE_MS;
  }

  get isIdle(): boolean {
    return this.waiting.length === 0 && this.executing === 0;
  }
}

/**
 * Fair queuing of requests that differ in seats and in duration (KEP-1040): virtual time is what each queue that wants seats
 * got of them, in seat-milliseconds; next is the request that would be the first to end if all queues were served at once.
 */
export class FairQueues {
  /** Made when they are picked first; more than are wanted while those drain. */
  readonly #queues: (FlowQueue | undefined)[] = [];
  #wanted = 0;
  #virtual = 0;
  #now: number;
  /** Queues that are not idle. */
  #active = 0;
  /** Asked for or held by requests of all queues. */
  #seats = 0;
  #picks = 0;
  #last = 0;

  constructor(now: number) {
    this.#now = now;
  }

  /** The queues that there are. */
  *[Symbol.iterator](): IterableIterator<FlowQueue> {
    for (const queue of this.#queues) if (queue !== undefined) yield queue;
  }

  /** Of queues that are too many, those at the end go as soon as they are idle. */
  resize(wanted: number): void {
    this.#wanted = wanted;
    this.#shrink();
  }

  /** To be called before anything changes: until now it was as it is. */
  advance(now: number, seatLimit: number): void {
    if (this.#active > 0) this.#virtual += (Math.min(this.#seats, seatLimit) / this.#active) * (now - this.#now);
    this.#now = now;
  }

  /** The queue of the hand where least waits; those that are alike take turns. */
  pick(hand: readonly number[]): FlowQueue {
    let best: FlowQueue | undefined;
    for (let i = 0; i < hand.length; i += 1) {
      const queue = this.#at(hand[(this.#picks + i) % hand.length]!);
      if (best === undefined || queue.waitingSeats < best.waitingSeats) best = queue;
    }
    this.#picks += 1;
    return best!;
  }

  wait(queue: FlowQueue, seating: Seating): void {
    this.#enter(queue, seating.seats);
    seating.arrival = this.#virtual;
    queue.waiting.push(seating);
    queue.waitingSeats += seating.seats;
    bound(queue);
  }

  /** A request begins without having waited. */
  start(queue: FlowQueue, seats: number): void {
    this.#enter(queue, seats);
    if (queue.waiting.length === 0) queue.nextStart = Math.max(queue.nextStart, this.#virtual);
    this.#begin(queue, seats);
  }

  /** Whose oldest request is next; undefined: none waits. */
  next(): FlowQueue | undefined {
    let best: FlowQueue | undefined;
    let bestEnd = Number.POSITIVE_INFINITY;
    const count = this.#queues.length;
    for (let i = 1; i <= count; i += 1) {
      const queue = this.#queues[(this.#last + i) % count];
      const oldest = queue?.waiting[0];
      if (queue === undefined || oldest === undefined) continue;
      const end = queue.nextStart + oldest.seats * SERVICE_MS;
      if (end >= bestEnd) continue;
      best = queue;
      bestEnd = end;
    }
    return best;
  }

  /** The oldest request of a queue begins. */
  take(queue: FlowQueue): Seating {
    const seating = queue.waiting.shift()!;
    queue.waitingSeats -= seating.seats;
    this.#begin(queue, seating.seats);
    bound(queue);
    return seating;
  }

  /** One that waits no longer wants to. */
  leave(queue: FlowQueue, seating: Seating): void {
    queue.waiting.splice(queue.waiting.indexOf(seating), 1);
    queue.waitingSeats -= seating.seats;
    bound(queue);
    this.#exit(queue, seating.seats);
  }

  /** @param tookMs How long the request held its seats. */
  finish(queue: FlowQueue, seats: number, tookMs: number): void {
    queue.executing -= 1;
    queue.seatsInUse -= seats;
    queue.nextStart -= seats * (SERVICE_MS - tookMs);
    bound(queue);
    this.#exit(queue, seats);
  }

  #at(index: number): FlowQueue {
    let queue = this.#queues[index];
    if (queue === undefined) {
      queue = new FlowQueue(index);
      while (this.#queues.length < index) this.#queues.push(undefined);
      this.#queues[index] = queue;
    }
    return queue;
  }

  #enter(queue: FlowQueue, seats: number): void {
    this.#seats += seats;
    if (!queue.isIdle) return;
    this.#active += 1;
    queue.nextStart = this.#virtual;
  }

  #begin(queue: FlowQueue, seats: number): void {
    queue.executing += 1;
    queue.seatsInUse += seats;
    queue.nextStart += seats * SERVICE_MS;
    this.#last = queue.index;
  }

  #exit(queue: FlowQueue, seats: number): void {
    this.#seats -= seats;
    if (!queue.isIdle) return;
    this.#active -= 1;
    if (this.#queues.length > this.#wanted) this.#shrink();
  }

  #shrink(): void {
    while (this.#queues.length > this.#wanted && this.#queues.at(-1)?.isIdle !== false) this.#queues.pop();
  }
}

/** Nothing begins before it came: a queue that did not use what it was allotted does not save it up. */
function bound(queue: FlowQueue): void {
  const oldest = queue.waiting[0];
  if (oldest !== undefined && queue.nextStart < oldest.arrival) queue.nextStart = oldest.arrival;
}
