/** Of the smoothed demand, what is left after a period; half of it after five minutes (KEP-1040). */
const SMOOTHING = 0.977;

/** How many seats a priority level could use, over time, and what the periods before say of it. */
export class SeatDemand {
  /** Of the last period, in seats. */
  average = 0;
  deviation = 0;
  high = 0;
  smoothed = 0;
  readonly #periodMs: number;
  #now = 0;
  #highest = 0;
  #since: number;
  #at: number;
  /** Integrals over time of the value and of its square. */
  #sum = 0;
  #squares = 0;

  /** @param periodMs How long periods are meant to be; longer ones count as several. */
  constructor(now: number, periodMs: number) {
    this.#since = now;
    this.#at = now;
    this.#periodMs = periodMs;
  }

  set(seats: number, now: number): void {
    this.#advance(now);
    this.#now = seats;
    if (seats > this.#highest) this.#highest = seats;
  }

  /** Ends a period and begins the next. */
  close(now: number): void {
    this.#advance(now);
    const duration = now - this.#since;
    this.high = this.#highest;
    if (duration > 0) this.#summarize(duration);
    this.#highest = this.#now;
    this.#since = now;
    this.#sum = 0;
    this.#squares = 0;
  }

  #summarize(duration: number): void {
    this.average = this.#sum / duration;
    this.deviation = Math.sqrt(Math.max(0, this.#squares / duration - this.average ** 2));
    const envelope = this.average + this.deviation;
    const kept = SMOOTHING ** Math.max(1, duration / this.#periodMs);
    this.smoothed = Math.max(envelope, kept * this.smoothed + (1 - kept) * envelope);
  }

  #advance(now: number): void {
    const ms = now - this.#at;
    this.#at = now;
    this.#sum += this.#now * ms;
    this.#squares += this.#now * this.#now * ms;
  }
}
